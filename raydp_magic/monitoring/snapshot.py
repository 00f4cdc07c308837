"""What the panel, the status line and the static views show: one frozen, JSON-safe record.

The wire form is ``Snapshot.to_json()``; ``tests/fixtures/snapshots/*.json`` hold one file for
each situation and are read by pytest and by the frontend's tests. Amounts of memory are bytes,
times are Unix seconds; ``None`` means "not known", never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from raydp_magic.monitoring.jobs import StageRecord

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA_VERSION = 3

ClusterState = Literal["starting", "running", "stopping", "stopped", "failed"]
ExecutorState = Literal[
    "planned", "requested", "starting", "up", "draining", "lost", "failed", "ended"
]
EventKind = Literal["spark", "ray", "transfer"]
EventState = Literal["running", "done", "failed"]


@dataclass(frozen=True)
class NodeSnapshot:
    """One Ray node. ``*_reserved`` is Ray's logical accounting, ``*_used`` is physical.

    ``*_spark`` is what of the reserved our executors hold; ``ray_tasks`` counts running tasks,
    ``ray_actors`` live actors that are not ours. One that has died is kept for some minutes, with
    ``died_at``, and in ``death`` why, as far as Ray says.
    """

    id: str
    name: str
    is_head: bool
    alive: bool
    cpu_total: float
    cpu_reserved: float
    cpu_spark: float
    cpu_percent: float | None
    memory_total: int | None
    memory_used: int | None
    memory_reserved: int
    memory_spark: int
    store_total: int
    store_used: int
    gpu_total: float
    gpu_reserved: float
    gpu_spark: float
    spark_executors: int
    ray_tasks: int | None
    ray_actors: int | None
    died_at: float | None
    death: str


@dataclass(frozen=True)
class ExecutorSnapshot:
    """One executor slot. ``tries`` counts its JVMs so far, ``message`` says why it is down.

    ``memory_used`` is the resident memory of its JVM and Python workers, ``memory_total`` what
    Ray reserves: heap and overhead.
    """

    slot: int
    id: str
    state: ExecutorState
    node: str | None
    cores: int
    active_tasks: int
    completed_tasks: int
    failed_tasks: int
    memory_used: int | None
    memory_total: int
    storage_used: int
    storage_total: int
    cached_blocks: int
    shuffle_read: int
    shuffle_write: int
    tries: int
    max_tries: int
    lost_at: float | None
    message: str

    @property
    def retrying(self) -> bool:
        """Whether it is on its way back from a death; one that came back is like any other."""
        return self.tries > 1 and self.state in ("requested", "starting", "lost", "failed")


@dataclass(frozen=True)
class JobSnapshot:
    """One running Spark job; ``cell`` is ``""`` when it is no cell's."""

    id: int
    description: str
    cell: str
    started_at: float | None
    remaining_s: float | None
    stages_done: int
    stages_total: int
    tasks_done: int
    tasks_active: int
    tasks_failed: int
    tasks_total: int
    stages: tuple[StageRecord, ...]


@dataclass(frozen=True)
class TransferSnapshot:
    """One conversion of the bridge that is under way."""

    id: str
    direction: str
    label: str
    rows: int | None
    bytes: int | None
    started_at: float


@dataclass(frozen=True)
class LedgerSnapshot:
    """One thing the bridge holds. ``direction`` is ``"spark -> ray"`` or ``"ray -> spark"``.

    ``id`` is what `release` takes.
    """

    id: str
    name: str
    direction: str
    rows: int | None
    bytes: int | None
    blocks: int
    nodes: int


@dataclass(frozen=True)
class EventSnapshot:
    """One bar of the timeline: a Spark job, a Ray task or a transfer."""

    kind: EventKind
    id: str
    label: str
    started_at: float
    ended_at: float | None
    state: EventState


@dataclass(frozen=True)
class Preset:
    """A request that suits the live nodes, for the start form."""

    name: str
    executors: int
    cores: int
    memory_mib: int


