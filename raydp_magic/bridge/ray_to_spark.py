"""Ray -> Spark: `to_spark`."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge import handoff
from raydp_magic.bridge.blocks import as_blocks, check_widened, unify
from raydp_magic.bridge.keeper import Held, keepers
from raydp_magic.bridge.ledger import TO_SPARK, record
from raydp_magic.bridge.schema import (
    check_names,
    from_wire,
    spark_schema,
    target_arrow_schema,
    wire_schema,
)
from raydp_magic.errors import NotRunningError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def to_spark(
    data: Any, *, spark: SparkSession | None = None, truncate_timestamps: bool = False
) -> DataFrame:
    """Turn Ray data into a Spark DataFrame.

    Lazy on Spark's side: each task reads its block from its own node's object store when it runs.

    Parameters
    ----------
    data : Dataset, ObjectRef, list of ObjectRef, or a local table
        A Dataset is executed first. Object refs hold Arrow tables, pandas or Polars frames. A
        local table is a pyarrow.Table or RecordBatch, a pandas or a Polars DataFrame.
    spark : SparkSession, optional
        The session to make it in; the running cluster's by default.
    truncate_timestamps : bool
        Spark's times have microseconds. Drop what is finer instead of raising.

    Returns
    -------
    DataFrame
        One partition per block, in their order. Its blocks are held until :func:`release` or
        the end of the Spark session.

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
    import ray

    blocks = as_blocks(data, truncate_timestamps=truncate_timestamps)
    if spark is None:
        from raydp_magic.cluster import current

        cluster = current()
        if cluster is None:
            raise NotRunningError
        spark = cluster.spark
    unified = unify([block.schema for block in blocks])
    check_names(unified.names)
    schema = spark_schema(unified)
    target = target_arrow_schema(schema)
    check_widened(blocks, target, truncate_timestamps=truncate_timestamps)
    held = Held([block.ref for block in blocks], target, truncate_timestamps)
    actors = keepers.on_all_nodes()
    handoff.by_value()
    transfer = uuid.uuid4().hex
    take = partial(handoff.take_blocks, sockets=keepers.sockets(), transfer=transfer)
    numbers = spark.range(0, len(blocks), 1, len(blocks))
    df = from_wire(numbers.mapInArrow(take, wire_schema(schema)), schema)
    ray.get([actor.hold.remote(transfer, held) for actor in actors.values()])
    record(
        TO_SPARK,
        transfer=transfer,
        rows=sum(block.rows for block in blocks),
        size=sum(block.size for block in blocks),
        nodes=frozenset(actors),
        object_ids=frozenset(block.ref.hex() for block in blocks),
        value=df,
    )
    return df
