"""What the panel, the status line and the static views show: one frozen, JSON-safe record.

The wire form is ``Snapshot.to_json()``; ``tests/fixtures/snapshots/*.json`` hold one file for
each situation and are read by pytest and by the frontend's tests. Amounts of memory are bytes,
times are Unix seconds; ``None`` means "not known", never 0.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

SCHEMA_VERSION = 1

ClusterState = Literal["starting", "running", "stopping", "stopped", "failed"]
ExecutorState = Literal["requested", "starting", "up", "draining", "lost", "failed", "ended"]


@dataclass(frozen=True)
class NodeSnapshot:
    """One Ray node. ``*_reserved`` is Ray's logical accounting, ``*_used`` is physical."""

    id: str
    name: str
    is_head: bool
    alive: bool
    cpu_total: float
    cpu_reserved: float
    cpu_percent: float | None
    memory_total: int | None
    memory_used: int | None
    memory_reserved: int
    store_total: int
    store_used: int
    gpu_total: float
    gpu_reserved: float
    spark_executors: int


@dataclass(frozen=True)
class ExecutorSnapshot:
    """One executor slot. ``tries`` counts its JVMs so far, ``message`` says why it is down."""

    id: str
    state: ExecutorState
    node: str | None
    cores: int
    active_tasks: int
    completed_tasks: int
    failed_tasks: int
    storage_used: int
    storage_total: int
    shuffle_read: int
    shuffle_write: int
    tries: int
    max_tries: int
    message: str

    @property
    def retrying(self) -> bool:
        """Whether it is on its way back from a death; one that came back is like any other."""
        return self.tries > 1 and self.state in ("requested", "starting", "lost", "failed")


@dataclass(frozen=True)
class JobSnapshot:
    """One running Spark job."""

    id: int
    description: str
    stages_done: int
    stages_total: int
    tasks_done: int
    tasks_active: int
    tasks_failed: int
    tasks_total: int


@dataclass(frozen=True)
class LedgerSnapshot:
    """One thing the bridge holds. ``direction`` is ``"spark -> ray"`` or ``"ray -> spark"``."""

    name: str
    direction: str
    rows: int | None
    bytes: int | None
    blocks: int
    nodes: int


@dataclass(frozen=True)
class Snapshot:
    """The whole cluster at one moment."""

    schema: int
    taken_at: float
    state: ClusterState
    name: str
    app_id: str
    request: str
    executors_wanted: int
    versions: dict[str, str]
    spark_ui_url: str | None
    ray_dashboard_url: str | None
    nodes: tuple[NodeSnapshot, ...]
    executors: tuple[ExecutorSnapshot, ...]
    jobs: tuple[JobSnapshot, ...]
    ledger: tuple[LedgerSnapshot, ...]
    problems: tuple[str, ...]

    @property
    def ended(self) -> bool:
        """Whether no more news is to be expected."""
        return self.state in ("stopped", "failed")

    @property
    def executors_up(self) -> int:
        """Executors that Spark can use now."""
        return sum(executor.state == "up" for executor in self.executors)

    @property
    def cpu_total(self) -> float:
        """Ray CPUs of all live nodes."""
        return sum(node.cpu_total for node in self.nodes if node.alive)

    @property
    def cpu_reserved(self) -> float:
        """Reserved Ray CPUs of all live nodes."""
        return sum(node.cpu_reserved for node in self.nodes if node.alive)

    def to_json(self) -> dict[str, Any]:
        """The wire form: only dicts, lists, strings, numbers, booleans and None."""
        record = asdict(self)
        for key in ("nodes", "executors", "jobs", "ledger", "problems"):
            record[key] = list(record[key])
        return record


def from_json(record: dict[str, Any]) -> Snapshot:
    """Read the wire form back.

    Raises
    ------
    ValueError
        When the record is of another schema version, or misses a field or has one too many.
    """
    if record.get("schema") != SCHEMA_VERSION:
        raise ValueError(f"snapshot schema {record.get('schema')!r}, expected {SCHEMA_VERSION}")
    if record["state"] not in get_args(ClusterState):
        raise ValueError(f"cluster state {record['state']!r}")
    parts: dict[str, type] = {
        "nodes": NodeSnapshot,
        "executors": ExecutorSnapshot,
        "jobs": JobSnapshot,
        "ledger": LedgerSnapshot,
    }
    known = {f.name for f in fields(Snapshot)}
    if set(record) != known:
        raise ValueError(f"snapshot fields differ: {sorted(set(record) ^ known)}")
    try:
        rows = {key: tuple(kind(**row) for row in record[key]) for key, kind in parts.items()}
    except TypeError as error:
        raise ValueError(str(error)) from error
    return Snapshot(**{**record, **rows, "problems": tuple(record["problems"])})
