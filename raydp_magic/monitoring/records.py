"""Snapshot records out of what Ray, Spark and the supervisor say. Pure, and cheap for 10,000."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from raydp_magic.cluster.fit import executor_resources
from raydp_magic.monitoring.snapshot import (
    ExecutorSnapshot,
    JobSnapshot,
    LedgerSnapshot,
    NodeSnapshot,
    TransferSnapshot,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raydp_magic.bridge.ledger import LedgerEntry
    from raydp_magic.bridge.transfers import Transfer
    from raydp_magic.cluster.fleet import Slot
    from raydp_magic.engine.executor import NodeLoad
    from raydp_magic.engine.ray_session import NodeRoom
    from raydp_magic.monitoring.jobs import JobRecord
    from raydp_magic.spec import ClusterSpec

R = TypeVar("R", NodeSnapshot, ExecutorSnapshot)

_HOLDING = ("starting", "up", "draining")


@dataclass(frozen=True)
class Loads:
    """Physical load: of nodes by Ray's node id, of executors (resident bytes) by executor id."""

    nodes: dict[str, NodeLoad] = field(default_factory=dict)
    executors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RayWork:
    """Running tasks and others' live actors by node id; None where Ray could not tell."""

    tasks: dict[str, int] | None = None
    actors: dict[str, int] | None = None
    rows: tuple[Any, ...] = ()


class Records:
    """Makes the records of nodes and executors, anew only for those that have changed.

    Who compares two snapshots sees by identity what has not.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[Any, NodeSnapshot]] = {}
        self._executors: dict[int, tuple[Any, ExecutorSnapshot]] = {}

    def nodes(
        self,
        rooms: Sequence[NodeRoom],
        slots: Sequence[Slot],
        spec: ClusterSpec,
        *,
        loads: Loads,
        work: RayWork,
    ) -> tuple[NodeSnapshot, ...]:
        """Nodes out of Ray's accounting and, where an executor runs, their physical load."""
        # A slot whose executor was lost holds its resources while its actor lives.
        held = Counter([s.node for s in slots if s.actor_alive or s.phase in _HOLDING])
        usable = Counter([slot.node for slot in slots if slot.phase in _HOLDING])
        wants = executor_resources(spec)
        known, self._nodes = self._nodes, {}
        for room in rooms:
            name = room.node_id
            tasks = None if work.tasks is None else work.tasks.get(name, 0)
            actors = None if work.actors is None else work.actors.get(name, 0)
            load = loads.nodes.get(name)
            told = (room.total, room.free, load, held[name], usable[name], tasks, actors)
            before = known.get(name)
            if before is None or before[0] != told:
                fields = _node(room, load, held[name], wants)
                fields |= {"spark_executors": usable[name], "ray_tasks": tasks}
                before = (told, _record(NodeSnapshot, fields | {"ray_actors": actors}))
            self._nodes[name] = before
        return tuple([record for _, record in self._nodes.values()])

    def executors(
        self,
        slots: Iterable[Slot],
        seen: dict[str, dict[str, Any]],
        spec: ClusterSpec,
        *,
        hosts: dict[str, str],
        memory: dict[str, int],
        epoch: float,
    ) -> tuple[ExecutorSnapshot, ...]:
        """Executors out of the supervisor's slots and Spark's records of them.

        Parameters
        ----------
        slots : iterable of Slot
            The supervisor's.
        seen : dict
            Rows of Spark's REST API by executor id; a row that is the same object is the same.
        spec : ClusterSpec
            Size of an executor.
        hosts : dict of str to str
            Host names by node id.
        memory : dict of str to int
            Resident bytes by executor id.
        epoch : float
            Unix time at which the monotonic clock was 0.
        """
        # Properties, read once and not 10,000 times.
        size = (spec.cores, spec.max_restarts + 1, spec.reserved_bytes)
        nothing: dict[str, Any] = {}
        known, self._executors = self._executors, {}
        for slot in slots:
            number, state = slot.number, slot.__dict__
            row, resident = seen.get(slot.executor_id), memory.get(slot.executor_id)
            host = hosts.get(slot.node, slot.node) if slot.node else slot.node
            before = known.get(number)
            if before is None or not (
                before[0][0] is row
                and before[0][1] == resident
                and before[0][2] == host
                and before[0][3] == state
            ):
                record = _executor(
                    slot, row or nothing, host=host, memory=resident, spec=size, epoch=epoch
                )
                before = ((row, resident, host, state), record)
            self._executors[number] = before
        return tuple([record for _, record in self._executors.values()])


