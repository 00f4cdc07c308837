"""One attempt at a start: its steps in order, and how each is taken back."""

from __future__ import annotations

import atexit
import contextlib
import platform
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from raydp_magic.bridge.warm_up import WarmUp
from raydp_magic.cluster.cluster import Cluster
from raydp_magic.cluster.fit import check_fit, cpus_left
from raydp_magic.cluster.placement import Placement, begin_group, find_group, wait_placed
from raydp_magic.cluster.supervisor import End, Supervisor
from raydp_magic.engine import ray_session
from raydp_magic.engine.archive import find_archive, make_in_background
from raydp_magic.engine.driver import DriverJvm
from raydp_magic.engine.interrupts import import_whole, interrupts_held
from raydp_magic.engine.java import JavaHome, find_java, rejected_java_home, supported_for
from raydp_magic.engine.launch import LOOPBACK, Secret, SparkHome
from raydp_magic.engine.runtime_dir import tail
from raydp_magic.engine.spark_home import find_spark
from raydp_magic.engine.udf_ray import carry_ray_things
from raydp_magic.errors import DoesNotFitError, ExecutorsLostError, StartError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp_magic.spec import ClusterSpec

Phase = Literal["ray", "driver", "executors", "ready"]

GIVING_BACK_SECONDS = 5.0
"""Ray counts an ended actor's resources as free a moment after its end."""


@dataclass(frozen=True)
class StartProgress:
    """How far a start has come; `elapsed` in seconds."""

    phase: Phase
    executors_up: int
    executors_wanted: int
    elapsed: float


