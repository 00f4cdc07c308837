"""Requests that suit the live nodes, for a person who does not want to count. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp_magic.spec import make_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp_magic.engine.ray_session import NodeRoom

MOST_CORES = 4
MEMORIES = (8192, 4096, 2048, 1024, 512)
"""Heaps to try, MiB."""
MIB_A_CORE = 2048


def presets(nodes: Sequence[NodeRoom]) -> list[tuple[str, int, int, int]]:
    """Name, executors, cores and memory (MiB) of a small, a half and a full cluster.

    Parameters
    ----------
    nodes : sequence of NodeRoom
        What is free now.

    Returns
    -------
    list of tuple
        Those that fit; a request that a smaller one equals is left out.
    """
    free = [(int(n.free.get("CPU", 0.0)), n.free.get("memory", 0.0)) for n in nodes]
    total, biggest = sum(cpus for cpus, _ in free), max((cpus for cpus, _ in free), default=0)
    found: list[tuple[str, int, int, int]] = []
    for name, wanted in (("small", min(total, 1)), ("half", total // 2), ("all", total)):
        cores = min(MOST_CORES, biggest, max(1, wanted // max(1, len(nodes))))
        executors = wanted // cores if cores else 0
        if executors < 1 or (executors, cores) in [known[1:3] for known in found]:
            continue
        memory = next((m for m in MEMORIES if _fits(free, executors, cores, m)), None)
        if memory is not None:
            found.append((name, executors, cores, memory))
    return found


def _fits(free: list[tuple[int, float]], executors: int, cores: int, memory: int) -> bool:
    if memory > MIB_A_CORE * cores:
        return False
    needs = make_spec(cores=cores, memory=memory).reserved_bytes
    # Not `fit.room_for`: this runs at every snapshot, for a thousand nodes.
    return sum(min(cpus // cores, int(bytes_ // needs)) for cpus, bytes_ in free) >= executors
