"""Ray on Spark: a Ray cluster whose nodes are tasks of a Spark application.

Nothing heavy is imported here; Ray and Spark come in with the first start.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp_magic.on_spark.handle import RayOnSpark
    from raydp_magic.on_spark.starting import start_ray_on_spark

__all__ = ["RayOnSpark", "start_ray_on_spark"]

_HOME = {
    "RayOnSpark": "raydp_magic.on_spark.handle",
    "start_ray_on_spark": "raydp_magic.on_spark.starting",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'raydp_magic.on_spark' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
