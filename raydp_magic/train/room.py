"""Have the training workers room now? Pure, but for the asking."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from raydp_magic.cluster.fit import room_for
from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raydp_magic.engine.ray_session import NodeRoom

WAIT_SECONDS = 10.0
"""How long what has just ended may take to give its resources back."""


def check_room(
    workers: int,
    wants: Mapping[str, float],
    nodes: Sequence[NodeRoom],
    strategy: str,
    *,
    spark_cpus: float,
) -> None:
    """Raise when the workers cannot all be placed now: Ray Train would wait without end.

    Parameters
    ----------
    workers : int
        How many.
    wants : mapping of str to float
        What each reserves.
    nodes : sequence of NodeRoom
        What is free.
    strategy : str
        How they are placed.
    spark_cpus : float
        CPUs that our Spark executors hold.

    Raises
    ------
    UsageError
        Saying what is free, who holds the rest, and what would fit.
    """
    room = room_for(nodes, dict(wants), strategy)
    if room >= workers:
        return
    free = sum(node.free.get("CPU", 0.0) for node in nodes)
    total = sum(node.total.get("CPU", 0.0) for node in nodes)
    each = ", ".join(f"{amount:g} {name}" for name, amount in wants.items() if amount)
    held = f"; Spark's executors hold {spark_cpus:g}" if spark_cpus else ""
    ways = [f"use num_workers={room}"] if room else []
    if spark_cpus:
        ways += ["pass stop_spark_after_conversion=True to fit_on_spark", "scale Spark down"]
    elif not room:
        ways += ["free something (see the Ray dashboard)", "ask for less with resources_per_worker"]
    count = "1 worker" if workers == 1 else f"{workers} workers"
    raise UsageError(
        f"{count} with {each} each {'does' if workers == 1 else 'do'} not fit: "
        f"{free:g} of Ray's {total:g} CPUs are free{held}",
        hint=(", or ".join(ways) or "use fewer workers") + ".",
    )


def wait_for_room(workers: int, wants: Mapping[str, float], strategy: str) -> None:
    """Raise as :func:`check_room`, after a few seconds in which resources may come free.

    Raises
    ------
    UsageError
        When there is no room.
    """
    from raydp_magic.engine.ray_session import nodes

    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            check_room(workers, wants, nodes(), strategy, spark_cpus=spark_cpus())
        except UsageError:
            if time.monotonic() > deadline or not _could_come_free(workers, wants, nodes()):
                raise
            time.sleep(0.2)
        else:
            return


def check_without_spark(workers: int, wants: Mapping[str, float]) -> None:
    """Raise when the workers have no room even once Spark has stopped.

    Raises
    ------
    UsageError
        Saying what Ray has.
    """
    from raydp_magic.engine.ray_session import nodes

    there = nodes()
    room = room_for([replace(node, free=node.total) for node in there], dict(wants))
    if room < workers:
        total = sum(node.total.get("CPU", 0.0) for node in there)
        raise UsageError(
            f"{workers} workers do not fit: Ray has {total:g} CPUs in all",
            hint=f"use num_workers={room}." if room else "ask for less with resources_per_worker.",
        )


def spark_cpus() -> float:
    """CPUs that the running cluster's executors hold."""
    from raydp_magic.cluster import current

    cluster = current()
    if cluster is None or cluster.spec.placement_group is not None:
        return 0.0
    return float(len(cluster.actors()) * cluster.spec.reserved_cpus)


def gpus_for(workers: int, wants: Mapping[str, float], strategy: str) -> float:
    """GPUs for each worker where nobody has said: one, when Ray has them free beside the rest."""
    from raydp_magic.engine.ray_session import nodes

    return 1.0 if room_for(nodes(), {**wants, "GPU": 1.0}, strategy) >= workers else 0.0


def _could_come_free(workers: int, wants: Mapping[str, float], nodes: Sequence[NodeRoom]) -> bool:
    """Whether there would be room if only Spark held anything."""
    cpus = sum(node.total.get("CPU", 0.0) for node in nodes) - spark_cpus()
    empty = [replace(node, free=node.total) for node in nodes]
    return cpus >= workers * wants.get("CPU", 0.0) and room_for(empty, dict(wants)) >= workers
