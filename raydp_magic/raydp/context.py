"""`init_spark` and `stop_spark`."""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge.ledger import end_session
from raydp_magic.cluster import current, start
from raydp_magic.errors import AlreadyRunningError, ClusterError
from raydp_magic.raydp.config import hive_settings, translate
from raydp_magic.raydp.once import say_once
from raydp_magic.raydp.spark.dataset import forget_recoverable
from raydp_magic.spec import make_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import SparkSession
    from ray.util.placement_group import PlacementGroup

_lock = threading.RLock()


def init_spark(  # noqa: PLR0917 - the signature is RayDP's
    app_name: str,
    num_executors: int,
    executor_cores: int,
    executor_memory: str | int,
    enable_hive: bool = False,
    fault_tolerant_mode: bool = True,
    placement_group_strategy: str | None = None,
    placement_group: PlacementGroup | None = None,
    placement_group_bundle_indexes: Sequence[int] | None = None,
    configs: Mapping[str, Any] | None = None,
) -> SparkSession:
    """Start Spark on Ray, as RayDP's function of this name does.

    A Ray that runs is joined, else a local one is started, which goes on after `stop_spark`.

    Parameters
    ----------
    app_name : str
        Spark application name.
    num_executors, executor_cores : int
        How many executors, and the task slots of each.
    executor_memory : str or int
        Heap of one executor: ``"500M"``, ``"4GB"``, or bytes. Ray reserves this much, unless
        `configs` has ``spark.executor.memoryOverhead``.
    enable_hive : bool
        Use a Hive metastore: the one of a ``hive-site.xml`` in SPARK_CONF_DIR, HIVE_CONF_DIR or
        SPARK_HOME/conf, else one of the cluster's own, which ends with it.
    fault_tolerant_mode : bool
        Accepted: blocks outlive executors in any case.
    placement_group_strategy : str, optional
        ``"PACK"``, ``"SPREAD"``, ``"STRICT_PACK"`` or ``"STRICT_SPREAD"``: a placement group is
        made for the executors, and removed by `stop_spark`.
    placement_group : PlacementGroup, optional
        Run the executors in this one.
    placement_group_bundle_indexes : sequence of int, optional
        Its bundles that executors go to, in turn; all by default.
    configs : mapping, optional
        Spark's settings and RayDP's own. What has no meaning here is said once, as a warning.

    Returns
    -------
    SparkSession
        With all its executors there.

    Raises
    ------
    AlreadyRunningError
        When Spark runs in this process.
    RaydpMagicError
        As :func:`raydp_magic.start`.
    """
    asked = translate(
        app_name,
        num_executors,
        executor_cores,
        executor_memory,
        fault_tolerant_mode=fault_tolerant_mode,
        placement_group_strategy=placement_group_strategy,
        placement_group=placement_group,
        placement_group_bundle_indexes=placement_group_bundle_indexes,
        configs=configs,
    )
    if enable_hive:
        site = hive_site(os.environ)
        asked.options["conf"] = hive_settings(asked.options["conf"], site)
        if site is None:
            say_once(
                "enable_hive without a hive-site.xml: tables are kept in a metastore of this "
                "cluster's own, which ends with it"
            )
    for what, why in asked.ignored.items():
        say_once(f"{what} has no effect with raydp_magic: {why}")
    with _lock:
        running = current()
        if running is not None:
            raise AlreadyRunningError(
                running.spec.describe(), make_spec(**asked.options).describe()
            )
        _refuse_ray_client()
        cluster = start(**asked.options)
        cluster.ray = replace(cluster.ray, owned=False)  # RayDP leaves Ray running
        return cluster.spark


def stop_spark(cleanup_data: bool = True) -> None:
    """Stop Spark; Ray goes on.

    Datasets that somebody still refers to stay good, whatever `cleanup_data` says; blocks that
    nobody refers to are freed.

    Parameters
    ----------
    cleanup_data : bool
        Free at once what only garbage refers to, also what an earlier call with False has left.
    """
    import ray

    with _lock:
        running = current()
        if cleanup_data:
            gc.collect()
        if running is not None:
            running.stop()
            forget_recoverable()
        elif cleanup_data and ray.is_initialized():
            end_session(None)


def hive_site(environ: Mapping[str, str]) -> str | None:
    """The folder with the user's ``hive-site.xml``; None when there is none."""
    home = environ.get("SPARK_HOME")
    folders = [
        environ.get("SPARK_CONF_DIR"),
        environ.get("HIVE_CONF_DIR"),
        f"{home}/conf" if home else None,
    ]
    return next((f for f in folders if f and (Path(f) / "hive-site.xml").is_file()), None)


def _refuse_ray_client() -> None:
    import ray.util.client

    if ray.util.client.ray.is_connected():
        raise ClusterError(
            "Spark cannot be started through a Ray client connection (ray://)",
            hint="run on a node of the cluster, or wrap the program in a Ray actor.",
        )