def _node(
    room: NodeRoom, load: NodeLoad | None, held: int, wants: dict[str, float]
) -> dict[str, Any]:
    total, free = room.total, room.free

    def reserved(name: str) -> float:
        return max(0.0, total.get(name, 0.0) - free.get(name, total.get(name, 0.0)))

    cpu, memory, gpu = reserved("CPU"), int(reserved("memory")), reserved("GPU")
    return {
        "id": room.node_id,
        "name": room.host,
        "is_head": room.is_head,
        "alive": True,
        "cpu_total": total.get("CPU", 0.0),
        "cpu_reserved": cpu,
        "cpu_spark": min(cpu, held * wants["CPU"]),
        "cpu_percent": load.cpu_percent if load else None,
        "memory_total": load.memory_total if load else None,
        "memory_used": load.memory_used if load else None,
        "memory_reserved": memory,
        "memory_spark": min(memory, int(held * wants["memory"])),
        "store_total": int(total.get("object_store_memory", 0)),
        "store_used": int(reserved("object_store_memory")),
        "gpu_total": total.get("GPU", 0.0),
        "gpu_reserved": gpu,
        "gpu_spark": min(gpu, held * wants.get("GPU", 0.0)),
    }


def _executor(
    slot: Slot,
    seen: dict[str, Any],
    *,
    host: str | None,
    memory: int | None,
    spec: tuple[int, int, int],
    epoch: float,
) -> ExecutorSnapshot:
    down = slot.phase in ("lost", "failed")
    cores, tries, size = spec
    get = seen.get
    return _record(
        ExecutorSnapshot,
        {
            "slot": slot.number,
            "id": slot.executor_id or f"slot {slot.number}",
            "state": slot.phase,
            "node": host,
            "cores": cores,
            # Spark counts starts and ends in events that may lag: never more than slots.
            "active_tasks": min(get("activeTasks", 0), cores),
            "completed_tasks": get("completedTasks", 0),
            "failed_tasks": get("failedTasks", 0),
            "memory_used": None if down else memory,
            "memory_total": size,
            "storage_used": get("memoryUsed", 0),
            "storage_total": get("maxMemory", 0),
            "cached_blocks": get("rddBlocks", 0),
            "shuffle_read": get("totalShuffleRead", 0),
            "shuffle_write": get("totalShuffleWrite", 0),
            "tries": slot.tries,
            "max_tries": tries,
            "lost_at": round(epoch + slot.since, 3) if down else None,
            "message": slot.message,
        },
    )


def _record(kind: type[R], fields: dict[str, Any]) -> R:
    """A frozen record of all these fields; three times as fast as its constructor."""
    record = object.__new__(kind)
    record.__dict__.update(fields)
    return record


def job_snapshot(job: JobRecord, most_active: int, remaining: float | None) -> JobSnapshot:
    """A running job; Spark's count of active tasks may lag behind the ended ones."""
    return JobSnapshot(
        id=job.id,
        description=job.description,
        cell=job.cell,
        started_at=job.started_at,
        remaining_s=None if remaining is None else round(remaining, 1),
        stages_done=job.stages_done,
        stages_total=job.stages_total,
        tasks_done=job.tasks_done,
        tasks_active=min(job.tasks_active, most_active),
        tasks_failed=job.tasks_failed,
        tasks_total=job.tasks_total,
        stages=job.stages,
    )


def transfer_snapshots(transfers: Iterable[Transfer]) -> tuple[TransferSnapshot, ...]:
    """Conversions under way."""
    return tuple(
        TransferSnapshot(t.id, t.direction, t.label, t.rows, t.bytes, t.started_at)
        for t in transfers
        if t.ended_at is None
    )


def ledger_snapshots(entries: Iterable[LedgerEntry]) -> tuple[LedgerSnapshot, ...]:
    """What the bridge holds; two conversions never share an id."""
    return tuple(
        LedgerSnapshot(e.transfer, e.name, e.direction, e.rows, e.bytes, e.blocks, len(e.nodes))
        for e in entries
    )


def ended_executor(executor: ExecutorSnapshot) -> ExecutorSnapshot:
    """What is left of an executor when its cluster has ended."""
    gone = executor.state if executor.state in ("lost", "failed") else "ended"
    return replace(executor, state=gone, active_tasks=0)


def slot_problems(slots: Iterable[Slot]) -> list[str]:
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
