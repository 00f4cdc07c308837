"""RayDP's `raydp.spark`: conversions."""

from raydp_magic.raydp.spark.dataset import (
    PartitionObjectsOwner,
    from_spark_recoverable,
    get_raydp_master_owner,
    ray_dataset_to_spark_dataframe,
    read_spark_parquet,
    release_spark_recoverable,
    spark_dataframe_to_ray_dataset,
)

__all__ = [
    "PartitionObjectsOwner",
    "from_spark_recoverable",
    "get_raydp_master_owner",
    "ray_dataset_to_spark_dataframe",
    "read_spark_parquet",
    "release_spark_recoverable",
    "spark_dataframe_to_ray_dataset",
]
