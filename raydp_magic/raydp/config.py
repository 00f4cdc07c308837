"""RayDP's arguments and config keys in the words of `raydp_magic.start`. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError
from raydp_magic.raydp.utils import parse_memory_size
from raydp_magic.spec import MIB

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Newer spellings last: they win.
EXECUTOR_RESOURCES = ("spark.ray.actor.resource.", "spark.ray.raydp_spark_executor.actor.resource.")
MASTER_RESOURCES = (
    "spark.ray.raydp_spark_master.resource.",
    "spark.ray.raydp_spark_master.actor.resource.",
)
SMALLEST = 0.0001
"""Ray's smallest part of a CPU; RayDP takes 0 for an executor that reserves none."""

_FETCH = "no task fetches the blocks again: each node's keeper has them"
_LOGGING = "the JVMs log as `raydp_magic.start` has them log (`cluster.logs()`)"
_NO_MEANING = {
    "spark.ray.raydp_app_master.extraJavaOptions": "there is no app master JVM",
    "spark.ray.raydp_recoverable_fetch.task.resource.CPU": _FETCH,
    "spark.ray.raydp_recoverable_fetch.task.resource.memory": _FETCH,
    "spark.javaagent": "no Java agent is needed",
    "spark.ray.log4j.factory.class": _LOGGING,
    "spark.log4j.config.file.name": _LOGGING,
    "spark.ray.log4j.config.file.name": _LOGGING,
    "spark.master": "init_spark decides it",
    "spark.app.name": "init_spark's app_name decides it",
    "spark.executor.instances": "init_spark's num_executors decides it",
    "spark.executor.cores": "init_spark's executor_cores decides it",
    "spark.executor.memory": "init_spark's executor_memory decides it",
    "spark.cores.max": "init_spark's num_executors and executor_cores decide it",
    "spark.authenticate": "authentication is always on",
    "spark.authenticate.secret": "a new secret is made for each cluster",
    "spark.shuffle.service.enabled": (
        "there is no shuffle service; executors that go hand over their shuffle blocks"
    ),
}
_AS_BY_DEFAULT = {
    "spark.authenticate": "true",
    "spark.shuffle.service.enabled": "false",
}
"""Values that ask for what is so anyway: nothing to say."""

_DYNAMIC = "spark.dynamicAllocation."

_CLASS_PATHS = {
    "spark.preferClassPath": ("spark.driver.extraClassPath", "spark.executor.extraClassPath"),
    "spark.ray.preferClassPath": ("spark.executor.extraClassPath",),
    "raydp.executor.extraClassPath": ("spark.executor.extraClassPath",),
}


@dataclass
class Translation:
    """What `init_spark` was asked for.

    Attributes
    ----------
    options : dict
        Keyword arguments of :func:`raydp_magic.start`.
    ignored : dict of str to str
        What was given and has no meaning here, and why.
    """

    options: dict[str, Any] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)


def translate(
    app_name: str,
    num_executors: int,
    executor_cores: int,
    executor_memory: str | int,
    *,
    fault_tolerant_mode: bool = True,
    placement_group_strategy: str | None = None,
    placement_group: object = None,
    placement_group_bundle_indexes: Sequence[int] | None = None,
    configs: Mapping[str, object] | None = None,
) -> Translation:
    """Read the arguments of RayDP's `init_spark`.

    Like RayDP, an executor reserves its heap in Ray and no more, so that a program fits where it
    did, unless ``spark.executor.memoryOverhead`` is given.

    Parameters
    ----------
    app_name, num_executors, executor_cores, executor_memory : str, int, int, str or int
        As RayDP has them; memory as an int is bytes.
    fault_tolerant_mode : bool
        Always so here.
    placement_group_strategy, placement_group, placement_group_bundle_indexes
        As RayDP has them: a strategy wins over a group.
    configs : mapping, optional
        Spark's settings, and RayDP's own.

    Raises
    ------
    UsageError
        When a value cannot be read.
    """
    settings = {str(key): _text(value) for key, value in (configs or {}).items()}
    out = Translation()
    heap = _mib(executor_memory)
    out.options = {
        "name": app_name,
        "executors": num_executors,
        "cores": executor_cores,
        "memory": heap,
        "memory_overhead": settings.pop("spark.executor.memoryOverhead", 0),
        "driver_memory": settings.pop("spark.driver.memory", "1g"),
        "ui_port": _whole(settings, "spark.ui.port"),
    }
    for key in ("memory_overhead", "driver_memory"):
        if str(out.options[key]).isdigit():  # Spark reads a bare number as MiB
            out.options[key] = int(out.options[key])
    out.options |= _resources(settings, heap)
    out.options |= _placement(
        settings, placement_group_strategy, placement_group, placement_group_bundle_indexes, out
    )
    if not fault_tolerant_mode:
        out.ignored["fault_tolerant_mode=False"] = "blocks outlive executors in any case"
    out.options["conf"] = _spark_settings(settings, out.ignored)
    return out


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mib(memory: str | int) -> int:
    """RayDP's amounts are text with a unit, or bytes."""
    size = memory if isinstance(memory, int) else parse_memory_size(memory)
    return math.ceil(size / MIB)


