"""Questions to Ray for a snapshot: what runs where, and how loaded executors and nodes are."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from raydp_magic.engine import ray_session
from raydp_magic.errors import RayUnreachableError
from raydp_magic.monitoring.gone import Death
from raydp_magic.monitoring.records import Loads, RayWork

if TYPE_CHECKING:
    from raydp_magic.cluster.cluster import Cluster
    from raydp_magic.engine.executor import NodeLoad

T = TypeVar("T")

LISTING_LIMIT = 1000
LISTING_SECONDS = 4
LOAD_SECONDS = 1.0
ASKED_AT_ONCE = 16
"""Executors that are asked for their load in one go; the others have their turn later."""
FRESH_SECONDS = 60.0
"""A load that was asked for longer ago says nothing of now: it is not known."""
_OURS = ("ExecutorActor", "Keeper")
_WAITING = "ExecutorActor.wait_exit"
"""A call that runs as long as an executor does: Ray reads 10,000 tasks before it looks at types."""


def check_connected(cluster: Cluster) -> None:
    """Raise when this process has no Ray any more: asking would start a new one.

    Raises
    ------
    RayUnreachableError
        Naming the Ray that the cluster runs on.
    """
    if not cluster.may_be_unconnected and not ray_session.is_connected():
        address = cluster.ray.address
        raise RayUnreachableError("Ray was shut down", address=address, hint="start again.")


class LoadLook:
    """Asks executors how loaded they and their nodes are, a few at a time.

    Parameters
    ----------
    cluster : Cluster
        Whose executors to ask.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._nodes: dict[str, tuple[float, NodeLoad]] = {}
        self._executors: dict[str, tuple[float, int]] = {}
        self._turn = 0

    def __call__(self) -> Loads:
        """All that is known, after the next few were asked; of thousands only the latest."""
        import ray

        check_connected(self._cluster)
        actors = self._cluster.actors()
        names = sorted(actors)
        if not names:
            return Loads()
        start = self._turn % len(names)
        asked = [*names[start:], *names[:start]][:ASKED_AT_ONCE]
        self._turn = start + len(asked)
        now = time.monotonic()
        refs = [actors[name].load.remote() for name in asked]
        done, _ = ray.wait(refs, num_returns=len(refs), timeout=LOAD_SECONDS)
        for ref in done:
            with contextlib.suppress(ray.exceptions.RayError):
                load = ray.get(ref)
                self._nodes[load.node_id] = now, load
                if load.executor_memory is not None:
                    self._executors[load.executor_id] = now, load.executor_memory
        self._nodes = _fresh(self._nodes, now)
        self._executors = _fresh(self._executors, now)
        return Loads(
            {name: load for name, (_, load) in self._nodes.items()},
            {name: memory for name, (_, memory) in self._executors.items() if name in actors},
        )


def _fresh(known: dict[str, tuple[float, T]], now: float) -> dict[str, tuple[float, T]]:
    return {name: (at, told) for name, (at, told) in known.items() if now - at < FRESH_SECONDS}


def ray_work(cluster: Cluster) -> RayWork:
    """Running Ray tasks and others' actors by node, and this kernel's latest tasks."""
    import ray
    from ray.util.state import list_actors, list_tasks

    check_connected(cluster)
    common = _listing(cluster)
    # Ray sorts by id and cuts, so what must be complete is asked for by itself. The tasks of
    # actors are left out: ours are only questions of the panel's kind.
    normal = ("type", "=", "NORMAL_TASK")
    running = list_tasks(
        filters=[normal, ("state", "=", "RUNNING"), ("name", "!=", _WAITING)], detail=True, **common
    )
    rows: dict[str, Any] = {}
    if ray_session.is_connected():
        job = ray.get_runtime_context().get_job_id()
        rows = {row.task_id: row for row in running if row.job_id == job}
        mine = list_tasks(filters=[normal, ("job_id", "=", job)], detail=True, **common)
        rows |= {row.task_id: row for row in mine}
    others = [("class_name", "!=", name) for name in _OURS]
    actors = list_actors(filters=[("state", "=", "ALIVE"), *others], **common)
    listed = {"tasks": len(running), "actors": len(actors)}
    return RayWork(
        tasks=Counter(row.node_id for row in running if row.node_id),
        actors=Counter(row.node_id for row in actors if row.node_id),
        rows=tuple(rows.values()),
        more=tuple(kind for kind, found in listed.items() if found >= LISTING_LIMIT),
    )


def node_deaths(cluster: Cluster) -> dict[str, Death]:
    """By node id, what Ray still knows of nodes that died."""
    from ray.util.state import list_nodes

    check_connected(cluster)
    rows = list_nodes(filters=[("state", "=", "DEAD")], detail=True, **_listing(cluster))
    return {
        row.node_id: Death(
            at=row.end_time_ms / 1000,
            why=row.state_message or "",
            name=row.node_name or row.node_ip,
            cpus=(row.resources_total or {}).get("CPU", 0.0),
        )
        for row in rows
        if row.end_time_ms
    }


def _listing(cluster: Cluster) -> dict[str, Any]:
    """How the state API is asked for a list."""
    return {
        # Without it the state API asks the Ray that `ray start` noted on this machine.
        "address": cluster.ray.address,
        "limit": LISTING_LIMIT,
        "timeout": LISTING_SECONDS,
        "raise_on_missing_output": False,
    }
