"""One attempt at Ray on Spark: its steps in order, and how each is taken back."""

from __future__ import annotations

import atexit
import contextlib
import platform
import socket
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from raydp_magic.engine.interrupts import import_whole, interrupts_held
from raydp_magic.engine.offered_ray import nodes_at, offer
from raydp_magic.errors import RaydpMagicError, StartError, UsageError
from raydp_magic.on_spark.handle import RayOnSpark
from raydp_magic.on_spark.launching import Launch
from raydp_magic.on_spark.machines import (
    check_machines,
    full_note,
    look_around,
    slots_in,
    with_room,
)
from raydp_magic.on_spark.request import OnSparkSpec, setup_arguments
from raydp_magic.on_spark.session import (
    LentDriver,
    executors_of,
    java_of,
    readable_memory,
    start_session,
)
from raydp_magic.on_spark.surroundings import Surroundings
from raydp_magic.on_spark.watch import Watch, first_line, why_ended
from raydp_magic.spec import parse_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from raydp_magic.cluster.cluster import Cluster
    from raydp_magic.engine.driver import DriverJvm
    from raydp_magic.on_spark.session import SparkExecutor

Phase = Literal["spark", "head", "nodes", "ready"]
UNDO_SECONDS = 60.0
EXECUTOR_SECONDS = 10.0
"""How long more executors of a Spark cluster are waited for, once there is one."""


_asleep: list[Launch] = []


def wait_undone() -> None:
    """Wait for set-ups of attempts that were interrupted: they sleep, and hold a lock of Ray's."""
    while _asleep:
        _asleep.pop().wait(UNDO_SECONDS)


@dataclass(frozen=True)
class NodesProgress:
    """How far a start has come; `elapsed` in seconds."""

    phase: Phase
    nodes_up: int
    nodes_wanted: int
    elapsed: float