def _whole(settings: dict[str, str], key: str) -> int:
    text = settings.pop(key, "0")
    if not text.isdigit():
        raise UsageError(f"{key}={text!r} is not a whole number", hint=f"leave {key} out.")
    return int(text)


def _resources(settings: dict[str, str], heap: int) -> dict[str, Any]:
    """What an executor reserves in Ray, by either spelling."""
    found: dict[str, float] = {}
    for prefix in EXECUTOR_RESOURCES:
        for key in [key for key in settings if key.startswith(prefix)]:
            name = key.removeprefix(prefix)
            known = name.upper() if name.lower() in ("cpu", "gpu") else name
            found[known] = _number(key, settings.pop(key))
    options: dict[str, Any] = {}
    if "CPU" in found:
        options["ray_cpus"] = max(found.pop("CPU"), SMALLEST)
    if "GPU" in found:
        options["gpus"] = found.pop("GPU")
    if "memory" in found:
        options["memory_overhead"] = max(0, math.ceil(found.pop("memory") / MIB) - heap)
    return options | {"resources": found}


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{key}={text!r} is not a number", hint=f"try {key}=1.") from None


def _placement(
    settings: dict[str, str],
    strategy: str | None,
    group: object,
    indexes: Sequence[int] | None,
    out: Translation,
) -> dict[str, Any]:
    by_key = settings.pop("spark.ray.placement_group", None)
    numbers = settings.pop("spark.ray.bundle_indexes", None)
    if group is None and by_key:
        group = by_key
        indexes = [_index(part) for part in numbers.split(",")] if numbers else indexes
    if strategy is not None and group is not None:
        out.ignored["placement_group"] = "placement_group_strategy makes a group of its own"
        group = None
    if group is None:
        indexes = None  # RayDP takes them for nothing then
    return {
        "placement_strategy": strategy,
        "placement_group": group,
        "bundle_indexes": list(indexes) if indexes is not None else None,
    }


def _index(text: str) -> int:
    if not text.strip().isdigit():
        raise UsageError(f"spark.ray.bundle_indexes: {text!r} is not a number", hint="write 0,1,2.")
    return int(text)


def _spark_settings(settings: dict[str, str], ignored: dict[str, str]) -> dict[str, str]:
    """The rest: Spark's own settings; notes those that are not passed on."""
    conf = {key: value for key, value in settings.items() if key not in _CLASS_PATHS}
    for key, targets in _CLASS_PATHS.items():
        for target in targets if key in settings else ():
            before = conf.get(target)
            conf[target] = ":".join(filter(None, [settings[key].strip(":"), before]))
    dynamic = {key: conf.pop(key) for key in list(conf) if key.startswith(_DYNAMIC)}
    if dynamic not in ({}, {f"{_DYNAMIC}enabled": "false"}):
        ignored[f"{_DYNAMIC}*"] = (
            "the number of executors changes with `raydp_magic.current().scale(n)`"
        )
    for key in list(conf):
        why = _NO_MEANING.get(key)
        if why is None and key.startswith(MASTER_RESOURCES):
            why = "there is no master actor that could reserve them"
        if why is None and not key.startswith("spark."):
            why = "it is no setting of Spark's"
        if why is not None and conf.pop(key) != _AS_BY_DEFAULT.get(key):
            ignored[key] = why
    return conf


def hive_settings(conf: Mapping[str, str], conf_folder: str | None) -> dict[str, str]:
    """Spark's settings for `enable_hive`.

    Parameters
    ----------
    conf : mapping
        The settings so far; they win.
    conf_folder : str, optional
        A folder with the user's ``hive-site.xml``.
    """
    settings = {"spark.sql.catalogImplementation": "hive"}
    if conf_folder is not None:
        key = "spark.driver.extraClassPath"
        settings[key] = ":".join(filter(None, [conf_folder, conf.get(key)]))
        return {**conf, **settings}
    return settings | dict(conf)
