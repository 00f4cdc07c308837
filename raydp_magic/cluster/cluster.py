"""Cluster: the handle that a person holds."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from raydp_magic.cluster.fit import check_scale
from raydp_magic.cluster.logs import follow, last_lines, slot_of
from raydp_magic.engine import ray_session
from raydp_magic.engine.launch import LOOPBACK
from raydp_magic.engine.runtime_dir import kill_group, tail
from raydp_magic.errors import NotRunningError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from raydp_magic.bridge.ledger import LedgerEntry
    from raydp_magic.bridge.warm_up import WarmUp
    from raydp_magic.cluster.fleet import Past, Slot
    from raydp_magic.cluster.supervisor import End, Supervisor
    from raydp_magic.engine.driver import DriverJvm
    from raydp_magic.engine.log_part import LogPart, Stream
    from raydp_magic.monitoring.sampler import Sampler
    from raydp_magic.monitoring.snapshot import ClusterState, Snapshot
    from raydp_magic.spec import ClusterSpec


class Cluster:
    """Spark on Ray, running in this process. Made by :func:`raydp_magic.start`.

    Usable as a context manager: leaving the block stops it.

    Attributes
    ----------
    spec : ClusterSpec
        What was asked for; :meth:`scale` changes its number of executors.
    ray : RayConnection
        The Ray it runs on, and whether it is ours to stop.
    versions : dict of str to str
        Releases of Spark, Ray, Java and Python.
    kept : list of LedgerEntry
        After :meth:`stop`: results of the bridge that Ray still holds for you.
    ended_because : str or None
        Why it ended, when nobody called :meth:`stop`.
    problems : list of str
        Things worth knowing that did not stop the start, a line each.
    actions : tuple of str
        What a view may ask it for.
    may_be_unconnected : bool
        Whether it runs on when this process is not connected to its Ray.
    """

    actions: ClassVar[tuple[str, ...]] = (
        *("scale", "restart", "remove", "cancel", "release", "stop", "logs", "fit"),
    )
    may_be_unconnected: ClassVar[bool] = False

    def __init__(
        self,
        spec: ClusterSpec,
        *,
        driver: DriverJvm,
        supervisor: Supervisor,
        ray: ray_session.RayConnection,
        versions: dict[str, str],
        on_stopped: Callable[[Cluster], None],
    ) -> None:
        self.spec = spec
        self._first_spec = spec
        self.ray = ray
        self.versions = versions
        self.problems: list[str] = []
        self.kept: list[LedgerEntry] = []
        self.ended_because: str | None = None
        self.archive_maker: subprocess.Popen[bytes] | None = None
        self.warm_up: WarmUp | None = None
        self.driver = driver
        self._supervisor = supervisor
        self._on_stopped = on_stopped
        self._state: ClusterState = "starting"
        self._spark_ends: threading.Thread | None = None
        self._stop_lock = threading.Lock()
        self._sampler: Sampler | None = None
        self._last_slots: list[Slot] = []
        self._last_log = ""

    @property
    def state(self) -> ClusterState:
        """One of ``"starting"``, ``"running"``, ``"stopping"``, ``"stopped"``, ``"failed"``."""
        if self._state == "starting" and self.executors_up >= self.wanted:
            self._state = "running"
        return self._state

    @property
    def spark(self) -> SparkSession:
        """The SparkSession.

        Raises
        ------
        NotRunningError
            After :meth:`stop`.
        """
        if self.driver.session is None or self._state in ("stopping", "stopped", "failed"):
            raise NotRunningError("This cluster has been stopped")
        return self.driver.session

    @property
    def app_id(self) -> str:
        """Spark's application id."""
        return self.driver.app_id

    @property
    def wanted(self) -> int:
        """Executors wanted."""
        return self._supervisor.wanted

    @property
    def executors_up(self) -> int:
        """Executors that Spark can use now."""
        return self._supervisor.up

    @property
    def sampler(self) -> Sampler:
        """The one sampler that all views of this cluster share."""
        from raydp_magic.monitoring.sampler import Sampler

        if self._sampler is None:
            self._sampler = Sampler(self)
        return self._sampler

    def slots(self) -> list[Slot]:
        """Executor slots with their state; the last known ones after :meth:`stop`."""
        return self._last_slots or self._supervisor.slots()

    def actors(self) -> dict[str, Any]:
        """Handles of the live executor actors by executor id."""
        return self._supervisor.actors()

    def executor_ids(self) -> list[str]:
        """Ids of the executors that have been started, in slot order."""
        return [slot.executor_id for slot in self.slots() if slot.executor_id]

    def past_executors(self) -> list[Past]:
        """Executors that are no more, the latest first; of a slot the last five."""
        found = [*self._supervisor.removed, *(one for slot in self.slots() for one in slot.past)]
        return sorted(found, key=lambda one: one.ended, reverse=True)

    def executor_places(self) -> dict[str, list[str]]:
        """By Ray node id, the executors there as Spark names them in location preferences."""
        hosts = {room.node_id: room.ip for room in ray_session.nodes()}
        places: dict[str, list[str]] = {}
        for slot in self.slots():
            if slot.phase == "up" and slot.node is not None:
                host = LOOPBACK if self.driver.host == LOOPBACK else hosts.get(slot.node, "")
                places.setdefault(slot.node, []).append(f"executor_{host}_{slot.executor_id}")
        return places

    def status(self) -> Snapshot:
        """The cluster now: nodes, executors, running jobs, what the bridge holds."""
        return self.sampler.sample()

    def runs(self, spec: ClusterSpec) -> bool:
        """Whether this is the cluster for a request; a cell that is run again asks as before."""
        return spec in (self.spec, self._first_spec)

    def scale(self, executors: int) -> None:
        """Change the number of executors; returns at once.

        Executors that go hand their cached and shuffle blocks to the others first.

        Parameters
        ----------
        executors : int
            How many there should be, at least 1.

        Raises
        ------
        UsageError
            When `executors` is not a whole number of at least 1.
        DoesNotFitError
            When Ray has no room for the new ones.
        """
        if isinstance(executors, bool) or not isinstance(executors, int) or executors < 1:
            raise UsageError(
                f"executors={executors!r}: a whole number of at least 1 is needed",
                hint="to end the cluster use stop.",
            )
        _ = self.spark
        if executors > self.wanted:
            check_scale(self.spec, self.wanted, executors, self.usable_nodes())
        self._supervisor.scale(executors)
        self.spec = replace(self.spec, executors=executors)

    def restart(self, executor: str) -> None:
        """Replace one executor by a new one at once; returns before that is up.

        Its cached blocks are lost, and Spark runs its tasks again elsewhere. One that was given
        up is tried anew.

        Raises
        ------
        UsageError
            When there is no such executor.
        """
        _ = self.spark
        self._supervisor.restart(slot_of(self, executor).number)

    def remove(self, executor: str) -> None:
        """Scale down by one, with this executor going; it hands over its blocks first.

        Raises
        ------
        UsageError
            When there is no such executor, or it is the last.
        """
        _ = self.spark
        slot = slot_of(self, executor)
        if self.wanted <= 1 and slot.phase != "draining":
            raise UsageError(
                f"Executor {executor} is the last one", hint="to end the cluster use stop."
            )
        self.spec = replace(self.spec, executors=self._supervisor.remove(slot.number))

    def cancel(self, job: int) -> None:
        """Cancel one running Spark job; whoever waits for it gets an error.

        Raises
        ------
        UsageError
            When no such job runs.
        """
        running = self.spark.sparkContext.statusTracker().getActiveJobsIds()
        if job not in running:
            known = ", ".join(map(str, sorted(running)))
            raise UsageError(
                f"No job {job} is running",
                hint=f"running: {known}." if known else "no job is running.",
            )
        self.driver.cancel_job(job)

    def rooms(self) -> list[ray_session.NodeRoom]:
        """All live Ray nodes."""
        return ray_session.nodes()

    def rooms_to_come(self) -> list[ray_session.NodeRoom]:
        """Ray nodes that an autoscaler of ours may still start; it has none here."""
        return []

    def usable_nodes(self) -> list[ray_session.NodeRoom]:
        """Ray nodes that executors of this cluster can be placed on."""
        rooms = ray_session.nodes()
        if self.driver.host == LOOPBACK:
            return [room for room in rooms if room.ip == self.ray.node_ip]
        return rooms

    def logs(
        self, executor: str | None = None, lines: int = 50, stream: Stream | None = None
    ) -> str:
        """Last log lines.

        Parameters
        ----------
        executor : str, optional
            An executor's id, also of one that is no more, or ``"driver"``; by default everything
            of now.
        lines : int
            Lines of each.
        stream : {"stdout", "stderr"}, optional
            Of executors only this; what Python tasks print is in stderr.

        Raises
        ------
        UsageError
            When there is no such executor, or a stream of the driver is asked for.
        """
        return last_lines(self, executor, lines, self._last_log, stream)

    def follow_log(
        self,
        executor: str,
        lines: int = 200,
        after: int | None = None,
        stream: Stream | None = None,
    ) -> LogPart:
        """Log lines that came since the last ones.

        Parameters
        ----------
        executor : str
            An executor's id, also of one that is no more, or ``"driver"``.
        lines : int
            At most this many.
        after : int, optional
            `next` of the part before; without it the last lines come.
        stream : {"stdout", "stderr"}, optional
            Which of an executor; stderr by default. The driver has one log.

        Raises
        ------
        UsageError
            When there is no such executor or stream.
        """
        return follow(self, executor, lines, after, stream)

    def panel(self) -> Any:
        """The live panel, a widget."""
        from raydp_magic.panel import panel_for

        return panel_for(self)

    def stop(self) -> None:
        """End Spark, its JVMs and actors, and the Ray that was started for it.

        While you hold results that the bridge gave to Ray, that Ray goes on until the kernel
        ends or you call ``ray.shutdown()``; `kept` says what it keeps. Safe to call twice.
        """
        self._stop("stopped")

    def stop_at_exit(self) -> None:
        """The interpreter ends: be quick, the machine's own clean-up does the rest."""
        self._stop("stopped", hurry=True)

    def abandon(self) -> None:
        """Take back a start that was not finished: with nothing to save, Spark ends beside Ray."""
        self._supervisor.quiesce()
        self._spark_ends = threading.Thread(target=self.driver.stop, name="raydp_magic-abandon")
        self._spark_ends.start()
        try:
            self.stop()
        finally:
            self._spark_ends.join()

    def settle(self) -> None:
        """Wait for a stop under way; notice a driver, a session or a Ray that is gone."""
        if self._state in ("starting", "running"):
            end = self._supervisor.ended()
            if end is not None:
                self.end(end)
        with self._stop_lock:
            return

    def end(self, end: End) -> None:
        """It has ended under us: give everything back and remember why."""
        if end.state == "failed":
            self.problems.append(end.why)
        self.ended_because = end.why
        self._stop(end.state)

    def _stop(self, final: ClusterState, *, hurry: bool = False) -> None:
        with self._stop_lock:
            if self._state in ("stopped", "failed"):
                return
            self._state = "stopping"
            self._supervisor.quiesce()
            self._end_archive_maker()
            self._last_slots = self._supervisor.slots()
            self._last_log = "\n".join(tail(self.driver.log, 200))
            if self._sampler is not None:
                self._sampler.pause()
            if self.warm_up is not None:
                self.warm_up.end()
            try:
                self._give_back(hurry=hurry)
            finally:
                self._state = final
                if self._sampler is not None:
                    self._sampler.finish()
                if self.ray.owned and not self.kept:
                    ray_session.disconnect()
                self._on_stopped(self)

    def _give_back(self, *, hurry: bool) -> None:
        """End Spark, its actors, and what of the bridge only Spark needed."""
        try:
            if self._spark_ends is None:
                self.driver.stop(1.0 if hurry else 5.0)
        finally:
            if self.warm_up is not None and not hurry:
                self.warm_up.wait(5.0)  # it must make no keeper after the others ended
            self._supervisor.stop(1.0 if hurry else 6.0)
            self.kept = [] if hurry else self._stop_bridge()

    def _end_archive_maker(self) -> None:
        maker = self.archive_maker
        if maker is not None and maker.stdin is not None:
            with contextlib.suppress(OSError):
                maker.stdin.close()
            try:
                maker.wait(2)
            except subprocess.TimeoutExpired:
                kill_group(maker.pid)  # its reaper ends its JVMs
                maker.wait()

    def _stop_bridge(self) -> list[LedgerEntry]:
        """Let go of what only Spark needed; returns what Ray still holds for the user."""
        import ray

        from raydp_magic.bridge.ledger import end_session, still_held

        if not ray.is_initialized():
            return []
        end_session(self.driver.session)
        return still_held()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        up = f"{self.executors_up}/{self.wanted} executors"
        return f"<Cluster {self.state}: {up}, {self.spec.describe()}>"

    def _ipython_display_(self) -> None:
        self.panel()._ipython_display_()
