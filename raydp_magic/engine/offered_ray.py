"""A Ray that runs for this process, which is not connected to it before it needs to be.

``ray.init()`` refuses to connect a second time: connecting early would break a program that does
so itself.
"""

from __future__ import annotations

from raydp_magic.engine.ray_session import NodeRoom, connect, is_connected

_offered: str | None = None


def offer(address: str | None) -> None:
    """Say at which address a Ray runs for this process; None: it does no more."""
    global _offered
    _offered = address


def join_offered() -> bool:
    """Connect to the Ray that was offered, if any; returns whether this process has one now."""
    if not is_connected() and _offered is not None:
        connect(_offered)
    return is_connected()


def nodes_at(address: str) -> list[NodeRoom]:
    """Live nodes of a Ray that this process need not be connected to, the head first.

    Several nodes may share a machine, so they are told apart by their number.
    """
    from ray.autoscaler.v2.sdk import get_cluster_status

    status = get_cluster_status(address)
    rooms = []
    for node in [*status.active_nodes, *status.idle_nodes]:
        total = node.total_resources()
        is_head = "node:__internal_head__" in total
        number = int(total.get("NODE_ID_AS_RESOURCE", 0))
        rooms.append(
            NodeRoom(
                node_id=node.node_id or "",
                host=f"{node.ip_address} node {number}" if number else node.ip_address,
                ip=node.ip_address,
                is_head=is_head,
                total=total,
                free=node.available_resources(),
            )
        )
    return sorted(rooms, key=lambda room: (not room.is_head, room.host))
