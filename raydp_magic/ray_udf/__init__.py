"""Ray inside of Spark: a DataFrame's batches through Ray tasks or actors, and Ray in UDFs."""

from raydp_magic.ray_udf.through_ray import map_batches
from raydp_magic.ray_udf.udfs import ray_in_udfs

__all__ = ["map_batches", "ray_in_udfs"]
