"""Spark DataFrames <-> Ray objects, through each node's keeper and never through the driver."""

from raydp_magic.bridge.ledger import LedgerEntry, ledger, release
from raydp_magic.bridge.ray_to_spark import to_spark
from raydp_magic.bridge.spark_to_ray import to_ray, to_refs

__all__ = ["LedgerEntry", "ledger", "release", "to_ray", "to_refs", "to_spark"]
