"""Spark DataFrame <-> Ray Dataset by the names that RayDP and Ray itself use."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge import to_ray, to_spark
from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    import ray
    from pyspark import StorageLevel
    from pyspark.sql import DataFrame, SparkSession

_lock = threading.Lock()
_persisted: list[tuple[DataFrame, weakref.ref[Any]]] = []
"""DataFrames that `from_spark_recoverable` cached, and the Datasets made of them."""


@dataclass
class PartitionObjectsOwner:
    """Who else shall refer to the blocks of a Dataset.

    Attributes
    ----------
    actor_name : str
        Name of a Ray actor of yours; ``""`` stands for the keepers, who own all blocks anyway.
    set_reference_as_state : callable
        Called with the actor's handle and the refs; hands them over and returns a ref to wait for.
    """

    actor_name: str
    set_reference_as_state: Callable[[Any, list[ray.ObjectRef[Any]]], ray.ObjectRef[Any]]


def get_raydp_master_owner(spark: SparkSession | None = None) -> PartitionObjectsOwner:
    """The owner that keeps blocks beyond Spark's end; every block has it without being asked.

    Parameters
    ----------
    spark : SparkSession, optional
        Accepted as RayDP does.
    """
    import ray

    del spark
    return PartitionObjectsOwner("", lambda _actor, refs: ray.put(len(refs)))


def spark_dataframe_to_ray_dataset(
    df: DataFrame,
    parallelism: int | None = None,
    owner: PartitionObjectsOwner | bool | None = None,
    *,
    _use_owner: bool = False,
) -> ray.data.Dataset:
    """Turn a Spark DataFrame into a Ray Dataset.

    Parameters
    ----------
    df : DataFrame
        Any Spark DataFrame.
    parallelism : int, optional
        Number of partitions, and so of blocks, to bring it into first (by a shuffle, when it has
        another number). A partition of more than 128 MB still becomes several blocks.
    owner : PartitionObjectsOwner, optional
        An actor of yours that shall refer to the blocks too.

    Returns
    -------
    ray.data.Dataset
        As :func:`raydp_magic.to_ray` makes it: its blocks outlive executors and Spark.
    """
    dataset = to_ray(_in_partitions(df, parallelism))
    if isinstance(owner, PartitionObjectsOwner) and owner.actor_name:
        import ray

        actor = ray.get_actor(owner.actor_name)
        ray.get(owner.set_reference_as_state(actor, dataset.to_arrow_refs()))
    return dataset


def ray_dataset_to_spark_dataframe(
    spark: SparkSession,
    arrow_schema: Any,
    blocks: Sequence[ray.ObjectRef[Any]],
    locations: Any = None,
) -> DataFrame:
    """Turn the blocks of a Ray Dataset into a Spark DataFrame.

    Parameters
    ----------
    spark : SparkSession
        The session to make it in.
    arrow_schema : pyarrow.Schema, or Ray's Schema of one
        Used when there are no blocks; else each block has its own.
    blocks : sequence of ObjectRef
        Arrow tables or pandas frames.
    locations : object, optional
        Accepted as RayDP does: Ray is asked where the blocks are.

    Returns
    -------
    DataFrame
        As :func:`raydp_magic.to_spark` makes it.

    Raises
    ------
    UsageError
        When there are neither blocks nor an Arrow schema.
    """
    del locations
    return to_spark(list(blocks) or _empty(arrow_schema), spark=spark)


def from_spark_recoverable(
    df: DataFrame, storage_level: StorageLevel | None = None, parallelism: int | None = None
) -> ray.data.Dataset:
    """Turn a Spark DataFrame into a Ray Dataset, and keep it cached in Spark.

    The Dataset needs no recovery when executors are lost: its blocks belong to the keeper of each
    node. What the cache is good for is making it again, after the loss of a whole node, without
    computing `df` again.

    Parameters
    ----------
    df : DataFrame
        Any Spark DataFrame.
    storage_level : StorageLevel, optional
        Where Spark caches it; ``StorageLevel.MEMORY_AND_DISK`` by default.
    parallelism : int, optional
        As for :func:`spark_dataframe_to_ray_dataset`.
    """
    from pyspark import StorageLevel

    fresh = not df.is_cached
    if fresh:
        df.persist(StorageLevel.MEMORY_AND_DISK if storage_level is None else storage_level)
    try:
        dataset = spark_dataframe_to_ray_dataset(df, parallelism)
    except BaseException:
        if fresh:
            df.unpersist()
        raise
    if fresh:
        with _lock:
            _persisted.append((df, weakref.ref(dataset)))
    return dataset


def release_spark_recoverable(df: Any) -> None:
    """Give Spark's cache of :func:`from_spark_recoverable` back; the Dataset stays good.

    Parameters
    ----------
    df : DataFrame or Dataset
        What was given to it, or what it returned. Anything else is passed over, as RayDP does.
    """
    with _lock:
        found = [entry for entry in _persisted if df is entry[0] or df is entry[1]()]
        _persisted[:] = [entry for entry in _persisted if entry not in found]
    for frame, _ in found:
        frame.unpersist()


def forget_recoverable() -> None:
    """Spark has ended, and its caches with it."""
    with _lock:
        _persisted.clear()


def read_spark_parquet(path: str) -> ray.data.Dataset:
    """A Dataset of a folder of Parquet files as Spark writes it, with its other files left out."""
    import ray

    return ray.data.read_parquet(path, file_extensions=["parquet"])


def _in_partitions(df: DataFrame, parallelism: int | None) -> DataFrame:
    if parallelism is None or parallelism == -1:  # Ray's word for "as it is"
        return df
    if parallelism < 1:
        raise UsageError(
            f"parallelism={parallelism}: at least 1 partition is needed", hint="leave it out."
        )
    # Spark Connect has no `rdd` to ask how many there are.
    has_rdd = type(df).__module__.partition(".connect.")[1] == ""
    if has_rdd and df.rdd.getNumPartitions() == parallelism:
        return df
    return df.repartition(parallelism)


def _empty(schema: Any) -> pa.Table:
    import pyarrow as pa

    schema = getattr(schema, "base_schema", schema)
    if not isinstance(schema, pa.Schema):
        raise UsageError(
            "A Dataset without blocks and without an Arrow schema cannot become a DataFrame",
            hint="give it a schema, e.g. `ray.data.from_arrow(schema.empty_table())`.",
        )
    return schema.empty_table()
