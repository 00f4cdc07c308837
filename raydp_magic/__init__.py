"""Spark on Ray in a notebook.

``%load_ext raydp_magic`` gives the magics; in Python the same things are
:func:`start`, :func:`current`, :func:`to_ray`, :func:`to_refs`, :func:`to_spark`,
:func:`ledger` and :func:`release`. Nothing heavy (Ray, Spark, pandas, Arrow) is imported
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

__version__ = "0.1.0"

__all__ = [
    "Cluster",
    "__version__",
    "current",
    "ledger",
    "load_ipython_extension",
    "release",
    "start",
    "to_ray",
    "to_refs",
    "to_spark",
    "unload_ipython_extension",
]

_HOME = {
    "Cluster": "raydp_magic.cluster",
    "current": "raydp_magic.cluster",
    "start": "raydp_magic.cluster",
    "ledger": "raydp_magic.bridge",
    "release": "raydp_magic.bridge",
    "to_ray": "raydp_magic.bridge",
    "to_refs": "raydp_magic.bridge",
    "to_spark": "raydp_magic.bridge",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'raydp_magic' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
