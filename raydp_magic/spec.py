"""ClusterSpec: what a person asked for, validated and frozen. Pure: imports no Ray, no Spark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MIB = 1024 * 1024
_UNITS = {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024 * 1024}
_MEMORY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt])(?:i?b)?\s*", re.IGNORECASE)
MIN_EXECUTOR_MIB = 450
"""Spark refuses executors below 1.5 x its reserved 300 MB."""

OWNED_CONF = {
    "spark.master": "the engine sets it",
    "spark.authenticate": "it is always on",
    "spark.authenticate.secret": "a new secret is made for each cluster",
    "spark.executor.instances": "use executors=",
    "spark.executor.cores": "use cores=",
    "spark.executor.memory": "use memory=",
    "spark.driver.memory": "use driver_memory=",
    "spark.app.name": "use name=",
    "spark.ui.port": "use ui_port=",
    "spark.executor.memoryOverhead": "use memory_overhead=",
    "spark.cores.max": "use executors= and cores=",
    "spark.dynamicAllocation.enabled": "use `cluster.scale(n)`",
}
"""Spark settings that the spec's own fields decide, and what to say to who sets them by hand."""


STRATEGIES = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")
"""Ray's strategies of placing the bundles of a placement group."""
_GROUP_ID = re.compile(r"[0-9a-f]{8,}")


def parse_memory(text: str | int, what: str = "memory", *, least: int = 1) -> int:
    """Read an amount of memory.

    Parameters
    ----------
    text : str or int
        A number with a unit, ``"512m"``, ``"1g"``, ``"1.5GiB"`` (powers of 1024), or an
        int in MiB.
    what : str
        Name used in the error.
    least : int
        The smallest amount that makes sense, MiB.

    Returns
    -------
    int
        MiB, at least `least`.

    Raises
    ------
    UsageError
        When it is not an amount of memory.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        mib = text
    else:
        match = _MEMORY.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise UsageError(
                f"{what}={text!r} is not an amount of memory",
                hint="write a number and a unit, such as 512m, 1g or 1.5g.",
            )
        mib = round(float(match[1]) * _UNITS[match[2].lower()])
    if mib < least:
        raise UsageError(f"{what}={text!r} is less than {least} MiB", hint="try 1g.")
    return mib


def format_mib(mib: int) -> str:
    """Write MiB the way Spark and people do: ``1024`` -> ``"1g"``, ``600`` -> ``"600m"``."""
    return f"{mib // 1024}g" if mib % 1024 == 0 else f"{mib}m"


@dataclass(frozen=True)
class ClusterSpec:
    """A request for a cluster.

    Attributes
    ----------
    executors : int
        Number of executors, one JVM and one Ray actor each.
    cores : int
        Task slots of one executor; as many Ray CPUs are reserved unless `ray_cpus` says else.
    memory_mib : int
        Heap of one executor, MiB.
    overhead_mib : int
        Off-heap memory of one executor (Python workers, Arrow, Netty), MiB. Ray reserves
        heap + overhead.
    driver_memory_mib : int
        Heap of the Spark driver in the kernel's process tree, MiB.
    gpus : float
        Ray GPUs of one executor.
    resources : tuple of (str, float)
        Custom Ray resources of one executor.
    address : str or None
        Ray to join: ``"auto"``, ``"host:port"``, or None for the Ray of this process, else
        a new local one.
    name : str
        Spark application name.
    conf : tuple of (str, str)
        More Spark settings.
    ui_port : int
        Port of the Spark UI; 0 takes a free one.
    max_restarts : int
        How many times a dead executor is replaced before it is given up.
    ray_cpus : float or None
        Ray CPUs of one executor; None means as many as `cores`.
    placement_strategy : str or None
        How a placement group of our own places the executors, one of `STRATEGIES`.
    placement_group : str or None
        Id, in hex, of the user's placement group that holds the executors.
    bundle_indexes : tuple of int
        Bundles of `placement_group` that executors go to, in turn; empty means all.
    """

    executors: int = 2
    cores: int = 1
    memory_mib: int = 1024
    overhead_mib: int = 384
    driver_memory_mib: int = 1024
    gpus: float = 0.0
    resources: tuple[tuple[str, float], ...] = ()
    address: str | None = None
    name: str = "raydp_magic"
    conf: tuple[tuple[str, str], ...] = ()
    ui_port: int = 0
    max_restarts: int = 5
    ray_cpus: float | None = None
    placement_strategy: str | None = None
    placement_group: str | None = None
    bundle_indexes: tuple[int, ...] = ()

    @property
    def reserved_bytes(self) -> int:
        """Memory that Ray reserves for one executor: heap + overhead, bytes."""
        return (self.memory_mib + self.overhead_mib) * MIB

    @property
    def reserved_cpus(self) -> float:
        """Ray CPUs that are reserved for one executor."""
        return float(self.cores) if self.ray_cpus is None else self.ray_cpus

    @property
    def cpus(self) -> int:
        """Task slots of all executors together: what Spark calls cores."""
        return self.executors * self.cores

    def describe(self) -> str:
        """One line in the words of the magic's flags."""
        usual = ClusterSpec(overhead_mib=default_overhead_mib(self.memory_mib))
        flags = [  # flag, its value, and the field that goes without saying when it is as usual
            ("executors", self.executors, ""),
            ("cores", self.cores, ""),
            ("memory", format_mib(self.memory_mib), ""),
            ("memory-overhead", format_mib(self.overhead_mib), "overhead_mib"),
            ("driver-memory", format_mib(self.driver_memory_mib), "driver_memory_mib"),
            ("ray-cpus", f"{self.reserved_cpus:g}", "ray_cpus"),
            ("gpus", f"{self.gpus:g}", "gpus"),
            *(("resource", f"{name}={amount:g}", "") for name, amount in self.resources),
            ("placement-strategy", self.placement_strategy, "placement_strategy"),
            ("placement-group", self.placement_group, "placement_group"),
            ("bundle-indexes", ",".join(map(str, self.bundle_indexes)), "bundle_indexes"),
            ("address", self.address, "address"),
            ("name", repr(self.name), "name"),
            ("ui-port", self.ui_port, "ui_port"),
            ("max-restarts", self.max_restarts, "max_restarts"),
            *(("conf", f"{key}={shown(key, value)}", "") for key, value in self.conf),
        ]
        return " ".join(
            f"--{flag} {value}"
            for flag, value, field in flags
            if not field or getattr(self, field) != getattr(usual, field)
        )


