"""Have the training workers, or a model, room now? Pure, but for the asking."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from raydp_magic.cluster.fit import executor_resources, room_for
from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from raydp_magic.engine.ray_session import NodeRoom

    Held = Sequence[tuple[str, Mapping[str, float]]]
    """Of each executor of Spark's the id of its node, and what it reserves."""

WAIT_SECONDS = 10.0
"""How long what has just ended may take to give its resources back."""


def check_room(
    workers: int,
    wants: Mapping[str, float],
    nodes: Sequence[NodeRoom],
    strategy: str,
    *,
    spark_cpus: float = 0.0,
    without_spark: bool = False,
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
    without_spark : bool
        Whether this is what will be free once Spark has stopped.

    Raises
    ------
    UsageError
        Saying what is free, who holds the rest, and what would fit.
    """
    room = room_for(nodes, dict(wants), strategy)
    if room >= workers:
        return
    ways = [f"use num_workers={room}"] if room else []
    if spark_cpus:
        ways += ["pass stop_spark_after_conversion=True to fit_on_spark", "scale Spark down"]
    elif not room:
        ways += ["free something (see the Ray dashboard)", "ask for less with resources_per_worker"]
    count = "1 worker" if workers == 1 else f"{workers} workers"
    raise UsageError(
        f"{count} with {_amounts(wants)} each {'does' if workers == 1 else 'do'} not fit: "
        f"{_taken(nodes, spark_cpus)}{' once Spark has stopped' if without_spark else ''}",
        hint=(", or ".join(ways) or "use fewer workers") + ".",
    )


def check_model_room(
    wants: Mapping[str, float], nodes: Sequence[NodeRoom], *, spark_cpus: float, less: str
) -> None:
    """Raise when not even one actor with a trained model can be placed now.

    Parameters
    ----------
    wants, nodes, spark_cpus
        As for :func:`check_room`.
    less : str
        The argument to ask for less with; empty where there is none.

    Raises
    ------
    UsageError
        Saying what is free, who holds the rest, and what to do.
    """
    if room_for(nodes, dict(wants)):
        return
    ways = ["scale Spark down" if spark_cpus else "free something (see the Ray dashboard)"]
    ways += [f"ask for less with {less}"] if less else []
    raise UsageError(
        f"The model, with {_amounts(wants)}, does not fit: {_taken(nodes, spark_cpus)}",
        hint=", or ".join(ways) + ".",
    )


def wait_for_room(
    workers: int, wants: Mapping[str, float], strategy: str, *, without_spark: bool = False
) -> None:
    """Raise as :func:`check_room`, after a few seconds in which resources may come free.

    What an autoscaler may still bring counts as room: training waits for it.

    Parameters
    ----------
    workers, wants, strategy
        As there.
    without_spark : bool
        Count as free what the running cluster's executors hold.

    Raises
    ------
    UsageError
        When there is no room.
    """

    def check(nodes: Sequence[NodeRoom], held: Held) -> None:
        if without_spark:
            nodes, held = given_back(nodes, held), ()
        check_room(
            workers,
            wants,
            [*nodes, *nodes_to_come()],
            strategy,
            spark_cpus=_cpus(held),
            without_spark=without_spark,
        )

    _wait(check)


def wait_for_model_room(wants: Mapping[str, float], *, less: str = "") -> None:
    """Raise as :func:`check_model_room`, after a few seconds in which resources may come free.

    Raises
    ------
    UsageError
        When there is no room.
    """
    _wait(lambda nodes, held: check_model_room(wants, nodes, spark_cpus=_cpus(held), less=less))


def given_back(nodes: Sequence[NodeRoom], held: Held) -> list[NodeRoom]:
    """The nodes once Spark's executors have given back what they hold; others keep theirs."""
    return [_changed(node, node.free, held, 1.0) for node in nodes]


def beside(nodes: Sequence[NodeRoom], held: Held) -> list[NodeRoom]:
    """The nodes if nobody but Spark's executors held anything."""
    return [_changed(node, node.total, held, -1.0) for node in nodes]


def spark_holds() -> list[tuple[str, Mapping[str, float]]]:
    """What the running cluster's executors hold; nothing where a placement group of yours does."""
    from raydp_magic.cluster import current

    cluster = current()
    if cluster is None or cluster.spec.placement_group is not None:
        return []
    each, live = executor_resources(cluster.spec), cluster.actors()
    return [(slot.node or "", each) for slot in cluster.slots() if slot.executor_id in live]


def nodes_to_come() -> list[NodeRoom]:
    """What an autoscaler of the running cluster may still start."""
    from raydp_magic.cluster import current

    cluster = current()
    return [] if cluster is None else cluster.rooms_to_come()


def gpus_for(workers: int, wants: Mapping[str, float], strategy: str) -> float:
    """GPUs for each worker where nobody has said: one, when Ray has them free beside the rest."""
    from raydp_magic.engine.ray_session import nodes

    return 1.0 if room_for(nodes(), {**wants, "GPU": 1.0}, strategy) >= workers else 0.0


def _wait(check: Callable[[Sequence[NodeRoom], Held], None]) -> None:
    """Check until it passes; not if it would not even with all that Spark leaves."""
    from raydp_magic.engine.ray_session import nodes

    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        there, held = nodes(), spark_holds()
        try:
            check(there, held)
        except UsageError:
            if time.monotonic() > deadline or not _passes(check, beside(there, held), held):
                raise
            time.sleep(0.2)
        else:
            return


def _passes(
    check: Callable[[Sequence[NodeRoom], Held], None], nodes: Sequence[NodeRoom], held: Held
) -> bool:
    try:
        check(nodes, held)
    except UsageError:
        return False
    return True


def _changed(node: NodeRoom, start: Mapping[str, float], held: Held, sign: float) -> NodeRoom:
    """A node whose free resources are some to start with, and what Spark holds there."""
    free = dict(start)
    for node_id, amounts in held:
        for name, amount in amounts.items():
            if node_id == node.node_id and name in node.total:
                left = max(0.0, free.get(name, 0.0) + sign * amount)
                free[name] = min(left, node.total[name])
    return replace(node, free=free)


def _cpus(held: Held) -> float:
    return sum(amounts.get("CPU", 0.0) for _, amounts in held)


def _amounts(wants: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:g} {name}" for name, amount in wants.items() if amount)


def _taken(nodes: Sequence[NodeRoom], spark_cpus: float) -> str:
    """Who has the CPUs."""
    free = sum(node.free.get("CPU", 0.0) for node in nodes)
    total = sum(node.total.get("CPU", 0.0) for node in nodes)
    held = f"; Spark's executors hold {spark_cpus:g}" if spark_cpus else ""
    return f"{free:g} of Ray's {total:g} CPUs are free{held}"
