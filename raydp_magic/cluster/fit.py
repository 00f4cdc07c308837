"""The fit check: would the request run on the nodes that are there now? Pure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from raydp_magic.errors import DoesNotFitError
from raydp_magic.spec import MIB, ClusterSpec, format_mib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp_magic.engine.ray_session import NodeRoom

_SLACK = 1e-4
"""Ray counts resources in units of 1/10000."""


def executor_resources(spec: ClusterSpec) -> dict[str, float]:
    """What one executor's actor asks Ray for; memory in bytes."""
    wants = {"CPU": float(spec.cores), "memory": float(spec.reserved_bytes)}
    if spec.gpus:
        wants["GPU"] = spec.gpus
    return wants | dict(spec.resources)


def room_for(nodes: Sequence[NodeRoom], wants: dict[str, float]) -> int:
    """How many executors of this size the nodes' free resources hold."""
    return sum(
        min(
            (
                int((node.free.get(name, 0.0) + _SLACK) // amount)
                for name, amount in wants.items()
                if amount > 0
            ),
            default=0,
        )
        for node in nodes
    )


def check_fit(spec: ClusterSpec, nodes: Sequence[NodeRoom]) -> None:
    """Raise when the request cannot run now.

    Raises
    ------
    DoesNotFitError
        Saying what was asked, what is free, and a request that would fit.
    """
    if room_for(nodes, executor_resources(spec)) >= spec.executors:
        return
    asked = _asked(spec)
    better = suggest(spec, nodes)
    hint = (
        f"try {_flags(better, spec)}."
        if better
        else "free something first (see the Ray dashboard), add a node, or ask for less memory."
    )
    raise DoesNotFitError(
        f"{asked} asked; {_free_text(spec, nodes)}",
        asked=asked,
        fits=_flags(better, spec) if better else None,
        hint=hint,
    )


def check_scale(spec: ClusterSpec, running: int, wanted: int, nodes: Sequence[NodeRoom]) -> None:
    """Raise when a running cluster cannot grow this far.

    Raises
    ------
    DoesNotFitError
        Saying how many would fit.
    """
    room = room_for(nodes, executor_resources(spec))
    if running + room >= wanted:
        return
    hint = (
        f"`%raydp_cluster scale {running + room}` would fit."
        if room
        else "free something first (see the Ray dashboard), or add a node."
    )
    raise DoesNotFitError(
        f"{wanted} executors asked, {running} wanted so far; {_free_text(spec, nodes)}",
        asked=f"{wanted} executors",
        fits=f"{running + room} executors" if room else None,
        hint=hint,
    )


def suggest(spec: ClusterSpec, nodes: Sequence[NodeRoom]) -> ClusterSpec | None:
    """The request nearest to this one that fits, or None.

    Fewer cores come first, then less memory, then fewer executors: a person who asked for
    two executors is helped most by two smaller ones.
    """
    memories = [m for m in (spec.memory_mib, 2048, 1024, 512) if m <= spec.memory_mib]
    for executors in range(spec.executors, 0, -1):
        for memory in memories:
            for cores in _smaller(spec.cores):
                smaller = replace(
                    spec,
                    executors=executors,
                    cores=cores,
                    memory_mib=memory,
                    overhead_mib=min(spec.overhead_mib, max(384, memory // 10)),
                )
                if room_for(nodes, executor_resources(smaller)) >= executors:
                    return smaller
    return None


def cpus_left(spec: ClusterSpec, nodes: Sequence[NodeRoom]) -> float:
    """Ray CPUs that stay free for Ray tasks once the executors run."""
    return sum(node.free.get("CPU", 0.0) for node in nodes) - spec.cpus


def _smaller(cores: int) -> list[int]:
    steps = [cores]
    while steps[-1] > 1:
        steps.append(steps[-1] // 2)
    return steps


def _asked(spec: ClusterSpec) -> str:
    plural = "s" if spec.executors > 1 else ""
    cores = "core" if spec.cores == 1 else "cores"
    text = (
        f"{spec.executors} executor{plural} x {spec.cores} {cores}, {format_mib(spec.memory_mib)}"
    )
    extra = [f"{spec.gpus:g} GPU"] if spec.gpus else []
    extra += [f"{amount:g} {name}" for name, amount in spec.resources]
    return ", ".join([text, *extra])


def _free_text(spec: ClusterSpec, nodes: Sequence[NodeRoom]) -> str:
    """Free amounts of what is asked for; memory as executors feel it (heap + overhead)."""
    parts = [
        f"{sum(n.free.get('CPU', 0.0) for n in nodes):g} CPUs",
        f"{sum(n.free.get('memory', 0.0) for n in nodes) / MIB / 1024:.1f} GiB memory",
    ]
    extra = ["GPU"] * bool(spec.gpus) + [name for name, _ in spec.resources]
    amounts = {name: sum(n.free.get(name, 0.0) for n in nodes) for name in extra}
    parts += [f"{amount:g} {name}" for name, amount in amounts.items() if math.isfinite(amount)]
    where = f" on {len(nodes)} nodes" if len(nodes) > 1 else ""
    need = f"{(spec.memory_mib + spec.overhead_mib) / 1024:.1f} GiB"
    return (
        f"this Ray has {', '.join(parts)} free{where} (one executor reserves {need} with overhead)"
    )


def _flags(better: ClusterSpec, asked: ClusterSpec) -> str:
    flags = f"--executors {better.executors} --cores {better.cores}"
    if better.memory_mib != asked.memory_mib:
        flags += f" --memory {format_mib(better.memory_mib)}"
    return flags
