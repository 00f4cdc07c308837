"""What runs in this kernel, for its cells and for completion. Imports nothing that is not there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import NotRunningError
from raydp_magic.loaded import ask

if TYPE_CHECKING:
    from raydp_magic.cluster.cluster import Cluster


def running_cluster() -> Cluster | None:
    """The cluster of this kernel. Imports nothing: without the module there is none."""
    running: Cluster | None = ask("raydp_magic.cluster", "current")
    return running


def session() -> Any:
    """The running Spark session, or None."""
    cluster = running_cluster()
    try:
        return None if cluster is None else cluster.spark
    except NotRunningError:  # it ended between the two lines
        return None


def task_slots() -> int:
    """How many tasks the running cluster can run at once, 0 where that is not known.

    It is known also while the cluster starts or stops: nobody is waited for.
    """
    cluster: Cluster | None = ask("raydp_magic.cluster.starting", "peek")
    return 0 if cluster is None else len(cluster.slots()) * cluster.spec.cores


def executor_ids() -> list[str]:
    """Executors of the running cluster."""
    cluster = running_cluster()
    return [] if cluster is None else list(cluster.executor_ids())


def past_ids() -> list[str]:
    """Executors of the running cluster that are no more."""
    cluster = running_cluster()
    return [] if cluster is None else [one.executor_id for one in cluster.past_executors()]


def job_ids() -> list[str]:
    """Spark jobs that run now."""
    spark = session()
    if spark is None:
        return []
    return [str(job) for job in spark.sparkContext.statusTracker().getActiveJobsIds()]


def entry_names() -> list[str]:
    """What the bridge holds, as it was last seen: asking Ray takes too long for a key's press."""
    bridge = sys.modules.get("raydp_magic.bridge.ledger")
    return [] if bridge is None else [entry.name for entry in bridge.ledger(max_age=float("inf"))]
