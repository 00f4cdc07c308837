"""Ray in the UDFs of Spark sessions that are not ours: our clusters' have it from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp_magic.bridge.keepers import need_ray
from raydp_magic.bridge.route import is_connect
from raydp_magic.engine.udf_ray import carry_ray_things, this_ray, worker_environment

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def ray_in_udfs(spark: SparkSession) -> None:
    """Let the UDFs of a Spark session use the Ray of this kernel.

    Our clusters' UDFs can already. Call it before the UDF's first use.

    Parameters
    ----------
    spark : SparkSession
        Its Python workers run on Ray nodes, with raydp_magic installed. Of Spark Connect's, UDFs
        can use what they captured (refs, actor handles, remote functions); for more set
        RAY_ADDRESS in the server's environment.

    Raises
    ------
    UsageError
        When this kernel is not connected to a Ray.
    """
    need_ray()
    carry_ray_things()
    if not is_connect(spark):
        place = this_ray()
        spark.sparkContext.environment |= worker_environment(place.address, place.auth_mode)
