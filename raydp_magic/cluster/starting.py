"""`start` and `current`: one cluster a process."""

from __future__ import annotations

import atexit
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from raydp_magic.cluster.attempt import Attempt
from raydp_magic.engine import raydp_alias
from raydp_magic.engine.driver import check_no_foreign_session, check_port_free
from raydp_magic.engine.interrupts import interrupts_noted
from raydp_magic.errors import AlreadyRunningError, NotRunningError, UsageError
from raydp_magic.spec import ClusterSpec, make_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ray.util.placement_group import PlacementGroup

    from raydp_magic.cluster.attempt import StartProgress
    from raydp_magic.cluster.cluster import Cluster

_lock = threading.RLock()
_current: Cluster | None = None
_being_started: ClusterSpec | None = None
_last_end: str | None = None
_stopped_at = -3600.0


def not_running() -> NotRunningError:
    """The error for whoever needs a cluster: says why the last one ended when it failed."""
    if _last_end is None:
        return NotRunningError()
    return NotRunningError(f"The cluster has ended: {_last_end}")


def peek() -> Cluster | None:
    """The cluster of this process as it is known; waits for nobody and looks at nothing."""
    return _current


def being_started() -> ClusterSpec | None:
    """What a `start` under way in this process is to give; waits for nobody."""
    return _being_started


def last_end() -> str | None:
    """Why the last cluster ended, when nobody called `stop`."""
    return _last_end


def current() -> Cluster | None:
    """The running cluster of this process, or None."""
    if _current is not None:
        _current.settle()
    return _current


def start(
    *,
    executors: int = 2,
    cores: int = 1,
    memory: str | int = "1g",
    memory_overhead: str | int | None = None,
    driver_memory: str | int = "1g",
    gpus: float = 0,
    resources: Mapping[str, float] | None = None,
    address: str | None = None,
    name: str = "raydp_magic",
    conf: Mapping[str, object] | None = None,
    ui_port: int = 0,
    max_restarts: int = 5,
    ray_cpus: float | None = None,
    placement_strategy: str | None = None,
    placement_group: PlacementGroup | str | None = None,
    bundle_indexes: Sequence[int] | None = None,
    wait: bool = True,
    timeout: float = 120.0,
    progress: Callable[[StartProgress], None] | None = None,
) -> Cluster:
    """Start Spark on Ray in this process.

    Parameters
    ----------
    executors : int
        How many executors: one Ray actor and one JVM each.
    cores : int
        Task slots of one executor, and its Ray CPUs unless `ray_cpus` says else.
    memory : str or int
        Heap of one executor: ``"1g"``, ``"512m"``, or MiB as an int.
    memory_overhead : str or int, optional
        Its off-heap share (Python workers, Arrow); 10 % and at least 384 MiB by default.
        Ray reserves heap + overhead.
    driver_memory : str or int
        Heap of the Spark driver.
    gpus : float
        Ray GPUs of one executor.
    resources : mapping of str to float, optional
        Custom Ray resources of one executor.
    address : str, optional
        Ray to join: ``"auto"``, ``"host:port"``; ``"local"`` for a new one. By default the Ray
        of this process, else the one that ``ray.init()`` would join, else a new local one,
        which ends with the cluster.
    name : str
        Spark application name.
    conf : mapping, optional
        More Spark settings.
    ui_port : int
        Port of the Spark UI; 0 takes a free one.
    max_restarts : int
        How often one executor that dies is replaced.
    ray_cpus : float, optional
        Ray CPUs to reserve for one executor, such as 0.5; as many as `cores` by default.
    placement_strategy : str, optional
        ``"PACK"``, ``"SPREAD"``, ``"STRICT_PACK"`` or ``"STRICT_SPREAD"``: place the executors by
        a placement group, which is made for them and removed with the cluster.
    placement_group : PlacementGroup, optional
        Run the executors in this placement group of yours.
    bundle_indexes : sequence of int, optional
        Its bundles that executors go to, in turn; all by default. A replaced executor stays in
        its bundle.
    wait : bool
        Return when all executors are there; with False as soon as the driver is.
    timeout : float
        Seconds to wait for the driver, and again for the executors.
    progress : callable, optional
        Called with a :class:`StartProgress` on every change, in the calling thread.

    Returns
    -------
    Cluster
        The running cluster; the same one when it already runs with this request.

    Raises
    ------
    UsageError
        A wrong argument.
    PortInUseError
        `ui_port` is taken.
    AlreadyRunningError
        A cluster with another request runs in this process.
    ForeignSparkError
        A SparkSession of somebody else lives in this process.
    JavaError
        No Java that this Spark runs on.
    RayUnreachableError
        No Ray at `address`.
    DoesNotFitError
        The live nodes have no room; says what would fit.
    StartError
        A process of ours ended, or did not answer in `timeout`, with its last log lines.

    Examples
    --------
    >>> with raydp_magic.start(executors=2, cores=1, memory="1g") as cluster:  # doctest: +SKIP
    ...     cluster.spark.range(10).count()
    10
    """
    spec = make_spec(
        executors=executors,
        cores=cores,
        memory=memory,
        memory_overhead=memory_overhead,
        driver_memory=driver_memory,
        gpus=gpus,
        resources=resources,
        address=address,
        name=name,
        conf=conf,
        ui_port=ui_port,
        max_restarts=max_restarts,
        ray_cpus=ray_cpus,
        placement_strategy=placement_strategy,
        placement_group=placement_group,
        bundle_indexes=bundle_indexes,
    )
    if not timeout > 0:
        raise UsageError(
            f"timeout={timeout!r}: more than 0 seconds are needed", hint="try timeout=120."
        )

    def make(on_stopped: Callable[[Cluster], None]) -> Attempt:
        check_no_foreign_session()
        check_port_free(spec.ui_port, "ui_port")
        return Attempt(
            spec, timeout=timeout, progress=progress, on_stopped=on_stopped, freed_at=_stopped_at
        )

    return run_alone(spec, make, wait=wait)


