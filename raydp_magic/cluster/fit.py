"""The fit check: would the request run on the nodes that are there now? Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from raydp_magic.errors import DoesNotFitError, UsageError
from raydp_magic.spec import MIB, ClusterSpec, format_mib

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raydp_magic.engine.ray_session import NodeRoom

_STRICT = {
    "STRICT_SPREAD": "STRICT_SPREAD (each on a node of its own)",
    "STRICT_PACK": "STRICT_PACK (all on one node)",
}
_SLACK = 1e-4
"""Ray counts resources in units of 1/10000."""


def executor_resources(spec: ClusterSpec) -> dict[str, float]:
    """What one executor's actor asks Ray for; memory in bytes."""
    wants = {"CPU": spec.reserved_cpus, "memory": float(spec.reserved_bytes)}
    if spec.gpus:
        wants["GPU"] = spec.gpus
    return wants | dict(spec.resources)


def room_for(
    nodes: Sequence[NodeRoom], wants: dict[str, float], strategy: str | None = None
) -> int:
    """How many executors of this size the nodes' free resources hold, placed in this way."""
    each = [fits_in(node.free, wants) for node in nodes]
    if strategy == "STRICT_SPREAD":
        return sum(count > 0 for count in each)
    if strategy == "STRICT_PACK":
        return max(each, default=0)
    return sum(each)


def fits_in(free: Mapping[str, float], wants: Mapping[str, float]) -> int:
    """How many times all of `wants` fit into what is free."""
    counts = [
        int((free.get(name, 0.0) + _SLACK) // amount)
        for name, amount in wants.items()
        if amount and math.isfinite(free.get(name, 0.0))  # infinite: not known before Ray runs
    ]
    return min(counts, default=0)


def check_fit(spec: ClusterSpec, nodes: Sequence[NodeRoom]) -> None:
    """Raise when the request cannot run now.

    Raises
    ------
    DoesNotFitError
        Saying what was asked, what is free, and a request that would fit.
    """
    if room_for(nodes, executor_resources(spec), spec.placement_strategy) >= spec.executors:
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
    if spec.placement_group or spec.placement_strategy:
        return  # its bundles decide, see check_bundles
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
    best = None
    for memory in (spec.memory_mib, 2048, 1024, 512):
        for cores, ray_cpus in _smaller(spec):
            if memory > spec.memory_mib:
                continue
            smaller = replace(
                spec,
                cores=cores,
                ray_cpus=ray_cpus,
                memory_mib=memory,
                overhead_mib=min(spec.overhead_mib, max(384, memory // 10)),
            )
            room = room_for(nodes, executor_resources(smaller), spec.placement_strategy)
            executors = min(room, spec.executors)
            if executors > (best.executors if best else 0):
                best = replace(smaller, executors=executors)
    return best


def cpus_left(spec: ClusterSpec, nodes: Sequence[NodeRoom]) -> float:
    """Ray CPUs that stay free for Ray tasks once the executors run."""
    free = sum(node.free.get("CPU", 0.0) for node in nodes)
    # What a placement group of the user's holds is not free any more.
    return free if spec.placement_group else free - spec.executors * spec.reserved_cpus


def check_bundles(
    spec: ClusterSpec, executors: int, bundles: Mapping[int, Mapping[str, float]]
) -> None:
    """Raise when the bundles of a placement group cannot hold this many executors.

    Parameters
    ----------
    spec : ClusterSpec
        Size of an executor, and which bundles are used.
    executors : int
        How many there shall be.
    bundles : mapping of int to mapping
        The group's bundles by index, and what each reserves; memory in bytes.

    Raises
    ------
    UsageError
        When a bundle index is none of the group's.
    DoesNotFitError
        Naming the bundle that is too small.
    """
    indexes = spec.bundle_indexes or tuple(sorted(bundles))
    unknown = [index for index in indexes if index not in bundles]
    if unknown:
        raise UsageError(
            f"bundle_indexes={list(indexes)}: the placement group has no bundle {unknown[0]}",
            hint=f"it has {len(bundles)}, numbered from 0.",
        )
    wants = executor_resources(spec)
    for index, count in Counter(indexes[n % len(indexes)] for n in range(executors)).items():
        room = fits_in(bundles[index], wants)
        if room >= count:
            continue
        asked = f"{count} executor{'s' * (count > 1)} in bundle {index} of the placement group"
        if spec.placement_strategy:
            hint = f"stop, and start with executors={executors}: its group was made for fewer."
        else:
            hint = f"make bundles of at least {_exactly(wants, count)}, or use more bundles."
        raise DoesNotFitError(
            f"{asked} asked; it reserves {_amounts(bundles[index])}, one executor needs "
            f"{_amounts(wants)}",
            asked=asked,
            fits=f"{room} of them" if room else None,
            hint=hint,
        )


def _amounts(resources: Mapping[str, float]) -> str:
    """Resources in words, such as ``1 CPU, 1.4 GiB memory``."""
    shown = {name: amount for name, amount in resources.items() if not name.startswith("node:")}
    return ", ".join(
        f"{amount / MIB / 1024:.1f} GiB memory" if name == "memory" else f"{amount:g} {name}"
        for name, amount in sorted(shown.items())
    )


def _exactly(wants: Mapping[str, float], count: int) -> str:
    """What a bundle must say, ready to be copied."""
    amounts = {name: amount * count for name, amount in wants.items()}
    text = {name: str(int(n)) if n == int(n) else f"{n:g}" for name, n in amounts.items()}
    return "{" + ", ".join(f'"{name}": {amount}' for name, amount in text.items()) + "}"


def _smaller(spec: ClusterSpec) -> list[tuple[int, float | None]]:
    """Ever fewer (cores, ray_cpus); when those differ, only the second is Ray's concern."""
    steps = [(spec.cores, spec.ray_cpus)]
    if spec.ray_cpus is None:
        while steps[-1][0] > 1:
            steps.append((steps[-1][0] // 2, None))
        return steps
    cpus = spec.ray_cpus
    while cpus > 1:
        cpus = max(1.0, float(cpus // 2))
        steps.append((spec.cores, cpus))
    return steps


def _asked(spec: ClusterSpec) -> str:
    plural = "s" if spec.executors > 1 else ""
    cores = "core" if spec.cores == 1 else "cores"
    text = (
        f"{spec.executors} executor{plural} x {spec.cores} {cores}, {format_mib(spec.memory_mib)}"
    )
    extra = [] if spec.ray_cpus is None else [f"{spec.ray_cpus:g} Ray CPUs each"]
    extra += [f"{spec.gpus:g} GPU"] if spec.gpus else []
    extra += [f"{amount:g} {name}" for name, amount in spec.resources]
    extra += [_STRICT.get(spec.placement_strategy or "", "")]
    extra = [part for part in extra if part]
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
    count = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    where = f" on {count}" if len(nodes) > 1 or spec.placement_strategy in _STRICT else ""
    need = f"{(spec.memory_mib + spec.overhead_mib) / 1024:.1f} GiB"
    return (
        f"this Ray has {', '.join(parts)} free{where} (one executor reserves {need} with overhead)"
    )


def _flags(better: ClusterSpec, asked: ClusterSpec) -> str:
    flags = f"--executors {better.executors} --cores {better.cores}"
    if better.memory_mib != asked.memory_mib:
        flags += f" --memory {format_mib(better.memory_mib)}"
    if better.ray_cpus is not None:
        flags += f" --ray-cpus {better.ray_cpus:g}"
    return flags
