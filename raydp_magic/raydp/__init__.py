"""RayDP's API on this package's cluster: a RayDP program runs with its import line changed.

::

    import raydp_magic.raydp as raydp      # was: import raydp

    spark = raydp.init_spark("app", num_executors=2, executor_cores=1, executor_memory="1GB")
    dataset = ray.data.from_spark(spark.range(1000))
    raydp.stop_spark()

Unless a RayDP is installed, ``from raydp.utils import ...`` and what Ray itself imports are found
here too. docs/raydp.md says what maps to what.
"""

from raydp_magic.engine.raydp_alias import install
from raydp_magic.raydp import spark, utils
from raydp_magic.raydp.context import init_spark, stop_spark

__version__ = "1.7.0"
"""The RayDP whose API this is."""

__all__ = ["init_spark", "spark", "stop_spark", "utils"]

install()
