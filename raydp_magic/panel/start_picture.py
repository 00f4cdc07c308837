"""A snapshot of a cluster that does not exist yet: its start is under way. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp_magic.monitoring.snapshot import SCHEMA_VERSION, ExecutorSnapshot, Links, Snapshot

if TYPE_CHECKING:
    from raydp_magic.spec import ClusterSpec


def start_picture(spec: ClusterSpec, now: float) -> Snapshot:
    """The picture before there is anything to look at: executors are planned.

    Parameters
    ----------
    spec : ClusterSpec
        What is being started.
    now : float
        Unix seconds.
    """
    return Snapshot(
        schema=SCHEMA_VERSION,
        taken_at=now,
        ray_lost_at=None,
        state="starting",
        name=spec.name,
        app_id="",
        request=spec.describe(),
        executors_wanted=spec.executors,
        versions={},
        spark_ui_url=None,
        ray_dashboard_url=None,
        links=Links(None, None),
        ray_more=(),
        nodes=(),
        executors=tuple(
            ExecutorSnapshot(
                slot=number,
                id=f"slot {number}",
                state="planned",
                node=None,
                cores=spec.cores,
                active_tasks=0,
                completed_tasks=0,
                failed_tasks=0,
                memory_used=None,
                memory_total=spec.reserved_bytes,
                storage_used=0,
                storage_total=0,
                cached_blocks=0,
                shuffle_read=0,
                shuffle_write=0,
                tries=0,
                max_tries=spec.max_restarts + 1,
                lost_at=None,
                message="",
            )
            for number in range(spec.executors)
        ),
        jobs=(),
        transfers=(),
        ledger=(),
        timeline=(),
        presets=(),
        actions=(),
        problems=(),
    )
