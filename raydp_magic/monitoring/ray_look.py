"""Questions to Ray for a snapshot: what runs where, and how loaded executors and nodes are."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from raydp_magic.engine import ray_session
from raydp_magic.errors import RayUnreachableError
from raydp_magic.monitoring.records import Loads, RayWork

if TYPE_CHECKING:
    from raydp_magic.cluster.cluster import Cluster

LISTING_LIMIT = 1000
LISTING_SECONDS = 4
LOAD_SECONDS = 1.0
ASKED_AT_ONCE = 16
"""Executors that are asked for their load in one go; the others have their turn later."""
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
        self._known = Loads()
        self._turn = 0

    def __call__(self) -> Loads:
        """All that is known, after the next few were asked."""
        import ray

        check_connected(self._cluster)
        actors = self._cluster.actors()
        names = sorted(actors)
        if not names:
            return Loads()
        start = self._turn % len(names)
        asked = [*names[start:], *names[:start]][:ASKED_AT_ONCE]
        self._turn = start + len(asked)
        refs = [actors[name].load.remote() for name in asked]
        done, _ = ray.wait(refs, num_returns=len(refs), timeout=LOAD_SECONDS)
        nodes, executors = dict(self._known.nodes), dict(self._known.executors)
        for ref in done:
            with contextlib.suppress(ray.exceptions.RayError):
                load = ray.get(ref)
                nodes[load.node_id] = load
                if load.executor_memory is not None:
                    executors[load.executor_id] = load.executor_memory
        self._known = Loads(nodes, {name: executors[name] for name in names if name in executors})
        return self._known


def ray_work(cluster: Cluster) -> RayWork:
    """Running Ray tasks and others' actors by node, and this kernel's latest tasks."""
    import ray
    from ray.util.state import list_actors, list_tasks

    check_connected(cluster)
    # Without the address the state API asks the Ray that `ray start` noted on this machine.
    common: dict[str, Any] = {
        "address": cluster.ray.address,
        "limit": LISTING_LIMIT,
        "timeout": LISTING_SECONDS,
        "raise_on_missing_output": False,
    }
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
