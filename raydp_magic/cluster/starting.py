"""`start` and `current`: one cluster a process, made step by step, undone when a step fails."""

from __future__ import annotations

import atexit
import contextlib
import platform
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from raydp_magic.cluster.cluster import Cluster
from raydp_magic.cluster.fit import check_fit, cpus_left
from raydp_magic.cluster.supervisor import Supervisor
from raydp_magic.engine import ray_session
from raydp_magic.engine.archive import find_archive, make_in_background
from raydp_magic.engine.driver import DriverJvm, check_no_foreign_session, check_port_free
from raydp_magic.engine.java import JavaHome, find_java, rejected_java_home, supported_for
from raydp_magic.engine.launch import LOOPBACK, Secret, SparkHome
from raydp_magic.engine.runtime_dir import tail
from raydp_magic.engine.spark_home import find_spark
from raydp_magic.errors import (
    AlreadyRunningError,
    DoesNotFitError,
    ExecutorsLostError,
    NotRunningError,
    StartError,
    UsageError,
)
from raydp_magic.spec import ClusterSpec, make_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Phase = Literal["ray", "driver", "executors", "ready"]

_lock = threading.RLock()
_current: Cluster | None = None
_last_end: str | None = None
_stopped_at = -3600.0

GIVING_BACK_SECONDS = 5.0
"""Ray counts an ended actor's resources as free a moment after its end."""


def not_running() -> NotRunningError:
    """The error for whoever needs a cluster: says why the last one ended when it failed."""
    if _last_end is None:
        return NotRunningError()
    return NotRunningError(f"The cluster has ended: {_last_end}")


@dataclass(frozen=True)
class StartProgress:
    """How far a start has come; `elapsed` in seconds."""

    phase: Phase
    message: str
    executors_up: int
    executors_wanted: int
    elapsed: float


def current() -> Cluster | None:
    """The running cluster of this process, or None."""
    if _current is not None:
        _current.settle()
    return _current


def start(
    *,
    executors: int = 2,
    cores: int = 1,
    memory: str | int = "1g",
    memory_overhead: str | int | None = None,
    driver_memory: str | int = "1g",
    gpus: float = 0,
    resources: Mapping[str, float] | None = None,
    address: str | None = None,
    name: str = "raydp_magic",
    conf: Mapping[str, object] | None = None,
    ui_port: int = 0,
    max_restarts: int = 5,
    wait: bool = True,
    timeout: float = 120.0,
    progress: Callable[[StartProgress], None] | None = None,
) -> Cluster:
    """Start Spark on Ray in this process.

    Parameters
    ----------
    executors : int
        How many executors: one Ray actor and one JVM each.
    cores : int
        Task slots, and Ray CPUs, of one executor.
    memory : str or int
        Heap of one executor: ``"1g"``, ``"512m"``, or MiB as an int.
    memory_overhead : str or int, optional
        Its off-heap share (Python workers, Arrow); 10 % and at least 384 MiB by default.
        Ray reserves heap + overhead.
    driver_memory : str or int
        Heap of the Spark driver.
    gpus : float
        Ray GPUs of one executor.
    resources : mapping of str to float, optional
        Custom Ray resources of one executor.
    address : str, optional
        Ray to join: ``"auto"``, ``"host:port"``; ``"local"`` for a new one. By default the Ray
        of this process, else the one that ``ray.init()`` would join, else a new local one,
        which ends with the cluster.
    name : str
        Spark application name.
    conf : mapping, optional
        More Spark settings.
    ui_port : int
        Port of the Spark UI; 0 takes a free one.
    max_restarts : int
        How often one executor that dies is replaced.
    wait : bool
        Return when all executors are there; with False as soon as the driver is.
    timeout : float
        Seconds to wait for the driver, and again for the executors.
    progress : callable, optional
        Called with a :class:`StartProgress` on every change, in the calling thread.

    Returns
    -------
    Cluster
        The running cluster; the same one when it already runs with this request.

    Raises
    ------
    UsageError
        A wrong argument.
    PortInUseError
        `ui_port` is taken.
    AlreadyRunningError
        A cluster with another request runs in this process.
    ForeignSparkError
        A SparkSession of somebody else lives in this process.
    JavaError
        No Java that this Spark runs on.
    RayUnreachableError
        No Ray at `address`.
    DoesNotFitError
        The live nodes have no room; says what would fit.
    StartError
        A process of ours ended, or did not answer in `timeout`, with its last log lines.

    Examples
    --------
    >>> with raydp_magic.start(executors=2, cores=1, memory="1g") as cluster:  # doctest: +SKIP
    ...     cluster.spark.range(10).count()
    10
    """
    global _current
    spec = make_spec(
        executors=executors,
        cores=cores,
        memory=memory,
        memory_overhead=memory_overhead,
        driver_memory=driver_memory,
        gpus=gpus,
        resources=resources,
        address=address,
        name=name,
        conf=conf,
        ui_port=ui_port,
        max_restarts=max_restarts,
    )
    if not timeout > 0:
        raise UsageError(
            f"timeout={timeout!r}: more than 0 seconds are needed", hint="try timeout=120."
        )
    with _lock:
        if _current is not None:
            _current.settle()
        if _current is not None and _current.state in ("starting", "running"):
            if _current.spec == spec:
                return _current
            raise AlreadyRunningError(_current.spec.describe(), spec.describe())
        check_no_foreign_session()
        check_port_free(spec.ui_port, "ui_port")
        start_ = _Start(spec, timeout, progress)
        try:
            _current = start_.run(wait=wait)
        except BaseException:
            start_.undo()
            raise
        return _current


