"""Takes snapshots of a cluster, in a background thread while somebody looks."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge.ledger import ledger
from raydp_magic.engine import ray_session
from raydp_magic.errors import RayUnreachableError
from raydp_magic.monitoring import spark_rest
from raydp_magic.monitoring.snapshot import (
    SCHEMA_VERSION,
    ExecutorSnapshot,
    LedgerSnapshot,
    NodeSnapshot,
    Snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp_magic.cluster.cluster import Cluster
    from raydp_magic.cluster.fleet import Slot
    from raydp_magic.engine.executor import NodeLoad
    from raydp_magic.engine.ray_session import NodeRoom

LOAD_TIMEOUT = 1.0
LEDGER_SECONDS = 10.0
"""How old the ledger may be in a snapshot: asking Ray which blocks still live is not free."""


class Sampler:
    """Snapshots of one cluster for all its views.

    Parameters
    ----------
    cluster : Cluster
        What to look at.
    interval : float
        Seconds between snapshots; a slow Ray stretches it.
    """

    def __init__(self, cluster: Cluster, interval: float = 1.5) -> None:
        self._cluster = cluster
        self._interval = interval
        self._lock = threading.Lock()
        self._callbacks: dict[int, Callable[[Snapshot], None]] = {}
        self._next_key = 0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ended = False
        self._last: Snapshot | None = None

    @property
    def last(self) -> Snapshot | None:
        """The newest snapshot taken."""
        return self._last

    def sample(self) -> Snapshot:
        """Take a snapshot now; after the cluster ended, the last known one."""
        if self._ended and self._last is not None:
            return self._last
        try:
            snapshot = take_snapshot(self._cluster)
        except Exception:
            if self._last is None or self._cluster.state == "running":
                raise
            snapshot = replace(self._last, state=self._cluster.state)  # Ray went away meanwhile
        if not self._ended:
            self._last = snapshot
        return self._last or snapshot

    def subscribe(self, callback: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Deliver every snapshot from a background thread; returns how to end that."""
        with self._lock:
            key = self._next_key
            self._next_key += 1
            self._callbacks[key] = callback
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(
                    target=self._run, name="raydp_magic-sampler", daemon=True
                )
                self._thread.start()
        if self._ended and self._last is not None:
            callback(self._last)

        def unsubscribe() -> None:
            with self._lock:
                self._callbacks.pop(key, None)

        return unsubscribe

    def pause(self) -> None:
        """The cluster begins to stop: keep a last full picture of it."""
        if self._last is None:
            with contextlib.suppress(Exception):
                self._last = take_snapshot(self._cluster)
        self._wake.set()

    def finish(self) -> None:
        """The cluster has ended: deliver the last known picture with its final state."""
        self._ended = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2)  # it must ask nothing more of a Ray that goes away
        if self._last is not None:
            self._last = replace(
                self._last,
                state=self._cluster.state,
                taken_at=time.time(),
                jobs=(),
                executors=tuple(map(ended_executor, self._last.executors)),
                problems=tuple(self._cluster.problems),
            )
            self._deliver(self._last)

    def _run(self) -> None:
        while not self._ended and self._cluster.state in ("starting", "running"):
            with self._lock:
                if not self._callbacks:
                    self._thread = None
                    return
            began = time.monotonic()
            with contextlib.suppress(Exception):
                self._deliver(self.sample())
            took = time.monotonic() - began
            self._wake.wait(max(self._interval, 2 * took))

    def _deliver(self, snapshot: Snapshot) -> None:
        with self._lock:
            callbacks = list(self._callbacks.values())
        for callback in callbacks:
            with contextlib.suppress(Exception):  # a closed view must not blind the others
                callback(snapshot)


