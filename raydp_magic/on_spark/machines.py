"""Can Ray's nodes run where Spark's tasks run? Asked before anything is started there."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.errors import DoesNotFitError, UsageError
from raydp_magic.on_spark.request import ALL_SLOTS, OnSparkSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyspark.sql import SparkSession

    from raydp_magic.on_spark.session import SparkExecutor

_PYTHON_HINT = (
    "set PYSPARK_PYTHON to a Python that has Ray and raydp-magic, before the Spark session is made."
)


@dataclass(frozen=True)
class Machine:
    """What a Python worker of Spark's finds around itself; None for what is not installed."""

    host: str
    python: str
    ray: str | None
    ours: str | None
    path: str


def look_around(session: SparkSession, tasks: int) -> list[Machine]:
    """Ask Spark's Python workers, by a job of this many tasks.

    Raises
    ------
    UsageError
        When the workers' Python cannot run a task of this kernel's.
    """

    def look(_: Any) -> Any:  # goes to workers by value: they may lack raydp_magic
        import os
        import socket
        import sys
        from importlib.metadata import PackageNotFoundError, version

        def release(package: str) -> str | None:
            try:
                return version(package)
            except PackageNotFoundError:
                return None

        found = (release("ray"), release("raydp-magic"), os.environ.get("PATH", ""))
        return [(socket.gethostname(), sys.executable, *found)]

    try:
        rows = session.sparkContext.parallelize(range(tasks), tasks).mapPartitions(look).collect()
    except Exception as error:
        if "PYTHON_VERSION_MISMATCH" in str(error) or "different version" in str(error):
            raise UsageError(
                "Spark's Python workers run another Python version than this kernel",
                hint=_PYTHON_HINT,
            ) from error
        raise
    return [Machine(*row) for row in dict.fromkeys(rows)]


def check_machines(machines: Iterable[Machine], ray: str) -> None:
    """Raise when a Ray node could not run on one of them.

    Parameters
    ----------
    machines : iterable of Machine
        What was found.
    ray : str
        Release of this kernel's Ray.

    Raises
    ------
    UsageError
        Naming the machine and its Python.
    """
    for one in machines:
        if one.ray is None:
            raise UsageError(
                f"Spark's Python workers on {one.host} run {one.python}, which has no Ray",
                hint=_PYTHON_HINT,
            )
        if one.ray != ray:
            raise UsageError(
                f"Spark's Python workers on {one.host} have Ray {one.ray}, this kernel {ray}: "
                "such nodes do not join",
                hint=_PYTHON_HINT,
            )


def program_path(first: str, machines: Iterable[Machine]) -> str:
    """PATH for Ray's nodes: ours, then each environment's own programs, then what was there.

    ``ray.util.spark`` looks for the ``ray`` program there, and a kernel or a worker that was
    started without an activated environment has none.
    """
    machines = list(machines)
    parts = [
        first,
        str(Path(sys.executable).parent),
        *(str(Path(one.python).parent) for one in machines),
        *os.environ.get("PATH", os.defpath).split(os.pathsep),
        *(part for one in machines for part in one.path.split(os.pathsep)),
    ]
    return os.pathsep.join(dict.fromkeys(filter(None, parts)))


def slots_in(executors: Sequence[SparkExecutor], node_cpus: int) -> int:
    """How many Ray nodes Spark has room for, when nothing else runs."""
    return sum(executor.cores // node_cpus for executor in executors)


def with_room(spec: OnSparkSpec, executors: Sequence[SparkExecutor], *, grows: bool) -> OnSparkSpec:
    """The request with its number of nodes, when Spark has room for the least of them.

    Parameters
    ----------
    spec : OnSparkSpec
        What was asked for.
    executors : sequence of SparkExecutor
        Spark's executors now.
    grows : bool
        Whether Spark asks for more executors by itself when tasks wait.

    Raises
    ------
    DoesNotFitError
        Saying what would fit.
    """
    slots = slots_in(executors, spec.node_cpus)
    if spec.max_nodes == ALL_SLOTS:
        if slots:
            return replace(spec, min_nodes=slots, max_nodes=slots)
    elif grows or spec.min_nodes <= slots:
        return spec
    cores = sorted((executor.cores for executor in executors), reverse=True)
    have = ", ".join(map(str, cores[:8])) or "no executor yet"
    asked = f"{spec.nodes} x {spec.node_cpus} CPUs"
    if slots:
        fits, hint = f"--worker-nodes {slots}", f"ask for {slots} at most"
    elif cores:
        fits, hint = f"--cpus-per-node {cores[0]}", f"ask for {cores[0]} CPUs a node at most"
    else:
        fits, hint = None, "look at the Spark cluster: are its workers up?"
    larger = f", or a larger master than {spec.master}" if spec.local else ""
    raise DoesNotFitError(
        f"Spark has no room for {asked}: cores of its executors: {have}",
        asked=asked,
        fits=fits,
        hint=f"{hint}{larger}.",
    )


def full_note(spec: OnSparkSpec, executors: Sequence[SparkExecutor]) -> str | None:
    """One line when Ray's nodes leave Spark nothing for its own jobs."""
    cores = sum(executor.cores for executor in executors)
    if cores - spec.max_nodes * spec.node_cpus > 0:
        return None
    return (
        f"{spec.nodes} can take all {cores} cores of Spark: Spark's own jobs, conversions too, "
        "then wait until one goes; use fewer nodes or CPUs a node"
    )


def rooms_to_come(spec: OnSparkSpec, live: Iterable[NodeRoom]) -> list[NodeRoom]:
    """What nodes will have that Ray's autoscaler has not started yet. Pure.

    Parameters
    ----------
    spec : OnSparkSpec
        As found; without an autoscaler nothing is to come.
    live : iterable of NodeRoom
        The nodes that live now.
    """
    if spec.min_nodes == spec.max_nodes:
        return []
    amounts = {"CPU": spec.node_cpus, "GPU": spec.node_gpus}
    total = {name: float(amount) for name, amount in amounts.items() if amount}
    missing = spec.max_nodes - sum(not room.is_head for room in live)
    return [
        NodeRoom(f"to-come-{n}", "to come", "", is_head=False, total=total, free=total)
        for n in range(missing)
    ]
