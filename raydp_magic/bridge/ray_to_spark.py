"""Ray -> Spark: `to_spark`."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge import handoff
from raydp_magic.bridge.blocks import as_blocks, check_widened, home_nodes, unify
from raydp_magic.bridge.keeper import Held
from raydp_magic.bridge.keepers import keepers
from raydp_magic.bridge.ledger import TO_SPARK, record
from raydp_magic.bridge.route import connector, is_connect, numbered_partitions
from raydp_magic.bridge.schema import (
    check_names,
    from_wire,
    spark_schema,
    target_arrow_schema,
    wire_schema,
)
from raydp_magic.bridge.transfers import UnderWay, under_way
from raydp_magic.errors import NotRunningError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def to_spark(
    data: Any,
    *,
    spark: SparkSession | None = None,
    truncate_timestamps: bool = False,
    tls: bool = False,
) -> DataFrame:
    """Turn Ray data into a Spark DataFrame.

    Lazy on Spark's side: each task reads its block from its own node's object store when it runs,
    and Spark runs it, where it can, on a node that has the block.

    Parameters
    ----------
    data : Dataset, ObjectRef, list of ObjectRef, or a local table
        A Dataset is executed first. Object refs hold Arrow tables, pandas or Polars frames. A
        local table is a pyarrow.Table or RecordBatch, a pandas or a Polars DataFrame.
    spark : SparkSession, optional
        The session to make it in, any kind; the running cluster's by default.
    truncate_timestamps : bool
        Spark's times have microseconds. Drop what is finer instead of raising.
    tls : bool
        As for :func:`to_refs`.

    Returns
    -------
    DataFrame
        One partition per block, in their order. Its blocks are held until :func:`release` or
        the end of the Spark session, for whatever is derived from it.

    Raises
    ------
    UnsupportedTypeError
        A column has a type that Spark lacks, or values that Spark's type cannot keep; no Spark
        job has run.
    BridgeError
        The blocks' schemas do not go together, or two columns share a name.
    UsageError
        `data` is none of the above.
    NotRunningError
        No session was given and no cluster runs.
    """
    transfer = uuid.uuid4().hex
    with under_way(transfer, TO_SPARK, type(data).__name__) as entry:
        return _hold(data, spark, transfer, entry, truncate_timestamps=truncate_timestamps, tls=tls)


def _hold(
    data: Any,
    spark: SparkSession | None,
    transfer: str,
    entry: UnderWay,
    *,
    truncate_timestamps: bool,
    tls: bool,
) -> DataFrame:
    """Have the keepers hold the blocks, and make the DataFrame that reads them."""
    import ray

    blocks = as_blocks(data, truncate_timestamps=truncate_timestamps)
    if spark is None:
        spark = _own_session()
    unified = unify([block.schema for block in blocks])
    check_names(unified.names)
    schema = spark_schema(unified)
    target = target_arrow_schema(schema)
    check_widened(blocks, target, truncate_timestamps=truncate_timestamps)
    refs = [block.ref for block in blocks]
    actors = keepers.on_all_nodes()
    homes = home_nodes(refs, list(actors))
    take = partial(
        handoff.take_blocks, connect=connector(spark, tls=tls, homes=homes), transfer=transfer
    )
    numbers = numbered_partitions(spark, _places(spark, homes))
    df = from_wire(numbers.mapInArrow(take, wire_schema(schema)), schema)
    held = Held(refs, target, truncate_timestamps)
    ray.get([actor.hold.remote(transfer, held) for actor in actors.values()])
    rows, size = sum(block.rows for block in blocks), sum(block.size for block in blocks)
    entry.done(rows, size)
    record(
        TO_SPARK,
        transfer=transfer,
        rows=rows,
        size=size,
        nodes=frozenset(actors),
        object_ids=frozenset(ref.hex() for ref in refs),
        value=df,
        session=spark,
    )
    return df


def _own_session() -> SparkSession:
    from raydp_magic.cluster import current

    cluster = current()
    if cluster is None:
        raise NotRunningError
    return cluster.spark


def _places(spark: SparkSession, homes: list[str]) -> list[list[str]]:
    """For each block the executors on its node, in Spark's words; nothing to say on one node."""
    from raydp_magic.cluster import current

    cluster = current() if len(set(homes)) > 1 else None
    own = cluster.driver.session if cluster is not None else None
    # By its context: `newSession()` of ours has the same executors.
    if own is None or is_connect(spark) or own.sparkContext is not spark.sparkContext:
        return [[] for _ in homes]
    assert cluster is not None
    places = cluster.executor_places()
    return [places.get(node, []) for node in homes]
