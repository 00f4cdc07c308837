"""Ray -> Spark: `to_spark`."""

from __future__ import annotations

import re
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge import handoff
from raydp_magic.bridge.keeper import keepers, need_ray
from raydp_magic.bridge.ledger import TO_SPARK, record
from raydp_magic.bridge.schema import check_names, spark_schema, target_arrow_schema
from raydp_magic.errors import BridgeError, NotRunningError, UnsupportedTypeError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ACCEPTED = (
    "a Ray Dataset, ObjectRefs of Arrow tables or pandas frames, a pyarrow.Table "
    "or a pandas.DataFrame"
)


_COLUMN = re.compile(r"column (.+?) with type (\w+)")
"""How pyarrow names the column of a pandas frame that it cannot convert."""


def to_spark(data: Any, *, spark: SparkSession | None = None) -> DataFrame:
    """Turn Ray data into a Spark DataFrame.

    Lazy on Spark's side: each task reads its block from its own node's object store when it runs.

    Parameters
    ----------
    data : Dataset, ObjectRef, list of ObjectRef, pyarrow.Table or pandas.DataFrame
        A Dataset is executed first. Object refs hold Arrow tables or pandas frames.
    spark : SparkSession, optional
        The session to make it in; the running cluster's by default.

    Returns
    -------
    DataFrame
        One partition per block, in their order. Its blocks are held until :func:`release` or
        the end of the Spark session.

    Raises
    ------
    UnsupportedTypeError
        A column has a type that Spark lacks.
    UsageError
        `data` is none of the above.
    NotRunningError
        No session was given and no cluster runs.
    """
    import ray

    refs = _as_refs(data)
    if spark is None:
        from raydp_magic.cluster import current

        cluster = current()
        if cluster is None:
            raise NotRunningError
        spark = cluster.spark
    described = ray.get([_describe(ref) for ref in refs])
    for found in described:
        if isinstance(found, str):
            raise UsageError(f"An ObjectRef holds {found}", hint=f"pass {_ACCEPTED}.")
    schemas = [schema for schema, _, _, _ in described]
    tables = [
        converted[0] if converted else ref
        for ref, (_, _, _, converted) in zip(refs, described, strict=True)
    ]
    unified = _unify(schemas)
    check_names(unified.names)
    schema = spark_schema(unified)
    target = target_arrow_schema(schema)
    actors = keepers.on_all_nodes()
    handoff.by_value()
    transfer = uuid.uuid4().hex
    take = partial(handoff.take_blocks, sockets=keepers.sockets(), transfer=transfer)
    numbers = spark.range(0, len(tables), 1, max(1, len(tables)))
    df = numbers.mapInArrow(take, schema)
    ray.get([actor.hold.remote(transfer, tables, target) for actor in actors.values()])
    record(
        TO_SPARK,
        transfer=transfer,
        rows=sum(rows for _, rows, _, _ in described),
        size=sum(size for _, _, size, _ in described),
        nodes=frozenset(actors),
        object_ids=frozenset(ref.hex() for ref in tables),
        value=df,
    )
    return df


def _as_refs(data: Any) -> list[Any]:
    """Object refs of the data; local tables are put."""
    import pandas as pd
    import pyarrow as pa
    import ray

    if isinstance(data, pd.DataFrame):
        need_ray()
        return [ray.put(_from_pandas(data))]
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if isinstance(data, pa.Table):
        need_ray()
        return [ray.put(data)]
    need_ray()
    if isinstance(data, ray.data.Dataset):
        schema = data.schema()
        refs = list(data.to_arrow_refs())
        if not refs and schema is not None:
            empty = pa.schema(list(zip(schema.names, schema.types, strict=True))).empty_table()
            return [ray.put(empty)]
        if not refs:
            raise BridgeError(
                "The Dataset is empty and has no schema",
                hint="give it one, e.g. `ray.data.from_arrow(schema.empty_table())`.",
            )
        return refs
    if isinstance(data, ray.ObjectRef):
        return [data]
    if (
        isinstance(data, (list, tuple))
        and data
        and all(isinstance(ref, ray.ObjectRef) for ref in data)
    ):
        return list(data)
    raise UsageError(
        f"{type(data).__name__} cannot become a Spark DataFrame", hint=f"pass {_ACCEPTED}."
    )


def _from_pandas(frame: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        found = _COLUMN.search(str(error))
        name = found[1] if found else "?"
        raise UnsupportedTypeError(
            name,
            f"{found[2] if found else 'object'} with values of several types",
            hint=f"give it one type first, e.g. `df[{name!r}].astype(str)`.",
        ) from error


def _describe(ref: Any) -> Any:
    """Schema, rows and bytes of a block, read where it is, and its Arrow form if it has another."""
    import ray

    return ray.remote(_describe_block).options(num_cpus=0).remote(ref)


def _describe_block(block: Any) -> tuple[Any, int, int, list[Any]] | str:
    import pandas as pd
    import pyarrow as pa
    import ray

    converted = []
    if isinstance(block, pd.DataFrame):
        block = pa.Table.from_pandas(block, preserve_index=False)
        converted = [ray.put(block)]
    if not isinstance(block, pa.Table):
        return type(block).__name__
    return block.schema.remove_metadata(), block.num_rows, block.nbytes, converted


def _unify(schemas: list[Any]) -> Any:
    import pyarrow as pa

    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        raise BridgeError(
            f"The blocks' schemas do not go together: {error}",
            hint="cast the columns to one type first, e.g. with `Dataset.map_batches`.",
        ) from error
