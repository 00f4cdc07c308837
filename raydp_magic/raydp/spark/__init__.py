"""RayDP's `raydp.spark`: conversions, and the names that programs import from there."""

from raydp_magic.raydp.spark.dataset import (
    PartitionObjectsOwner,
    from_spark_recoverable,
    get_raydp_master_owner,
    ray_dataset_to_spark_dataframe,
    read_spark_parquet,
    release_spark_recoverable,
    spark_dataframe_to_ray_dataset,
)
from raydp_magic.raydp.spark.interfaces import SparkEstimatorInterface
from raydp_magic.raydp.spark.ray_cluster import SparkCluster

__all__ = [
    "PartitionObjectsOwner",
    "SparkCluster",
    "SparkEstimatorInterface",
    "from_spark_recoverable",
    "get_raydp_master_owner",
    "ray_dataset_to_spark_dataframe",
    "read_spark_parquet",
    "release_spark_recoverable",
    "spark_dataframe_to_ray_dataset",
]
