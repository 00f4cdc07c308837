"""Ray in the Python workers of Spark: how they find it, and Ray's things inside of UDFs.

A worker joins when it first needs Ray, once, as a driver of its own that ends with its process.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydp_magic.engine.offered_ray import join_offered
from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AUTH_MODE = "RAY_AUTH_MODE"
_OF_A_RAY_WORKER = (
    "RAY_JOB_ID",
    "RAY_RAYLET_PID",
    "RAY_CLIENT_MODE",
    "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR",
)
"""What Ray tells a process that it started itself. A driver must not hear it."""

_QUIET = {"RAY_LOGGER_LEVEL": "error", "RAY_LOG_TO_DRIVER": "0"}
"""Ray tasks print into the kernel's cells already, not into each worker's log as well."""


def worker_environment(address: str, auth_mode: str | None = None) -> dict[str, str]:
    """What a process needs so that Ray's own calls join the Ray at this address."""
    mode = {} if auth_mode is None else {AUTH_MODE: auth_mode}
    return _QUIET | mode | {"RAY_ADDRESS": address}


def outside_of_ray(base: Mapping[str, str], address: str) -> dict[str, str]:
    """The environment for a child of a Ray worker that is to join Ray as a driver.

    Parameters
    ----------
    base : mapping of str to str
        The Ray worker's own environment; what it says about quietness stays.
    address : str
        Of Ray's head, ``host:port``.
    """
    kept = {key: value for key, value in base.items() if key not in _OF_A_RAY_WORKER}
    return worker_environment(address) | kept | {"RAY_ADDRESS": address}


@dataclass(frozen=True)
class Place:
    """A Ray to join: its address, the namespace of the kernel, and whether it asks for a token."""

    address: str
    namespace: str
    auth_mode: str | None


def this_ray() -> Place:
    """The Ray that this process is connected to."""
    import ray

    context = ray.get_runtime_context()
    return Place(context.gcs_address, context.namespace, os.environ.get(AUTH_MODE))


def join(place: Place) -> None:
    """Connect this process to a Ray, unless it is connected to one already."""
    if place.auth_mode is not None:
        os.environ.setdefault(AUTH_MODE, place.auth_mode)  # Ray reads it when it is imported
    import ray

    if not ray.is_initialized():
        ray.init(
            address=place.address,
            namespace=place.namespace,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )


def carry_ray_things() -> None:
    """Have PySpark take Ray's refs, actor handles and remote functions along into UDFs.

    PySpark's pickler would lose who owns a ref. What arrives in a worker joins it to this Ray,
    in the kernel's namespace.
    """
    import ray
    from pyspark import cloudpickle
    from ray.actor import ActorHandle
    from ray.remote_function import RemoteFunction

    for kind in (ray.ObjectRef, ActorHandle, RemoteFunction):
        cloudpickle.CloudPickler.dispatch_table[kind] = _reduce


def _reduce(thing: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    import ray

    if not join_offered():
        raise UsageError(
            f"A Spark function uses a Ray {type(thing).__name__}, and this kernel has no Ray",
            hint="call `ray.init()` first, or start a cluster with `%raydp_cluster start`.",
        )
    return _arrive, (this_ray(), ray.cloudpickle.dumps(thing))


def _arrive(place: Place, pickled: bytes) -> Any:
    join(place)
    import ray

    return ray.cloudpickle.loads(pickled)