class OnSparkAttempt:
    """One attempt at a start.

    Parameters
    ----------
    spec : OnSparkSpec
        What was asked for.
    session : SparkSession or None
        The Spark to put Ray on; None to start one.
    timeout : float
        Seconds to wait for Spark, and again for Ray's nodes.
    progress : callable, optional
        Told of every change.
    on_stopped : callable
        Called with the handle once it has ended.
    """

    def __init__(
        self,
        spec: OnSparkSpec,
        session: SparkSession | None,
        *,
        timeout: float,
        progress: Callable[[NodesProgress], None] | None,
        on_stopped: Callable[[Cluster], None],
    ) -> None:
        self.spec = spec
        self._session = session
        self.timeout = timeout
        self._progress = progress
        self._on_stopped = on_stopped
        self._began = time.monotonic()
        self._driver: DriverJvm | None = None
        self._surroundings: Surroundings | None = None
        self._launch: Launch | None = None
        self._handle: RayOnSpark | None = None
        self._interrupted: Callable[[], bool] = bool  # never

    def run(self, *, wait: bool, interrupted: Callable[[], bool]) -> RayOnSpark:
        """Take the steps; returns the handle, with the least number of nodes up."""
        del wait  # Ray's own set-up waits in any case
        self._interrupted = interrupted
        self._tell("spark")
        import_whole("ray")
        import ray

        driver = self._open_spark()
        session = driver.session
        assert session is not None
        executors = self._wait_executors(session)
        conf = session.sparkContext.getConf()
        grows = conf.get("spark.dynamicAllocation.enabled", "false") == "true"
        spec = with_room(self._with_local_cpus(session), executors, grows=grows)
        machines = look_around(session, max(1, len(executors)))
        check_machines(machines, ray.__version__)
        self._tell("head")
        with interrupts_held():
            self._surroundings = Surroundings()
        launch = self._launch = Launch(
            session,
            setup_arguments(spec),
            head_ip=head_ip(driver.host),
            surroundings=self._surroundings,
            variables=self._surroundings.variables(machines),
        )
        launch.start()
        self._wait_nodes(spec)
        offer(launch.address)
        watch = Watch(driver, launch)
        self._handle = RayOnSpark(
            self.spec,
            driver=driver,
            launch=launch,
            watch=watch,
            surroundings=self._surroundings,
            versions={
                "ray": ray.__version__,
                "spark": session.version,
                "java": java_of(session),
                "python": platform.python_version(),
            },
            on_stopped=self._on_stopped,
        )
        who = "driver" if spec.local else "executor"
        memory = conf.get(f"spark.{who}.memory", "1g") or "1g"
        self._handle.spec = as_found(spec, executors, readable_memory(memory))
        self._note(spec, executors)
        atexit.register(self._handle.stop_at_exit)
        watch.start(self._handle.problems, self._handle.end)
        self._tell("ready", spec.min_nodes)
        return self._handle

    def undo(self) -> None:
        """Take back every step that was done; goes on when one fails."""
        if self._handle is not None:
            self._handle.stop()
            return
        with contextlib.ExitStack() as steps:  # runs them all, last first, whatever one raises
            if self._driver is not None:
                steps.callback(self._driver.stop)
            if self._surroundings is not None:
                steps.callback(self._surroundings.close)
            if self._launch is not None:
                steps.callback(self._end_ray, self._launch)

    def _end_ray(self, launch: Launch) -> None:
        launch.give_up(StartError("given up"))
        if launch.handler is not None:
            launch.wait(UNDO_SECONDS)  # it sees that within seconds
        launch.end()
        if not launch.over:
            _asleep.append(launch)

    def _open_spark(self) -> DriverJvm:
        if self._session is not None:
            self._driver = LentDriver(self._session)
        else:
            self._driver = start_session(self.spec, self.timeout)
        return self._driver

    def _with_local_cpus(self, session: SparkSession) -> OnSparkSpec:
        """In local mode a node has what one of Spark's tasks has: there is no other way."""
        if not self.spec.local:
            return self.spec
        cpus = int(session.sparkContext.getConf().get("spark.task.cpus", "1") or "1")
        if self.spec.node_cpus not in (1, cpus):
            raise UsageError(
                f"cpus_per_node={self.spec.node_cpus}: in this session's local mode a Ray node "
                f"has {cpus}",
                hint="its setting spark.task.cpus decides; a session that is started for Ray "
                "gets it set.",
            )
        return replace(self.spec, node_cpus=cpus)

    def _wait_executors(self, session: SparkSession) -> list[SparkExecutor]:
        """Spark's executors: those of a cluster take a moment to register."""
        deadline, first = time.monotonic() + self.timeout, 0.0
        while True:
            executors = executors_of(session)
            if slots_in(executors, self.spec.node_cpus) >= max(1, self.spec.min_nodes):
                return executors
            if executors:
                first = first or time.monotonic()
                deadline = min(deadline, first + EXECUTOR_SECONDS)
            if time.monotonic() > deadline or (executors and self.spec.local):
                return executors
            self._heed_interrupts()
            time.sleep(0.2)

    def _wait_nodes(self, spec: OnSparkSpec) -> None:
        """Wait for Ray's set-up; end it when it can come to nothing."""
        launch = self._launch
        assert launch is not None
        deadline, shown = time.monotonic() + self.timeout, -1
        while not launch.wait(0.5):
            self._heed_interrupts()
            if launch.handler is None:
                if time.monotonic() > deadline + 30:  # some Rays sleep 20 s here, see launching.py
                    raise self._failed(f"Ray's head did not come in {self.timeout:.0f} s")
                continue
            up = nodes_up(launch.address)
            if up != shown:
                shown = up
                self._tell("nodes", up)
            if launch.head_exit_code is not None:
                raise self._failed(f"Ray's head ended (exit code {launch.head_exit_code})")
            if up == 0 and spec.min_nodes and launch.worker_error is not None:
                raise self._failed(f"A Ray node did not start: {why_ended(launch.worker_error)}")
            if time.monotonic() > deadline:
                raise self._failed(
                    f"{max(up, 0)} of {spec.min_nodes} Ray nodes came in {self.timeout:.0f} s",
                    hint="has Spark free cores for them? Its UI shows what holds them; a slow "
                    "cluster may need a larger timeout.",
                )
        if launch.error is not None:
            raise self._from_ray(launch.error) from launch.error

    def _from_ray(self, error: BaseException) -> Exception:
        """An error of ``ray.util.spark`` as ours."""
        while error.__cause__ is not None:
            error = error.__cause__
        if isinstance(error, RaydpMagicError):
            return error
        if "active ray cluster on spark" in str(error):
            return StartError(
                "A Ray on Spark that was not started here runs in this process",
                hint="end it with `ray.util.spark.shutdown_ray_cluster()`.",
            )
        return self._failed(f"Ray did not start on Spark: {first_line(str(error))}")

    def _failed(self, what: str, *, hint: str | None = None) -> StartError:
        assert self._surroundings is not None
        return StartError(what, hint=hint, log_tail=self._surroundings.log_tail())

    def _note(self, spec: OnSparkSpec, executors: list[SparkExecutor]) -> None:
        assert self._handle is not None
        assert self._launch is not None
        note = full_note(spec, executors)
        if note is not None:
            self._handle.problems.append(note)
        up = nodes_up(self._launch.address)
        if 0 <= up < spec.min_nodes:
            self._handle.problems.append(
                f"{up} of {spec.min_nodes} Ray nodes came: Spark has no room for more now"
            )

    def _heed_interrupts(self) -> None:
        if self._interrupted():
            raise KeyboardInterrupt

    def _tell(self, phase: Phase, up: int = 0) -> None:
        self._heed_interrupts()
        if self._progress is not None:
            elapsed = time.monotonic() - self._began
            self._progress(NodesProgress(phase, max(up, 0), max(self.spec.min_nodes, 0), elapsed))


def head_ip(driver_host: str) -> str:
    """The address of Ray's head: the driver's, or this machine's own where that is loopback."""
    import ray

    try:
        ip = socket.gethostbyname(driver_host)
    except OSError:
        ip = ""
    return ip if ip and not ip.startswith("127.") else str(ray.util.get_node_ip_address())


def nodes_up(address: str) -> int:
    """Worker nodes that live; -1 while Ray does not say."""
    try:
        return sum(not room.is_head for room in nodes_at(address))
    except Exception:  # noqa: BLE001 - whatever Ray raises while it comes up
        return -1


def as_found(spec: OnSparkSpec, executors: list[SparkExecutor], memory: str) -> OnSparkSpec:
    """The request with what was found of the Spark below, for those who show it."""
    return replace(
        spec,
        executors=len(executors),
        cores=max((executor.cores for executor in executors), default=1),
        memory_mib=parse_memory(memory),
        overhead_mib=0,
    )
