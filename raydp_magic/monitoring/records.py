"""Snapshot records out of what Ray, Spark and the supervisor say. Pure, and cheap for 10,000."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from raydp_magic.cluster.fit import executor_resources
from raydp_magic.monitoring.snapshot import (
    ExecutorSnapshot,
    JobSnapshot,
    LedgerSnapshot,
    NodeSnapshot,
    TransferSnapshot,
)
from raydp_magic.monitoring.spark_rest import NO_ROW, SparkRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raydp_magic.bridge.ledger import LedgerEntry
    from raydp_magic.bridge.transfers import Transfer
    from raydp_magic.cluster.fleet import Slot
    from raydp_magic.engine.executor import NodeLoad
    from raydp_magic.engine.ray_session import NodeRoom
    from raydp_magic.monitoring.jobs import JobRecord
    from raydp_magic.monitoring.snapshot import EventSnapshot
    from raydp_magic.spec import ClusterSpec

R = TypeVar("R", NodeSnapshot, ExecutorSnapshot)

_HOLDING = ("starting", "up", "draining")
_SLOT = attrgetter("number", "phase", "executor_id", "node", "tries", "since", "message")


@dataclass(frozen=True)
class Loads:
    """Physical load: of nodes by Ray's node id, of executors (resident bytes) by executor id."""

    nodes: dict[str, NodeLoad] = field(default_factory=dict)
    executors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RayWork:
    """Running tasks and others' live actors by node id; None where Ray could not tell.

    `rows` are this kernel's tasks, every running one among them unless `more` names "tasks": the
    kinds of which there are more than Ray lists, so that counts are of the listed ones.
    """

    tasks: dict[str, int] | None = None
    actors: dict[str, int] | None = None
    rows: tuple[Any, ...] = ()
    more: tuple[str, ...] = ()

    @property
    def running(self) -> set[str] | None:
        """Ids of this kernel's tasks that run or wait; None where some may be missing."""
        if self.tasks is None or "tasks" in self.more:
            return None
        return {row.task_id for row in self.rows if not row.end_time_ms}