class Startable(Protocol):
    """An attempt at a start."""

    def run(self, *, wait: bool, interrupted: Callable[[], bool]) -> Cluster:
        """Take its steps."""

    def undo(self) -> None:
        """Take them back."""


def run_alone(
    spec: ClusterSpec,
    make: Callable[[Callable[[Cluster], None]], Startable],
    *,
    wait: bool = True,
) -> Cluster:
    """Run one attempt as the only one of this process; a request that runs already is given back.

    Parameters
    ----------
    spec : ClusterSpec
        What was asked for.
    make : callable
        Makes the attempt, given what its cluster must call once it has ended.
    wait : bool
        Wait for executors.

    Raises
    ------
    AlreadyRunningError
        A cluster with another request runs in this process.
    """
    global _current, _being_started
    raydp_alias.install()
    with _lock:
        if _current is not None:
            _current.settle()
        if _current is not None and _current.state in ("starting", "running"):
            if _current.runs(spec):
                return _current
            raise _already_running(_current.spec, spec)
        _being_started = spec  # from the first on: the attempt begins with seconds of imports
        try:
            attempt = make(_forget)
            try:
                with interrupts_noted() as interrupted:
                    _current = attempt.run(wait=wait, interrupted=interrupted)
            except BaseException:
                attempt.undo()
                raise
        finally:
            _being_started = None
        return _current


def _already_running(running: ClusterSpec, asked: ClusterSpec) -> AlreadyRunningError:
    """The refusal of a second start; a wish for more or fewer executors only needs `scale`."""
    resized = replace(running, executors=asked.executors) == asked
    return AlreadyRunningError(
        running.describe(), asked.describe(), scale_to=asked.executors if resized else None
    )


def _forget(cluster: Cluster) -> None:
    global _current, _last_end, _stopped_at
    _stopped_at = time.monotonic()
    _last_end = cluster.ended_because
    atexit.unregister(cluster.stop_at_exit)
    if _current is cluster:
        _current = None
