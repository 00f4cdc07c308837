"""Would a request fit? For a person who is still typing it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp_magic.cluster.fit import check_fit, cpus_left
from raydp_magic.engine import ray_session
from raydp_magic.errors import RaydpMagicError
from raydp_magic.spec import make_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp_magic.cluster.cluster import Cluster
    from raydp_magic.engine.ray_session import NodeRoom


@dataclass(frozen=True)
class Fit:
    """Whether a request fits, and a line about it."""

    fits: bool
    text: str


def known_nodes(cluster: Cluster | None) -> list[NodeRoom] | None:
    """Nodes that a start would be placed on; None when only the start itself can find out.

    Parameters
    ----------
    cluster : Cluster or None
        The running one.
    """
    if cluster is not None:
        return cluster.usable_nodes()
    # Importing Ray takes seconds, and what is not imported is not connected.
    if "ray" in sys.modules and ray_session.is_connected():
        return ray_session.nodes()
    if os.environ.get("RAY_ADDRESS"):
        return None
    return [ray_session.coming_local_node()]


def fit(
    cluster: Cluster | None,
    *,
    executors: int = 2,
    cores: int = 1,
    memory: str | int = "1g",
    gpus: float = 0,
    resources: Mapping[str, float] | None = None,
) -> Fit:
    """Whether a start with these would find room now.

    Parameters
    ----------
    cluster : Cluster or None
        The running one, whose executors hold what they hold.
    executors, cores, memory, gpus, resources
        As :func:`raydp_magic.start` takes them.
    """
    try:
        spec = make_spec(
            executors=executors, cores=cores, memory=memory, gpus=gpus, resources=resources
        )
        nodes = known_nodes(cluster)
        if nodes is None:
            return Fit(True, "not known before the start: RAY_ADDRESS names the Ray to join")
        check_fit(spec, nodes)
    except RaydpMagicError as error:
        return Fit(False, f"{error.message}; {error.hint}" if error.hint else error.message)
    left = cpus_left(spec, nodes)
    cpus = "1 CPU stays" if left == 1 else f"{left:g} CPUs stay"
    return Fit(True, f"fits; {cpus} free for Ray tasks")