class Attempt:
    """One attempt at a start.

    Parameters
    ----------
    spec : ClusterSpec
        What was asked for.
    timeout : float
        Seconds to wait for the driver, and again for the executors.
    progress : callable, optional
        Told of every change.
    on_stopped : callable
        Called with the cluster once that has ended.
    freed_at : float
        When this process last gave resources back to Ray, on the monotonic clock.
    """

    def __init__(
        self,
        spec: ClusterSpec,
        *,
        timeout: float,
        progress: Callable[[StartProgress], None] | None,
        on_stopped: Callable[[Cluster], None],
        freed_at: float,
    ) -> None:
        self.spec = spec
        self.timeout = timeout
        self._progress = progress
        self._on_stopped = on_stopped
        self._freed_at = freed_at
        self._began = time.monotonic()
        self._ray: ray_session.RayConnection | None = None
        self._driver: DriverJvm | None = None
        self._placement: Placement | None = None
        self._supervisor: Supervisor | None = None
        self._cluster: Cluster | None = None
        self._had_ray = ray_session.is_connected()
        self._interrupted: Callable[[], bool] = bool  # never

    def run(self, *, wait: bool, interrupted: Callable[[], bool]) -> Cluster:
        """Take the steps; returns the cluster, with its executors when `wait` is true.

        Raises KeyboardInterrupt once `interrupted` says so, also when a library swallowed it.
        """
        self._interrupted = interrupted
        self._tell("ray")
        import_whole("ray")
        import ray

        spark = find_spark()
        java = find_java(supported=supported_for(spark.version))
        secret = Secret(secrets.token_hex(32))
        self._heed_interrupts()
        if ray_session.will_start_local(self.spec.address):
            if self.spec.placement_group:
                raise UsageError(
                    "A placement group belongs to a Ray, and this kernel is connected to none",
                    hint="call `ray.init()` first, make the group, then start.",
                )
            check_fit(self.spec, [ray_session.coming_local_node()])
            # Its addresses are known before it runs, so that both can start at once.
            self._start_driver(java, spark, LOOPBACK, secret)
        self._ray = ray_session.connect(self.spec.address)
        rooms = ray_session.nodes()
        loopback = self._driver is not None or self._one_machine(rooms)
        if loopback:
            rooms = [room for room in rooms if room.ip == self._ray.node_ip]
        rooms = self._place(rooms, pinned=loopback)
        left = cpus_left(self.spec, rooms)
        self._tell("driver")
        host = LOOPBACK if loopback else self._ray.node_ip
        if self._driver is None:
            self._start_driver(java, spark, host, secret)
        self._supervisor = Supervisor(
            self.spec,
            secret=secret,
            loopback=loopback,
            node_ip=self._ray.node_ip,
            on_gone=self._gone,
            placement=self._placement,
        )
        self._supervisor.scale(self.spec.executors)
        assert self._driver is not None
        self._driver.open_session(self.timeout)
        carry_ray_things()
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
            on_stopped=self._on_stopped,
        )
        self._note(left, java)
        self._supervisor.attach(self._driver)
        atexit.register(self._cluster.stop_at_exit)
        self._tell("executors")
        if wait:
            self._wait_executors()
            self._tell("ready")
        with interrupts_held():
            self._cluster.archive_maker = make_in_background(java, spark)
            self._cluster.warm_up = WarmUp(
                self._cluster.spark,
                self.spec.executors * self.spec.cores,
                ray_slots=max(0, int(left)),
            )
        self._heed_interrupts()
        return self._cluster

    def undo(self) -> None:
        """Take back every step that was done; goes on when one fails."""
        if self._cluster is not None:
            self._cluster.abandon()
            return
        with contextlib.ExitStack() as steps:  # runs them all, last first, whatever one raises
            if not self._had_ray and ray_session.is_connected():
                steps.callback(ray_session.disconnect)
            if self._placement is not None:
                steps.callback(self._placement.remove)
            if self._supervisor is not None:
                steps.callback(self._supervisor.stop)
            if self._driver is not None:
                steps.callback(self._driver.stop)

    def _start_driver(self, java: JavaHome, spark: SparkHome, host: str, secret: str) -> None:
        archive = find_archive(java, spark, "driver")
        with interrupts_held():
            self._driver = DriverJvm(
                self.spec, java=java, spark=spark, host=host, secret=secret, archive=archive
            )

    def _place(
        self, rooms: list[ray_session.NodeRoom], *, pinned: bool
    ) -> list[ray_session.NodeRoom]:
        """Refuse what cannot run, and get the placement group ready; returns the nodes anew."""
        if self.spec.placement_group:
            usable = {room.node_id for room in rooms} if pinned else None
            self._placement = find_group(self.spec, usable, self.timeout)
            return rooms
        rooms = self._check_fit(rooms)
        if self.spec.placement_strategy:
            assert self._ray is not None
            with interrupts_held():
                self._placement = begin_group(self.spec, self._ray.node_ip if pinned else None)
            wait_placed(self._placement, self.spec, self.timeout)
        return rooms

    def _check_fit(self, rooms: list[ray_session.NodeRoom]) -> list[ray_session.NodeRoom]:
        """Refuse what cannot run; a cluster stopped a moment ago may still be giving back."""
        deadline = self._freed_at + GIVING_BACK_SECONDS
        known = {room.node_id for room in rooms}
        while True:
            late = time.monotonic() > deadline
            try:
                check_fit(self.spec, rooms)
            except DoesNotFitError:
                if late:
                    raise
            else:
                held = any(room.free.get("CPU") != room.total.get("CPU") for room in rooms)
                if late or not held or cpus_left(self.spec, rooms) >= 1:
                    return rooms
            time.sleep(0.1)
            rooms = [room for room in ray_session.nodes() if room.node_id in known]

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
                self._tell("executors")
            self._heed_interrupts()
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

    def _gone(self, end: End) -> None:
        if self._cluster is not None:
            self._cluster.end(end)

    def _heed_interrupts(self) -> None:
        if self._interrupted():
            raise KeyboardInterrupt

    def _tell(self, phase: Phase) -> None:
        self._heed_interrupts()
        if self._progress is None:
            return
        up = self._cluster.executors_up if self._cluster else 0
        elapsed = time.monotonic() - self._began
        self._progress(StartProgress(phase, up, self.spec.executors, elapsed))