@dataclass(frozen=True)
class Links:
    """What a browser can open: an address, or ``proxy:PORT/path`` below the page's base URL."""

    spark_ui: str | None
    ray_dashboard: str | None


@dataclass(frozen=True)
class Snapshot:
    """The whole cluster at one moment.

    ``ray_lost_at`` says since when Ray does not answer; what comes from Ray is then the last
    known. ``ray_more`` names of what (``"tasks"``, ``"actors"``) Ray has more than it lists: the
    nodes' counts are then of the first 1,000. ``actions`` names what the kernel does when it is
    asked now.
    """

    schema: int
    taken_at: float
    ray_lost_at: float | None
    state: ClusterState
    name: str
    app_id: str
    request: str
    executors_wanted: int
    versions: dict[str, str]
    spark_ui_url: str | None
    ray_dashboard_url: str | None
    links: Links
    ray_more: tuple[str, ...]
    nodes: tuple[NodeSnapshot, ...]
    executors: tuple[ExecutorSnapshot, ...]
    jobs: tuple[JobSnapshot, ...]
    transfers: tuple[TransferSnapshot, ...]
    ledger: tuple[LedgerSnapshot, ...]
    timeline: tuple[EventSnapshot, ...]
    presets: tuple[Preset, ...]
    actions: tuple[str, ...]
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
        return self._fields(lambda row: dict(vars(row)))

    def to_wire(self) -> dict[str, Any]:
        """The same for sending: its rows are this snapshot's own and must not be changed."""
        return self._fields(vars)

    def _fields(self, of: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """All fields, and of rows what `of` makes of them."""
        record = dict(vars(self))
        record["links"] = of(self.links)
        record["versions"] = dict(self.versions)
        for key in _ROWS:
            record[key] = [*map(of, record[key])]
        record["jobs"] = [{**job, "stages": [*map(of, job["stages"])]} for job in record["jobs"]]
        for key in _TEXTS:
            record[key] = list(record[key])
        return record


_ROWS: dict[str, type] = {
    "nodes": NodeSnapshot,
    "executors": ExecutorSnapshot,
    "jobs": JobSnapshot,
    "transfers": TransferSnapshot,
    "ledger": LedgerSnapshot,
    "timeline": EventSnapshot,
    "presets": Preset,
}


_TEXTS = ("ray_more", "actions", "problems")


def from_json(record: dict[str, Any]) -> Snapshot:
    """Read the wire form back.

    Raises
    ------
    ValueError
        When the record is of another schema version, misses a field or has one too many, or has
        a state that there is not.
    """
    if record.get("schema") != SCHEMA_VERSION:
        raise ValueError(f"snapshot schema {record.get('schema')!r}, expected {SCHEMA_VERSION}")
    _check_fields(Snapshot, record)
    _check_word("cluster state", record["state"], ClusterState)
    parts: dict[str, Any] = {
        key: tuple(_read(kind, row) for row in record[key]) for key, kind in _ROWS.items()
    }
    for executor in parts["executors"]:
        _check_word("executor state", executor.state, ExecutorState)
    for event in parts["timeline"]:
        _check_word("event kind", event.kind, EventKind)
        _check_word("event state", event.state, EventState)
    parts["links"] = _read(Links, record["links"])
    for key in _TEXTS:
        parts[key] = tuple(record[key])
    return Snapshot(**{**record, **parts})


def _read(kind: type, row: dict[str, Any]) -> Any:
    _check_fields(kind, row)
    if kind is JobSnapshot:
        row = {**row, "stages": tuple(_read(StageRecord, stage) for stage in row["stages"])}
    return kind(**row)


@cache
def _names(kind: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind))


def _check_fields(kind: type, row: dict[str, Any]) -> None:
    if row.keys() != _names(kind):
        raise ValueError(f"{kind.__name__} fields differ: {sorted(row.keys() ^ _names(kind))}")


def _check_word(what: str, word: str, words: Any) -> None:
    if word not in get_args(words):
        raise ValueError(f"{what} {word!r}")
