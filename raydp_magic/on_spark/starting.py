"""`start_ray_on_spark`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, cast

from raydp_magic.cluster.starting import current, run_alone
from raydp_magic.engine import ray_session
from raydp_magic.engine.driver import check_no_foreign_session, check_port_free
from raydp_magic.errors import ClusterError, UsageError
from raydp_magic.on_spark.attempt import OnSparkAttempt, wait_undone
from raydp_magic.on_spark.request import make_on_spark_spec
from raydp_magic.on_spark.session import LentDriver, check_lent, live_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import SparkSession

    from raydp_magic.cluster.cluster import Cluster
    from raydp_magic.on_spark.attempt import NodesProgress
    from raydp_magic.on_spark.handle import RayOnSpark


def start_ray_on_spark(
    spark: SparkSession | None = None,
    *,
    master: str | None = None,
    worker_nodes: int | None = None,
    min_worker_nodes: int | None = None,
    max_worker_nodes: int | None = None,
    num_worker_nodes: int | None = None,
    cpus_per_node: int = 1,
    gpus_per_node: int = 0,
    memory_per_node: str | int | None = None,
    store_per_node: str | int | None = None,
    head_cpus: int = 0,
    head_gpus: int = 0,
    head_memory: str | int | None = None,
    head_store: str | int | None = None,
    driver_memory: str | int = "1g",
    conf: Mapping[str, object] | None = None,
    name: str = "raydp_magic",
    ui_port: int = 0,
    idle_timeout_minutes: float = 1.0,
    upscaling_speed: float = 1.0,
    collect_log_to_path: str | None = None,
    head_node_options: Mapping[str, object] | None = None,
    worker_node_options: Mapping[str, object] | None = None,
    timeout: float = 180.0,
    progress: Callable[[NodesProgress], None] | None = None,
) -> RayOnSpark:
    """Start Ray on Spark: its head in this machine, its nodes as tasks of a Spark application.

    This process need not call ``ray.init()``: Ray connects to it when it is first used, and the
    bridge does too. Calling ``ray.init()`` yourself works as well.

    Parameters
    ----------
    spark : SparkSession, optional
        The Spark to put Ray on. By default the session that lives in this process, else one that
        is started, and ends with Ray.
    master : str, optional
        Spark's master for a session that is started: ``"spark://host:port"``, ``"yarn"`` or
        ``"local[N]"``; ``"local[*]"`` by default.
    worker_nodes : int, optional
        Ray nodes beside the head, 1 by default; -1 for as many as Spark has task slots.
    min_worker_nodes, max_worker_nodes : int, optional
        Instead of a fixed number: Ray's autoscaler then follows the load between them.
    num_worker_nodes : int, optional
        The name of `worker_nodes` in older Rays.
    cpus_per_node, gpus_per_node : int
        CPUs and GPUs of a node, which its Spark task takes; in local mode a node has one CPU, or
        ``spark.task.cpus`` of a session that was given.
    memory_per_node, store_per_node : str or int, optional
        Memory for Ray tasks and object store of a node: ``"2g"``, ``"512m"``, or MiB as an int.
        By default shares of its machine.
    head_cpus, head_gpus : int
        What Ray tasks may use of the head; nothing by default.
    head_memory, head_store : str or int, optional
        As for nodes.
    driver_memory : str or int
        Heap of the Spark driver that is started.
    conf : mapping, optional
        Spark settings of the session that is started.
    name : str
        Its application name.
    ui_port : int
        Port of its UI; 0 takes a free one.
    idle_timeout_minutes : float
        With an autoscaler: a node that is idle for so long goes.
    upscaling_speed : float
        With an autoscaler: how many nodes may be on their way, as a multiple of those there.
    collect_log_to_path : str, optional
        Folder that Ray's logs are copied to at the end.
    head_node_options, worker_node_options : mapping, optional
        More options of ``ray start``: ``{"some_option": value}``, None as value of a flag.
    timeout : float
        Seconds to wait for Spark, and again for Ray's nodes.
    progress : callable, optional
        Called with a :class:`NodesProgress` on every change, in the calling thread.

    Returns
    -------
    RayOnSpark
        The running cluster; the same one when it already runs with this request.

    Raises
    ------
    UsageError
        A wrong argument; a session that Ray cannot be put on; workers without Ray.
    AlreadyRunningError
        Another cluster runs in this process.
    ClusterError
        This process is connected to a Ray already.
    DoesNotFitError
        Spark has no room for the nodes; says what would fit.
    StartError
        A process ended, or did not come in `timeout`, with its last log lines.

    Examples
    --------
    >>> with raydp_magic.start_ray_on_spark(worker_nodes=2, master="local[4]"):  # doctest: +SKIP
    ...     len(ray.nodes())
    3
    """
    if not timeout > 0:
        raise UsageError(
            f"timeout={timeout!r}: more than 0 seconds are needed", hint="try timeout=180."
        )
    wait_undone()
    given = spark if spark is not None else _session_here()
    if given is not None:
        check_lent(given, master)
        _check_nothing_for_a_new_session(
            driver_memory=driver_memory, conf=conf, name=name, ui_port=ui_port
        )
    spec = make_on_spark_spec(
        master=master if given is None else given.sparkContext.master,
        session="" if given is None else str(given.sparkContext.applicationId),
        worker_nodes=worker_nodes,
        min_worker_nodes=min_worker_nodes,
        max_worker_nodes=max_worker_nodes,
        num_worker_nodes=num_worker_nodes,
        cpus_per_node=cpus_per_node,
        gpus_per_node=gpus_per_node,
        memory_per_node=memory_per_node,
        store_per_node=store_per_node,
        head_cpus=head_cpus,
        head_gpus=head_gpus,
        head_memory=head_memory,
        head_store=head_store,
        driver_memory=driver_memory,
        conf=conf,
        name=name if given is None else str(given.sparkContext.appName),
        ui_port=ui_port,
        idle_timeout_minutes=idle_timeout_minutes,
        upscaling_speed=upscaling_speed,
        collect_log_to_path=collect_log_to_path,
        head_node_options=head_node_options,
        worker_node_options=worker_node_options,
    )

    def make(on_stopped: Callable[[Cluster], None]) -> OnSparkAttempt:
        _check_not_connected()
        if given is None:
            check_no_foreign_session()  # ends the JVM of one that was stopped
            check_port_free(spec.ui_port, "ui_port")
        return OnSparkAttempt(
            spec, given, timeout=timeout, progress=progress, on_stopped=on_stopped
        )

    return cast("RayOnSpark", run_alone(spec, make))


def _check_nothing_for_a_new_session(**asked: object) -> None:
    """Raise when something was asked for that only a session that is started can have.

    Raises
    ------
    UsageError
        Naming it.
    """
    usual = inspect.signature(start_ray_on_spark).parameters
    given = [key for key, value in asked.items() if value and value != usual[key].default]
    if given:
        raise UsageError(
            f"{', '.join(given)}: without effect on a Spark session that lives already",
            hint="set it when you make the session, or stop that one first with `spark.stop()`.",
        )


def _session_here() -> SparkSession | None:
    """A session of the person's own in this process; that of a cluster of ours is none."""
    running = current()
    if running is not None and not isinstance(running.driver, LentDriver):
        return None
    return live_session()


def _check_not_connected() -> None:
    """Raise when this process has a Ray: ``ray.util.spark`` wants none.

    Raises
    ------
    ClusterError
        Saying how to go on.
    """
    if ray_session.is_connected():
        raise ClusterError(
            "This kernel is connected to a Ray already, and Ray on Spark is another one",
            hint="call `ray.shutdown()` first; what that Ray holds for you goes with it.",
        )
