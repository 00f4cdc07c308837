"""What ``ray.util.spark`` calls while it starts Ray: its start hook, a class that it finds by name.

It is made anew for each call, so what it works for is kept in this module.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp_magic.on_spark.launching import Launch

_launch: Launch | None = None


def work_for(launch: Launch | None) -> None:
    """Say whose nodes are being started."""
    global _launch
    _launch = launch


class StartHook:
    """Ours in front of the one that would be used without us."""

    def __init__(self) -> None:
        self._theirs = _other_hook(None if _launch is None else _launch.their_hook)

    def get_default_temp_root_dir(self) -> str:
        """Where Ray's folder goes: its paths must stay short, for its Unix sockets."""
        return str(self._theirs.get_default_temp_root_dir())

    def on_ray_dashboard_created(self, port: int) -> None:
        """Ray's dashboard answers."""
        self._theirs.on_ray_dashboard_created(port)

    def on_cluster_created(self, ray_cluster_handler: Any) -> None:
        """The head is up, and its nodes begin to come."""
        self._theirs.on_cluster_created(ray_cluster_handler)
        if _launch is not None:
            _launch.head_is_up(ray_cluster_handler)

    def on_spark_job_created(self, job_group_id: str) -> None:
        """The calling thread is about to run the Spark job that holds one node."""
        self._theirs.on_spark_job_created(job_group_id)
        if _launch is not None:
            _launch.job_begins(job_group_id)
        with contextlib.suppress(Exception):  # a name is a comfort
            _mark_job(job_group_id)

    def custom_environment_variables(self) -> dict[str, str]:
        """What every node gets."""
        ours = {} if _launch is None else _launch.variables
        return {**self._theirs.custom_environment_variables(), **ours}


def _other_hook(theirs: str | None) -> Any:
    """The hook that was set before, else the one of the platform, as ``ray.util.spark`` picks."""
    if theirs:
        from ray._common.utils import load_class

        return load_class(theirs)()
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        from ray.util.spark.databricks_hook import DefaultDatabricksRayOnSparkStartHook

        return DefaultDatabricksRayOnSparkStartHook(False)
    from ray.util.spark.start_hook_base import RayOnSparkStartHook

    return RayOnSparkStartHook(False)


def _mark_job(job_group_id: str) -> None:
    """Give a node's job a name, and take it out of the cell that happens to run now.

    A thread's first job inherits the running cell's tag: stopping that cell would end the node.
    """
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is None:
        return
    context.clearJobTags()
    number = job_group_id.rpartition("-")[2]
    context.setLocalProperty(
        "spark.job.description", f"Ray node {number}: runs until Ray on Spark lets it go"
    )