class _Start:
    """One attempt: the steps in order, and how to take them back."""

    def __init__(
        self, spec: ClusterSpec, timeout: float, progress: Callable[[StartProgress], None] | None
    ) -> None:
        self.spec = spec
        self.timeout = timeout
        self._progress = progress
        self._began = time.monotonic()
        self._ray: ray_session.RayConnection | None = None
        self._driver: DriverJvm | None = None
        self._supervisor: Supervisor | None = None
        self._cluster: Cluster | None = None
        self._had_ray = ray_session.is_connected()

    def run(self, *, wait: bool) -> Cluster:
        import ray

        spark = find_spark()
        java = find_java(supported=supported_for(spark.version))
        secret = Secret(secrets.token_hex(32))
        self._tell("ray", "Joining Ray" if self.spec.address else "Starting Ray")
        if ray_session.will_start_local(self.spec.address):
            check_fit(self.spec, [ray_session.coming_local_node()])
            # Its addresses are known before it runs, so that both can start at once.
            self._driver = self._jvm(java, spark, LOOPBACK, secret)
        self._ray = ray_session.connect(self.spec.address)
        rooms = ray_session.nodes()
        loopback = self._driver is not None or self._one_machine(rooms)
        if loopback:
            rooms = [room for room in rooms if room.ip == self._ray.node_ip]
        rooms = self._check_fit(rooms)
        left = cpus_left(self.spec, rooms)
        self._tell("driver", "Ray is up; starting Spark's driver")
        host = LOOPBACK if loopback else self._ray.node_ip
        if self._driver is None:
            self._driver = self._jvm(java, spark, host, secret)
        self._supervisor = Supervisor(
            self.spec,
            secret=secret,
            loopback=loopback,
            node_ip=self._ray.node_ip,
            on_gone=self._gone,
        )
        self._supervisor.scale(self.spec.executors)
        self._driver.open_session(self.timeout)
        self._cluster = Cluster(
            self.spec,
            driver=self._driver,
            supervisor=self._supervisor,
            ray=self._ray,
            versions={
                "spark": spark.version,
                "ray": ray.__version__,
                "java": f"{java.version} ({java.source})",
                "python": platform.python_version(),
            },
            on_stopped=_forget,
        )
        self._note(left, java)
        self._supervisor.attach(self._driver)
        atexit.register(self._cluster.stop_at_exit)
        self._tell("executors", "Spark's driver is up; starting executors")
        if wait:
            self._wait_executors()
            self._tell("ready", "Ready")
        self._cluster.archive_maker = make_in_background(java, spark)
        return self._cluster

    def undo(self) -> None:
        """Take back every step that was done; goes on when one fails."""
        if self._cluster is not None:
            self._cluster.stop()
            return
        with contextlib.ExitStack() as steps:  # runs them all, last first, whatever one raises
            if not self._had_ray and ray_session.is_connected():
                steps.callback(ray_session.disconnect)
            if self._supervisor is not None:
                steps.callback(self._supervisor.stop)
            if self._driver is not None:
                steps.callback(self._driver.stop)

    def _jvm(self, java: JavaHome, spark: SparkHome, host: str, secret: str) -> DriverJvm:
        archive = find_archive(java, spark, "driver")
        return DriverJvm(
            self.spec, java=java, spark=spark, host=host, secret=secret, archive=archive
        )

    def _check_fit(self, rooms: list[ray_session.NodeRoom]) -> list[ray_session.NodeRoom]:
        """Refuse what cannot run; a cluster stopped a moment ago may still be giving back."""
        deadline = _stopped_at + GIVING_BACK_SECONDS
        while True:
            try:
                check_fit(self.spec, rooms)
            except DoesNotFitError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
                known = {room.node_id for room in rooms}
                rooms = [room for room in ray_session.nodes() if room.node_id in known]
            else:
                return rooms

    def _one_machine(self, rooms: list[ray_session.NodeRoom]) -> bool:
        asked = dict(self.spec.conf).get("spark.driver.host")
        if asked is not None:
            return asked in (LOOPBACK, "localhost")
        assert self._ray is not None
        return ray_session.all_on_this_machine(rooms, self._ray.node_ip)

    def _note(self, left: float, java: JavaHome) -> None:
        assert self._cluster is not None
        if left < 1:
            self._cluster.problems.append(
                "the executors take every CPU of this Ray: Ray tasks and Datasets wait until some "
                "are free; use fewer executors or cores"
            )
        rejected = rejected_java_home(java)
        if rejected:
            self._cluster.problems.append(rejected)

    def _wait_executors(self) -> None:
        assert self._cluster is not None
        assert self._supervisor is not None
        deadline = time.monotonic() + self.timeout
        shown = -1
        while True:
            up, state = self._cluster.executors_up, self._cluster.state
            if state == "running":
                return
            if state == "failed":
                raise StartError(
                    "Spark's driver ended while executors were starting",
                    log_tail=self._cluster.logs("driver", 12).splitlines(),
                )
            lost = [slot for slot in self._supervisor.slots() if slot.phase == "failed"]
            if lost:
                raise ExecutorsLostError(
                    f"Executors do not start: {lost[0].message}", log_tail=lost[0].log_tail
                )
            if time.monotonic() > deadline:
                raise self._late(up)
            if up != shown:
                shown = up
                self._tell("executors", "Starting executors")
            time.sleep(0.05)

    def _late(self, up: int) -> StartError:
        assert self._supervisor is not None
        slots = [slot for slot in self._supervisor.slots() if slot.phase != "up"]
        waiting = [slot for slot in slots if slot.phase == "requested"]
        if waiting:
            return StartError(
                f"{up} of {self.spec.executors} executors came in {self.timeout:.0f} s; "
                f"{len(waiting)} still wait for Ray to place their actors",
                hint="something else took the resources meanwhile: look at the Ray dashboard.",
            )
        log = self._cluster.logs(slots[0].executor_id, 12).splitlines() if self._cluster else []
        return StartError(
            f"{up} of {self.spec.executors} executors came in {self.timeout:.0f} s",
            hint="a slow machine may need more: pass a larger timeout.",
            log_tail=log or tail(self._driver.log, 12) if self._driver else (),
        )

    def _gone(self, why: str | None) -> None:
        if self._cluster is None:
            return
        if why is None:
            self._cluster.stop_for_user()
        else:
            self._cluster.fail(why)

    def _tell(self, phase: Phase, message: str) -> None:
        if self._progress is None:
            return
        up = self._cluster.executors_up if self._cluster else 0
        elapsed = time.monotonic() - self._began
        self._progress(StartProgress(phase, message, up, self.spec.executors, elapsed))


def _forget(cluster: Cluster) -> None:
    global _current, _last_end, _stopped_at
    _stopped_at = time.monotonic()
    _last_end = cluster.ended_because
    atexit.unregister(cluster.stop_at_exit)
    if _current is cluster:
        _current = None