class Records:
    """Makes the records of nodes and executors, anew only for those that have changed.

    Who compares two snapshots sees by identity what has not.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[Any, NodeSnapshot]] = {}
        self._hosts: dict[str, str] = {}
        self._told: list[Sequence[Any]] = [(), (), ()]
        """What executors' records were made of: slots, Spark's rows, resident bytes."""
        self._executors: list[ExecutorSnapshot] = []

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
        usable = Counter([slot.node for slot in slots if slot.phase in _HOLDING])
        held = usable.copy()
        held.update([s.node for s in slots if s.actor_alive and s.phase not in _HOLDING])
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
                before = (told, _node(room, told, wants))
            self._nodes[name] = before
        return tuple([record for _, record in self._nodes.values()])

    def executors(
        self,
        slots: Sequence[Slot],
        seen: dict[str, SparkRow],
        spec: ClusterSpec,
        *,
        hosts: dict[str, str],
        memory: dict[str, int],
        epoch: float,
    ) -> tuple[ExecutorSnapshot, ...]:
        """Executors out of the supervisor's slots and Spark's records of them.

        Parameters
        ----------
        slots : sequence of Slot
            The supervisor's.
        seen : dict
            What Spark's REST API says, by executor id.
        spec : ClusterSpec
            Size of an executor.
        hosts : dict of str to str
            Host names by node id.
        memory : dict of str to int
            Resident bytes by executor id.
        epoch : float
            Unix time at which the monotonic clock was 0.
        """
        ids = [slot.executor_id for slot in slots]
        told = [slots, [*map(seen.get, ids)], [*map(memory.get, ids)]]
        # Properties, read once and not 10,000 times.
        given = (spec.cores, spec.max_restarts + 1, spec.reserved_bytes, epoch)
        records = self._executors
        if hosts != self._hosts:  # seldom: all anew
            self._hosts = hosts
            records.clear()
        # By place: slots come by number, and nearly always the same ones.
        news = zip_longest(*told, *self._told, records)
        self._told, self._executors = told, []
        keep = self._executors.append
        for slot, row, used, old_slot, old_row, old_used, record in islice(news, len(slots)):
            if record is None or (slot is not old_slot and slot != old_slot):
                keep(_executor(slot, row, used, hosts, given))
            elif row == old_row and used == old_used:
                keep(record)
            else:
                keep(_moved_on(record, row or NO_ROW, used))
        return tuple(self._executors)


def _node(room: NodeRoom, told: tuple[Any, ...], wants: dict[str, float]) -> NodeSnapshot:
    total, free, load, held, usable, tasks, actors = told

    def reserved(name: str) -> float:
        there: float = total.get(name, 0.0)
        left: float = free.get(name, there)
        return max(0.0, there - left)

    cpu, memory, gpu = reserved("CPU"), int(reserved("memory")), reserved("GPU")
    return _record(
        NodeSnapshot,
        {
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
            "spark_executors": usable,
            "ray_tasks": tasks,
            "ray_actors": actors,
            "died_at": None,
            "death": "",
        },
    )


def _executor(
    slot: Slot,
    row: SparkRow | None,
    memory: int | None,
    hosts: dict[str, str],
    given: tuple[int, int, int, float],
) -> ExecutorSnapshot:
    number, phase, name, node, tries, since, message = _SLOT(slot)
    cores, most_tries, reserved, epoch = given
    active, completed, failed, used, most, blocks, read, written = row or NO_ROW
    down = phase in ("lost", "failed")
    return _record(
        ExecutorSnapshot,
        {
            "slot": number,
            "id": name or f"slot {number}",
            "state": phase,
            "node": hosts.get(node, node),
            "cores": cores,
            # Spark counts starts and ends in events that may lag: never more than slots.
            "active_tasks": min(active, cores),
            "completed_tasks": completed,
            "failed_tasks": failed,
            "memory_used": None if down else memory,
            "memory_total": reserved,
            "storage_used": used,
            "storage_total": most,
            "cached_blocks": blocks,
            "shuffle_read": read,
            "shuffle_write": written,
            "tries": tries,
            "max_tries": most_tries,
            "lost_at": round(epoch + since, 3) if down else None,
            "message": message,
        },
    )


def _moved_on(before: ExecutorSnapshot, row: SparkRow, memory: int | None) -> ExecutorSnapshot:
    """The same executor with newer numbers: in half the time of a record from nothing."""
    fields = vars(before).copy()
    (
        active,
        fields["completed_tasks"],
        fields["failed_tasks"],
        fields["storage_used"],
        fields["storage_total"],
        fields["cached_blocks"],
        fields["shuffle_read"],
        fields["shuffle_write"],
    ) = row
    fields["active_tasks"] = min(active, fields["cores"])
    if before.lost_at is None:
        fields["memory_used"] = memory
    return _record(ExecutorSnapshot, fields)


def _record(kind: type[R], fields: dict[str, Any]) -> R:
    """A frozen record of all these fields; several times as fast as its constructor."""
    record = object.__new__(kind)
    object.__setattr__(record, "__dict__", fields)
    return record


def job_snapshot(job: JobRecord, remaining: float | None) -> JobSnapshot:
    """A running job."""
    return JobSnapshot(
        id=job.id,
        description=job.description,
        cell=job.cell,
        started_at=job.started_at,
        remaining_s=None if remaining is None else round(remaining, 1),
        stages_done=job.stages_done,
        stages_total=job.stages_total,
        tasks_done=job.tasks_done,
        tasks_active=job.tasks_active,
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


def ended_event(event: EventSnapshot, now: float) -> EventSnapshot:
    """A bar of the timeline when its cluster has ended: a job that ran has ended with it."""
    if event.kind != "spark" or event.ended_at is not None:
        return event
    return replace(event, ended_at=now, state="failed")


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
