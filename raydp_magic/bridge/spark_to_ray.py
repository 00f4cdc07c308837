"""Spark -> Ray: `to_refs` and `to_ray`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge import handoff
from raydp_magic.bridge.batches import Batches, applied, cut, cut_by_spark, runs_python
from raydp_magic.bridge.keepers import keepers, need_ray
from raydp_magic.bridge.ledger import TO_RAY, record
from raydp_magic.bridge.route import connector
from raydp_magic.bridge.schema import arrow_schema, as_wire, check_names
from raydp_magic.bridge.transfers import count_with, under_way
from raydp_magic.engine.data_runs import catch_up
from raydp_magic.errors import DataLostError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    import ray
    from pyspark.sql import DataFrame

BLOCK_BYTES = 128 * 1024 * 1024
_AGAIN = "run the conversion again."


@dataclass(frozen=True)
class _Moved:
    refs: list[Any]
    rows: int
    size: int
    nodes: frozenset[str]
    transfer: str


def to_refs(
    df: DataFrame, *, block_bytes: int = BLOCK_BYTES, tls: bool = False
) -> list[ray.ObjectRef[pa.Table]]:
    """Turn a Spark DataFrame into Ray objects.

    Runs one Spark job; each task hands its rows to its own node's object store, the driver
    gets references only.

    Parameters
    ----------
    df : DataFrame
        Of any session: our cluster's, ``local[*]``, a standalone cluster's, Spark Connect's.
    block_bytes : int
        A partition gives a new block whenever it has filled one of about this size, in bytes.
    tls : bool
        Encrypt the way from Spark workers on machines without a Ray node, which send their rows
        to keepers by Arrow Flight. A worker on a Ray node uses no network.

    Returns
    -------
    list of ObjectRef of pyarrow.Table
        In the order of the partitions; an empty partition gives none, an empty DataFrame gives
        one empty table.

    Raises
    ------
    UnsupportedTypeError
        A column has a type that Arrow lacks; no job has run.
    BridgeError
        Two columns share a name.
    """
    moved = _watched(df, block_bytes, tls=tls)
    _note(moved, None)
    return moved.refs


def to_ray(df: DataFrame, *, block_bytes: int = BLOCK_BYTES, tls: bool = False) -> ray.data.Dataset:
    """Turn a Spark DataFrame into a Ray Dataset.

    Parameters
    ----------
    df, block_bytes, tls
        As for :func:`to_refs`.

    Returns
    -------
    ray.data.Dataset
        Its blocks are Arrow tables, in the order of the partitions.

    Raises
    ------
    UnsupportedTypeError, BridgeError
        As for :func:`to_refs`.
    """
    import ray

    moved = _watched(df, block_bytes, tls=tls)
    from_refs = ray.data.from_arrow_refs  # which imports Ray Data
    catch_up()
    dataset = from_refs(moved.refs)
    _note(moved, dataset)
    return dataset


def _watched(df: DataFrame, block_bytes: int, *, tls: bool) -> _Moved:
    label = ", ".join(map(str, getattr(df, "columns", ())[:8]))
    with under_way(uuid.uuid4().hex, TO_RAY, label) as transfer:
        moved = _move(df, block_bytes, tls=tls)
        transfer.done(moved.rows, moved.size, held=moved.transfer)
    return moved


def _move(df: DataFrame, block_bytes: int, *, tls: bool) -> _Moved:
    if not hasattr(df, "mapInArrow"):
        raise UsageError(
            f"A Spark DataFrame is needed, not {type(df).__name__}",
            hint="for Ray data see `to_spark`; plain values go to Ray with `ray.put`.",
        )
    if not block_bytes > 0:
        raise UsageError(f"block_bytes={block_bytes!r}: a number of bytes is needed")
    need_ray()
    check_names(df.columns)
    time_zone = df.sparkSession.conf.get("spark.sql.session.timeZone") or "UTC"
    schema = arrow_schema(df.schema, time_zone)
    wire = as_wire(df)
    batches = cut(wire.schema)
    if batches is not None:
        moved = _convert(wire, schema, batches, block_bytes, tls=tls)
        if moved is not None:
            return moved
    moved = _convert(wire, schema, cut_by_spark(df.sparkSession), block_bytes, tls=tls)
    assert moved is not None  # only a cut of ours refuses rows
    return moved


def _convert(
    wire: DataFrame, schema: pa.Schema, batches: Batches, block_bytes: int, *, tls: bool
) -> _Moved | None:
    """Run the job; None when a row is too large for these batches, or they are not ours to cut."""
    import ray

    session = wire.sparkSession
    actors = keepers.on_all_nodes()
    transfer = uuid.uuid4().hex
    count_with(partial(_given, transfer, actors))
    give = partial(
        handoff.give_blocks,
        connect=connector(session, tls=tls),
        transfer=transfer,
        schema=schema,
        target_bytes=block_bytes,
        watched=batches.too_large is not None,
    )
    if batches.too_large is not None:
        wire = wire.selectExpr("*", f"IF({batches.too_large}, true, NULL) AS too_large")
    try:
        with applied(batches, session):
            job = wire.mapInArrow(give, handoff.RECEIPT_DDL)
            if not batches.bound_bytes and runs_python(job):
                return None
            receipts = sorted(job.collect())
        if any(receipt["block"] == handoff.TOO_LARGE for receipt in receipts):
            _drop(transfer, actors)
            return None
        keys = [receipt["key"] for receipt in receipts]
        answers = ray.get([actor.take.remote(transfer, keys) for actor in actors.values()])
    except BaseException as error:
        _drop(transfer, actors)
        if isinstance(error, Exception) and keepers.answering(actors) < actors.keys():
            raise DataLostError(
                "The conversion failed: a keeper died, which held blocks of it", hint=_AGAIN
            ) from error
        raise
    found = {key: ref for answer in answers for key, [ref] in answer.items()}
    if len(found) != len(keys):
        raise DataLostError(
            f"{len(keys) - len(found)} of {len(keys)} blocks are gone: their keeper died meanwhile",
            hint=_AGAIN,
        )
    nodes = frozenset(node for node, answer in zip(actors, answers, strict=True) if answer)
    refs = [found[key] for key in keys]
    if not refs:
        refs = [ray.put(schema.empty_table())]
        nodes = frozenset({ray.get_runtime_context().get_node_id()})
    return _Moved(
        refs, sum(r["rows"] for r in receipts), sum(r["bytes"] for r in receipts), nodes, transfer
    )


def _given(transfer: str, actors: dict[str, Any]) -> tuple[int, int]:
    """Rows and bytes that the keepers have so far."""
    import ray

    counts = ray.get([actor.given.remote(transfer) for actor in actors.values()], timeout=1)
    return sum(rows for rows, _ in counts), sum(size for _, size in counts)


def _drop(transfer: str, actors: dict[str, Any]) -> None:
    for actor in actors.values():
        actor.drop.remote(transfer)


def _note(moved: _Moved, value: Any) -> None:
    record(
        TO_RAY,
        transfer=moved.transfer,
        rows=moved.rows,
        size=moved.size,
        nodes=moved.nodes,
        object_ids=frozenset(ref.hex() for ref in moved.refs),
        value=value,
    )
