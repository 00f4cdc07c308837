"""Spark on Ray in a notebook.

``%load_ext raydp_magic`` gives the magics; in Python the same things are
:func:`start`, :func:`start_ray_on_spark`, :func:`current`, :func:`to_ray`, :func:`to_refs`,
:func:`to_spark`, :func:`map_batches`, :func:`ray_in_udfs`, :func:`ledger` and :func:`release`;
estimators are in :mod:`raydp_magic.train`. Nothing heavy (Ray, Spark, pandas, Arrow) is imported
before the first of them is called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from raydp_magic.extension import load_ipython_extension, unload_ipython_extension

if TYPE_CHECKING:
    from raydp_magic.bridge import to_ray, to_refs, to_spark
    from raydp_magic.bridge.ledger import ledger, release
    from raydp_magic.cluster import Cluster, current, start
    from raydp_magic.on_spark import RayOnSpark, start_ray_on_spark
    from raydp_magic.ray_udf import map_batches, ray_in_udfs

__version__ = "0.1.0"

__all__ = [
    "Cluster",
    "RayOnSpark",
    "__version__",
    "current",
    "ledger",
    "load_ipython_extension",
    "map_batches",
    "ray_in_udfs",
    "release",
    "start",
    "start_ray_on_spark",
    "to_ray",
    "to_refs",
    "to_spark",
    "unload_ipython_extension",
]

_HOME = {
    "Cluster": "raydp_magic.cluster",
    "current": "raydp_magic.cluster",
    "start": "raydp_magic.cluster",
    "RayOnSpark": "raydp_magic.on_spark",
    "start_ray_on_spark": "raydp_magic.on_spark",
    "ledger": "raydp_magic.bridge",
    "release": "raydp_magic.bridge",
    "to_ray": "raydp_magic.bridge",
    "to_refs": "raydp_magic.bridge",
    "to_spark": "raydp_magic.bridge",
    "map_batches": "raydp_magic.ray_udf",
    "ray_in_udfs": "raydp_magic.ray_udf",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'raydp_magic' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
