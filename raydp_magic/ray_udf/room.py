"""Whether Ray can ever run what is asked for, beside Spark's executors. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp_magic.cluster.fit import fits_in
from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from raydp_magic.engine.ray_session import NodeRoom


def room_beside(
    nodes: Sequence[NodeRoom], held: Iterable[tuple[str, Mapping[str, float]]]
) -> list[dict[str, float]]:
    """What each node can have free once nothing but Spark's executors runs.

    Parameters
    ----------
    nodes : sequence of NodeRoom
        The live nodes.
    held : iterable of (str, mapping)
        Of each executor the id of its node, and what it reserves.
    """
    room = {node.node_id: dict(node.total) for node in nodes}
    for node_id, amounts in held:
        for name, amount in amounts.items():
            if node_id in room and name in room[node_id]:
                room[node_id][name] -= amount
    return list(room.values())


def most_at_once(wants: Mapping[str, float], room: Sequence[Mapping[str, float]]) -> int | None:
    """How many tasks or actors of this size fit at a time; None for any number."""
    if not wants:
        return None
    return sum(max(0, fits_in(node, wants)) for node in room)


def check_room(
    wants: Mapping[str, float],
    nodes: Sequence[NodeRoom],
    room: Sequence[Mapping[str, float]],
    *,
    pool: bool,
    coming: Sequence[NodeRoom] = (),
) -> None:
    """Raise when not even one task or actor can ever run.

    Parameters
    ----------
    wants : mapping of str to float
        What each asks for.
    nodes : sequence of NodeRoom
        The live nodes.
    room : sequence of mapping
        See `room_beside`.
    pool : bool
        Whether they are actors.
    coming : sequence of NodeRoom
        What an autoscaler may bring. It takes Spark's cores for that, which Spark's tasks hold
        while they wait for their batches: one that can run now must be there already.

    Raises
    ------
    UsageError
        With the amounts, and what to do.
    """
    if most_at_once(wants, room) != 0:
        return
    asked = ", ".join(f"{amount:g} {name}" for name, amount in wants.items())
    each = f"Each {'actor' if pool else 'batch'} asks for {asked}"
    if most_at_once(wants, [node.total for node in coming]) != 0:
        raise UsageError(
            f"{each}, and no live Ray node has that: Spark's tasks, while they wait for their "
            "batches, may hold the cores that the autoscaler's next node needs",
            hint="start Ray on Spark with --min-worker-nodes 1 (min_worker_nodes=1) or more.",
        )
    has = ", ".join(f"{sum(n.total.get(r, 0.0) for n in nodes):g} {r}" for r in wants)
    left = "; ".join(
        ", ".join(f"{max(0.0, node.get(r, 0.0)):g} {r}" for r in wants) for node in room[:4]
    )
    where = "" if len(room) == 1 else f" on its {len(room)} nodes"
    raise UsageError(
        f"{each}; this Ray has {has}, and Spark's executors leave {left}{where}",
        hint="fewer executors (`%raydp_cluster scale 1`) or cores, smaller num_cpus, num_gpus or "
        "resources, or another node.",
    )
