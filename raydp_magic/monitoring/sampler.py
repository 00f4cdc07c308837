"""Takes snapshots of a cluster, in a background thread while somebody looks.

Ray and Spark are asked by threads of their own (`Paced`): one that is slow or gone holds up
neither the snapshots nor the kernel; the snapshot then says since when Ray is silent.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from raydp_magic.bridge.transfers import transfers
from raydp_magic.cluster.presets import presets
from raydp_magic.engine.proxied import link
from raydp_magic.monitoring.readings import Readings
from raydp_magic.monitoring.records import (
    RayWork,
    ended_event,
    ended_executor,
    ledger_snapshots,
    slot_problems,
    transfer_snapshots,
)
from raydp_magic.monitoring.snapshot import SCHEMA_VERSION, Links, Preset, Snapshot
from raydp_magic.monitoring.timeline import (
    SECONDS,
    job_events,
    task_events,
    transfer_events,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp_magic.cluster.cluster import Cluster

WITHOUT_RAY = ("cancel", "stop", "logs")
ANSWER_SECONDS = 1.0
"""How long one snapshot waits for answers; what comes later is in the next."""
FIRST_SECONDS = 8.0
SPARK_PATIENCE_SECONDS = 10.0
CATCH_UP_SECONDS = 0.5


def assemble(cluster: Cluster, readings: Readings) -> Snapshot:
    """Put a snapshot together from what was said last; waits for nobody."""
    now = time.time()
    slots, rooms, spec = cluster.slots(), readings.rooms.value, cluster.spec
    lost = readings.rooms.silent_since
    work = RayWork() if readings.work.silent_since is not None else readings.work.value
    moving = transfers(since=now - SECONDS, counted=False)
    timeline = readings.timeline
    timeline.add(job_events(readings.spark.value.jobs))
    timeline.add(task_events(work.rows))
    running = work.running
    if running is not None:  # Ray forgets old tasks, at times before it tells of their end
        timeline.still("ray", running, now)
    held, names = readings.bridge(moving)
    timeline.add(transfer_events(moving, names))
    live = readings.records.nodes(rooms, slots, spec, loads=readings.loads.value, work=work)
    nodes = readings.gone.with_dead(live, readings.deaths.value, now)
    ui = readings.spark_ui
    if cluster.state not in ("starting", "running"):
        actions: tuple[str, ...] = ()
    else:
        actions = tuple(a for a in cluster.actions if lost is None or a in WITHOUT_RAY)
    return Snapshot(
        schema=SCHEMA_VERSION,
        taken_at=now,
        ray_lost_at=lost,
        state=cluster.state,
        name=spec.name,
        app_id=cluster.app_id,
        request=spec.describe(),
        executors_wanted=cluster.wanted,
        versions=dict(cluster.versions),
        spark_ui_url=ui,
        ray_dashboard_url=cluster.ray.dashboard_url,
        links=Links(link(ui and f"{ui}/jobs/"), link(cluster.ray.dashboard_url)),
        ray_more=work.more,
        nodes=nodes,
        executors=readings.records.executors(
            slots,
            readings.spark.value.executors,
            spec,
            hosts={node.id: node.name for node in nodes},
            memory=readings.loads.value.executors,
            epoch=readings.epoch,
        ),
        jobs=readings.jobs(len(slots) * spec.cores, now),
        transfers=transfer_snapshots(moving),
        ledger=ledger_snapshots(held),
        timeline=timeline.events(now),
        presets=tuple(Preset(*one) for one in presets(rooms)),
        actions=actions,
        problems=(*cluster.problems, *slot_problems(slots), *spark_silent(readings, now)),
    )


def spark_silent(readings: Readings, now: float) -> list[str]:
    """A line when Spark has not answered for a while: what is shown of it is old."""
    since = readings.spark.silent_since
    if since is None or now - since < SPARK_PATIENCE_SECONDS:
        return []
    at = time.strftime("%H:%M:%S", time.localtime(since))
    return [f"Spark's driver does not answer: jobs and executors are as of {at}"]


class Watch:
    """One subscription.

    Attributes
    ----------
    watching : bool
        Whether somebody can see it; an unwatched one hears only of the end, and of what is
        sampled for others.
    """

    def __init__(self, sampler: Sampler, callback: Callable[[Snapshot], None]) -> None:
        self.callback = callback
        self.watching = True
        self._sampler = sampler

    def watch(self, watching: bool) -> None:
        """Say whether somebody can see it."""
        self.watching = watching
        if watching:
            self._sampler.wake()

    def __call__(self) -> None:
        """Hear no more."""
        self._sampler.forget(self)


class Sampler:
    """Snapshots of one cluster for all its views.

    Parameters
    ----------
    cluster : Cluster
        What to look at.
    interval : float
        Seconds between snapshots.
    """

    def __init__(self, cluster: Cluster, interval: float = 1.5) -> None:
        self._cluster = cluster
        self._interval = interval
        self._readings = Readings(cluster, interval)
        self._lock = threading.Lock()
        self._watches: list[Watch] = []
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ended = False
        self._quiet = False
        self._taking = threading.Lock()
        self._last: Snapshot | None = None

    @property
    def last(self) -> Snapshot | None:
        """The newest snapshot taken."""
        return self._last

    def sample(self) -> Snapshot:
        """Take a snapshot now, with new answers; after the cluster ended, the last known one."""
        if self._ended and self._last is not None:
            return self._last
        if not self._quiet:
            self._readings.ask(FIRST_SECONDS, now=True)
        return self._take()

    def subscribe(self, callback: Callable[[Snapshot], None]) -> Watch:
        """Deliver every snapshot from a background thread; call what is returned to end that."""
        watch = Watch(self, callback)
        with self._lock:
            self._watches.append(watch)
        self.wake()
        if self._ended and self._last is not None:
            callback(self._last)
        return watch

    def forget(self, watch: Watch) -> None:
        """Deliver no more to it."""
        with self._lock:
            if watch in self._watches:
                self._watches.remove(watch)

    def wake(self) -> None:
        """Somebody looks, or something was done: take the next snapshot now."""
        with self._lock:
            self._wake.set()
            if self._thread is None and not self._ended and self._watched():
                self._thread = threading.Thread(
                    target=self._run, name="raydp_magic-sampler", daemon=True
                )
                self._thread.start()

    def pause(self) -> None:
        """The cluster begins to stop: one last picture, also of what happened while nobody looked.

        After it nothing more is asked of what goes away.
        """
        with contextlib.suppress(Exception):
            if self._last is None:
                self._readings.ask(ANSWER_SECONDS, now=True)
            else:
                self._readings.catch_up(CATCH_UP_SECONDS)
            with self._taking:
                self._last = assemble(self._cluster, self._readings)
        self._quiet = True
        self._readings.close()
        if self._last is not None:
            self._last = replace(
                self._last, state=self._cluster.state, taken_at=time.time(), actions=()
            )
            self._deliver(self._last)
        self._wake.set()

    def finish(self) -> None:
        """The cluster has ended: deliver the last known picture with its final state."""
        self._ended = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2)
        if self._last is not None:
            now = time.time()
            self._last = replace(
                self._last,
                state=self._cluster.state,
                taken_at=now,
                jobs=(),
                timeline=tuple(ended_event(one, now) for one in self._last.timeline),
                transfers=(),
                ledger=ledger_snapshots(self._cluster.kept),
                actions=(),
                executors=tuple(map(ended_executor, self._last.executors)),
                problems=tuple(self._cluster.problems),
            )
            self._deliver(self._last)

    def _watched(self) -> bool:
        return any(watch.watching for watch in self._watches)

    def _take(self) -> Snapshot:
        if self._quiet and self._last is not None:
            return replace(self._last, state=self._cluster.state)
        with self._taking:  # a person's call and the thread's may meet
            snapshot = assemble(self._cluster, self._readings)
        if not (self._ended or self._quiet):
            self._last = snapshot
        return self._last or snapshot

    def _run(self) -> None:
        while not self._ended and not self._quiet:
            with self._lock:
                self._wake.clear()
                if not self._watched():
                    self._thread = None
                    return
            with contextlib.suppress(Exception):
                self._readings.ask(ANSWER_SECONDS)
                if not self._quiet:
                    self._deliver(self._take())
            self._wake.wait(self._interval)

    def _deliver(self, snapshot: Snapshot) -> None:
        with self._lock:
            watches = list(self._watches)
        for watch in watches:
            with contextlib.suppress(Exception):  # a closed view must not blind the others
                watch.callback(snapshot)