_PRIVATE = re.compile(r"secret|password|token|credential|access.?key", re.IGNORECASE)


def shown(key: str, value: str) -> str:
    """A setting's value, or stars when its name says that it is nobody else's business."""
    return "***" if _PRIVATE.search(key) else value


def default_overhead_mib(memory_mib: int) -> int:
    """Spark's own rule for an executor's off-heap share: 10 %, at least 384 MiB."""
    return max(384, memory_mib // 10)


def _count(value: object, what: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(
            f"{what}={value!r}: a whole number of at least {least} is needed",
            hint=f"try {what}={max(least, 1)}.",
        )
    return value


def _amount(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise UsageError(
            f"{what}={value!r}: a number of at least 0 is needed", hint=f"try {what}=1."
        )
    return float(value)


def make_spec(
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
    placement_group: object = None,
    bundle_indexes: Sequence[int] | None = None,
) -> ClusterSpec:
    """Validate a request. Parameters are those of :func:`raydp_magic.start`.

    Raises
    ------
    UsageError
        Naming the first argument that is wrong, with a value that would do.
    """
    memory_mib = parse_memory(memory)
    if memory_mib < MIN_EXECUTOR_MIB:
        raise UsageError(
            f"memory={memory!r} is less than the {MIN_EXECUTOR_MIB} MiB that an executor needs",
            hint="try --memory 512m or more.",
        )
    driver_mib = parse_memory(driver_memory, "driver_memory")
    if driver_mib < MIN_EXECUTOR_MIB + 62:
        raise UsageError(
            f"driver_memory={driver_memory!r} is less than the 512 MiB that Spark's driver needs",
            hint="try --driver-memory 1g.",
        )
    settings = {str(key): _conf_text(value) for key, value in (conf or {}).items()}
    for key in settings:
        if key in OWNED_CONF:
            raise UsageError(f"{key} cannot be set through conf", hint=f"{OWNED_CONF[key]}.")
        if not key.startswith("spark."):
            raise UsageError(
                f"conf key {key!r} is not a Spark setting",
                hint="Spark settings start with `spark.`.",
            )
    if address is not None and not _is_address(address):
        raise UsageError(
            f"address={address!r} is not a Ray address",
            hint="use auto, or HOST:PORT as printed by `ray start` (port 6379 by default).",
        )
    port = _count(ui_port, "ui_port", 0)
    if port > 65535:
        raise UsageError(
            f"ui_port={port} is not a port", hint="use 1 to 65535, or 0 for any free one."
        )
    cores = _count(cores, "cores", 1)
    return ClusterSpec(
        executors=_count(executors, "executors", 1),
        cores=cores,
        memory_mib=memory_mib,
        overhead_mib=(
            default_overhead_mib(memory_mib)
            if memory_overhead is None
            else parse_memory(memory_overhead, "memory_overhead", least=0)
        ),
        driver_memory_mib=driver_mib,
        gpus=_amount(gpus, "gpus"),
        resources=tuple(
            sorted(
                (key, _amount(value, f"resources[{key!r}]"))
                for key, value in (resources or {}).items()
            )
        ),
        address=address,
        name=str(name),
        conf=tuple(sorted(settings.items())),
        ui_port=port,
        max_restarts=_count(max_restarts, "max_restarts", 0),
        ray_cpus=_ray_cpus(ray_cpus, cores),
        placement_strategy=_strategy(placement_strategy),
        placement_group=_group_id(placement_group, placement_strategy),
        bundle_indexes=_indexes(bundle_indexes, placement_group),
    )


def _ray_cpus(value: float | None, cores: int) -> float | None:
    """Two ways to write one request are one request: as many as `cores` is the default."""
    if value is None:
        return None
    if _amount(value, "ray_cpus") == 0:
        raise UsageError(f"ray_cpus={value!r}: more than 0 are needed", hint="try ray_cpus=0.5.")
    return None if value == cores else float(value)


def _strategy(value: str | None) -> str | None:
    if value is None or value in STRATEGIES:
        return value
    raise UsageError(
        f"placement_strategy={value!r} is not one of Ray's", hint=f"use {', '.join(STRATEGIES)}."
    )


def _group_id(group: object, strategy: str | None) -> str | None:
    """The id of a PlacementGroup, which Ray's own class is asked for without importing it."""
    if group is None:
        return None
    if strategy is not None:
        raise UsageError(
            "placement_group and placement_strategy exclude each other",
            hint="give a group of your own, or a strategy and a group is made (and removed).",
        )
    identity = getattr(group, "id", group)
    text = identity if isinstance(identity, str) else getattr(identity, "hex", str)()
    if not _GROUP_ID.fullmatch(text):
        raise UsageError(
            f"placement_group={group!r} is not a placement group",
            hint="pass what `ray.util.placement_group(...)` returned, or its id in hex.",
        )
    return text


def _indexes(indexes: Sequence[int] | None, group: object) -> tuple[int, ...]:
    if indexes is None:
        return ()
    if group is None:
        raise UsageError(
            "bundle_indexes without a placement_group",
            hint="they number the bundles of a placement group: pass placement_group=.",
        )
    found = tuple(_count(index, "bundle_indexes", 0) for index in indexes)
    if not found:
        raise UsageError("bundle_indexes is empty", hint="leave it out to use every bundle.")
    return found


def _conf_text(value: object) -> str:
    """Spark writes booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_address(text: str) -> bool:
    if text in ("auto", "local"):
        return True
    host, _, port = text.rpartition(":")
    return bool(host) and "/" not in host and port.isdigit() and 0 < int(port) < 65536