def take_snapshot(cluster: Cluster) -> Snapshot:
    """Ask Ray, Spark and the supervisor, and put it together.

    Raises
    ------
    RayUnreachableError
        When this process has no Ray any more: asking would start a new one.
    """
    if not ray_session.is_connected():
        address = cluster.ray.address
        raise RayUnreachableError("Ray was shut down", address=address, hint="start again.")
    rooms = ray_session.nodes()
    slots = cluster.slots()
    loads = _node_loads(cluster)
    spark = spark_rest.SparkRest(cluster.driver)
    executors = spark.executors()
    return Snapshot(
        schema=SCHEMA_VERSION,
        taken_at=time.time(),
        state=cluster.state,
        name=cluster.spec.name,
        app_id=cluster.app_id,
        request=cluster.spec.describe(),
        executors_wanted=cluster.wanted,
        versions=dict(cluster.versions),
        spark_ui_url=spark.ui_url,
        ray_dashboard_url=cluster.ray.dashboard_url,
        nodes=tuple(node_snapshot(room, loads.get(room.node_id), slots) for room in rooms),
        executors=tuple(
            executor_snapshot(
                slot,
                executors.get(slot.executor_id, {}),
                cluster.spec.cores,
                cluster.spec.max_restarts,
                rooms,
            )
            for slot in slots
        ),
        jobs=spark.jobs(most_active=len(slots) * cluster.spec.cores),
        ledger=tuple(
            LedgerSnapshot(e.name, e.direction, e.rows, e.bytes, e.blocks, len(e.nodes))
            for e in ledger(max_age=LEDGER_SECONDS)
        ),
        problems=(*cluster.problems, *slot_problems(slots)),
    )


def node_snapshot(room: NodeRoom, load: NodeLoad | None, slots: list[Slot]) -> NodeSnapshot:
    """One node out of Ray's accounting and, where an executor runs, its physical load."""
    total, free = room.total, room.free

    def reserved(name: str) -> float:
        return max(0.0, total.get(name, 0.0) - free.get(name, total.get(name, 0.0)))

    return NodeSnapshot(
        id=room.node_id,
        name=room.host,
        is_head=room.is_head,
        alive=True,
        cpu_total=total.get("CPU", 0.0),
        cpu_reserved=reserved("CPU"),
        cpu_percent=load.cpu_percent if load else None,
        memory_total=load.memory_total if load else None,
        memory_used=load.memory_used if load else None,
        memory_reserved=int(reserved("memory")),
        store_total=int(total.get("object_store_memory", 0)),
        store_used=int(reserved("object_store_memory")),
        gpu_total=total.get("GPU", 0.0),
        gpu_reserved=reserved("GPU"),
        spark_executors=sum(
            slot.node == room.node_id and slot.phase in ("starting", "up", "draining")
            for slot in slots
        ),
    )


def executor_snapshot(
    slot: Slot, seen: dict[str, Any], cores: int, max_restarts: int, rooms: list[NodeRoom]
) -> ExecutorSnapshot:
    """One executor out of the supervisor's slot and what Spark's REST API says of it."""
    host = next((room.host for room in rooms if room.node_id == slot.node), slot.node)
    return ExecutorSnapshot(
        id=slot.executor_id or f"slot {slot.number}",
        state=slot.phase,
        node=host,
        cores=cores,
        # Spark counts starts and ends in events that may lag: never more than there are slots.
        active_tasks=min(seen.get("activeTasks", 0), cores),
        completed_tasks=seen.get("completedTasks", 0),
        failed_tasks=seen.get("failedTasks", 0),
        storage_used=seen.get("memoryUsed", 0),
        storage_total=seen.get("maxMemory", 0),
        shuffle_read=seen.get("totalShuffleRead", 0),
        shuffle_write=seen.get("totalShuffleWrite", 0),
        tries=slot.tries,
        max_tries=max_restarts + 1,
        message=slot.message,
    )


def ended_executor(executor: ExecutorSnapshot) -> ExecutorSnapshot:
    """What is left of an executor when its cluster has ended."""
    gone = executor.state if executor.state in ("lost", "failed") else "ended"
    return replace(executor, state=gone, active_tasks=0)


def slot_problems(slots: list[Slot]) -> list[str]:
    """A line for each executor that is down, with its last log line."""
    out = []
    for slot in slots:
        if slot.phase in ("lost", "failed"):
            last = next((line for line in reversed(slot.log_tail) if line.strip()), "")
            out.append(
                f"executor {slot.executor_id}: {slot.message}"
                + (f" | {last[:300]}" if last else "")
            )
    return out


def _node_loads(cluster: Cluster) -> dict[str, NodeLoad]:
    """Physical load of the nodes that executors run on, from one executor each."""
    import ray

    by_node = {slot.node: slot.executor_id for slot in cluster.slots() if slot.node}
    actors = cluster.actors()
    refs = [actors[executor].load.remote() for executor in by_node.values() if executor in actors]
    if not refs:
        return {}
    done, _ = ray.wait(refs, num_returns=len(refs), timeout=LOAD_TIMEOUT)
    loads: dict[str, NodeLoad] = {}
    for ref in done:
        with contextlib.suppress(ray.exceptions.RayError):
            load = ray.get(ref)
            loads[load.node_id] = load
    return loads
