"""What a person asked for of Ray on Spark, validated and frozen. Pure: no Ray, no Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError
from raydp_magic.spec import MIB, ClusterSpec, format_mib, parse_memory, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL_SLOTS = -1
"""As many Ray nodes as Spark has task slots; the value of Ray's own ``MAX_NUM_WORKER_NODES``."""
DEFAULT_MASTER = "local[*]"
LEAST_STORE_MIB = 75
"""Ray makes no smaller object store."""

OWNED_CONF = {
    "spark.master": "use master=",
    "spark.app.name": "use name=",
    "spark.driver.memory": "use driver_memory=",
    "spark.ui.port": "use ui_port=",
}


@dataclass(frozen=True)
class OnSparkSpec(ClusterSpec):
    """A request for Ray on Spark.

    The fields of a `ClusterSpec` describe the Spark below: `executors`, `cores` and `memory_mib`
    are what was found there once it runs; before that there are no executors.

    Attributes
    ----------
    master : str
        Spark's master.
    session : str
        Application id of the session that was given; empty when the session is ours to start.
    min_nodes, max_nodes : int
        Ray worker nodes; Ray's autoscaler is on when they differ. `ALL_SLOTS` in both means as
        many as Spark has task slots.
    node_cpus, node_gpus : int
        CPUs and GPUs of one worker node; so many its Spark task takes.
    node_memory_mib, node_store_mib : int or None
        Memory for tasks and object store of one worker node, MiB; None lets Ray choose.
    head_cpus, head_gpus : int
        What Ray tasks may use of the head node, which runs beside Spark's driver.
    head_memory_mib, head_store_mib : int or None
        As for worker nodes.
    idle_minutes : float
        A node that is idle for so long goes, when the autoscaler is on.
    upscaling_speed : float
        How many nodes may be on their way, as a multiple of those there.
    log_path : str or None
        Folder that Ray's logs are copied to at the end.
    head_options, node_options : tuple of (str, object)
        More options of ``ray start``.
    """

    executors: int = 0
    master: str = DEFAULT_MASTER
    session: str = ""
    min_nodes: int = 1
    max_nodes: int = 1
    node_cpus: int = 1
    node_gpus: int = 0
    node_memory_mib: int | None = None
    node_store_mib: int | None = None
    head_cpus: int = 0
    head_gpus: int = 0
    head_memory_mib: int | None = None
    head_store_mib: int | None = None
    idle_minutes: float = 1.0
    upscaling_speed: float = 1.0
    log_path: str | None = None
    head_options: tuple[tuple[str, Any], ...] = ()
    node_options: tuple[tuple[str, Any], ...] = ()

    @property
    def local(self) -> bool:
        """Whether Spark runs in its driver alone."""
        return is_local(self.master)

    @property
    def nodes(self) -> str:
        """How many worker nodes, in words."""
        if self.max_nodes == ALL_SLOTS:
            return "as many Ray nodes as Spark has slots"
        if self.min_nodes != self.max_nodes:
            return f"{self.min_nodes} to {self.max_nodes} Ray nodes"
        return "1 Ray node" if self.max_nodes == 1 else f"{self.max_nodes} Ray nodes"

    def in_words(self) -> str:
        """The size, such as ``head + 2 Ray nodes x 1 CPU``."""
        cpus = "1 CPU" if self.node_cpus == 1 else f"{self.node_cpus} CPUs"
        gpus = f" and {self.node_gpus} GPU" if self.node_gpus else ""
        return f"head + {self.nodes} x {cpus}{gpus}"

    def describe(self) -> str:
        """One line in the words of the magic's flags."""
        usual = OnSparkSpec()
        fixed = self.min_nodes == self.max_nodes
        flags: list[tuple[str, object, bool]] = [  # flag, value, whether it needs saying
            ("master", self.master, True),
            ("worker-nodes", self.max_nodes, fixed),
            ("min-worker-nodes", self.min_nodes, not fixed),
            ("max-worker-nodes", self.max_nodes, not fixed),
            ("cpus-per-node", self.node_cpus, True),
            ("gpus-per-node", self.node_gpus, bool(self.node_gpus)),
            *(
                (flag, format_mib(mib), True)
                for flag, mib in (
                    ("memory-per-node", self.node_memory_mib),
                    ("store-per-node", self.node_store_mib),
                )
                if mib is not None
            ),
            ("head-cpus", self.head_cpus, bool(self.head_cpus)),
            ("idle-minutes", f"{self.idle_minutes:g}", self.idle_minutes != usual.idle_minutes),
            ("name", repr(self.name), self.name != usual.name and not self.session),
            *(("conf", f"{key}={shown(key, value)}", True) for key, value in self.conf),
        ]
        said = " ".join(f"--{flag} {value}" for flag, value, needed in flags if needed)
        return f"--on-spark {said}"


def is_local(master: str) -> bool:
    """Whether a master is Spark's local mode: no executor beside the driver."""
    return master == "local" or master.startswith("local[")


def make_on_spark_spec(
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
    session: str = "",
) -> OnSparkSpec:
    """Validate a request. Parameters are those of :func:`raydp_magic.start_ray_on_spark`.

    Raises
    ------
    UsageError
        Naming the first argument that is wrong, with a value that would do.
    """
    least, most = node_counts(worker_nodes, num_worker_nodes, min_worker_nodes, max_worker_nodes)
    if gpus_per_node and is_local(master or DEFAULT_MASTER):
        raise UsageError(
            "gpus_per_node: Spark gives no GPUs to tasks in local mode",
            hint="use head_gpus= for those of this machine.",
        )
    return OnSparkSpec(
        master=check_master(master or DEFAULT_MASTER),
        session=session,
        min_nodes=least,
        max_nodes=most,
        node_cpus=_whole(cpus_per_node, "cpus_per_node", 1),
        node_gpus=_whole(gpus_per_node, "gpus_per_node", 0),
        node_memory_mib=_memory(memory_per_node, "memory_per_node", 1),
        node_store_mib=_memory(store_per_node, "store_per_node", LEAST_STORE_MIB),
        head_cpus=_whole(head_cpus, "head_cpus", 0),
        head_gpus=_whole(head_gpus, "head_gpus", 0),
        head_memory_mib=_memory(head_memory, "head_memory", 1),
        head_store_mib=_memory(head_store, "head_store", LEAST_STORE_MIB),
        driver_memory_mib=parse_memory(driver_memory, "driver_memory", least=512),
        conf=_settings(conf or {}),
        name=str(name),
        ui_port=_whole(ui_port, "ui_port", 0),
        idle_minutes=_number(idle_timeout_minutes, "idle_timeout_minutes", 0.0),
        upscaling_speed=_number(upscaling_speed, "upscaling_speed", 1.0),
        log_path=collect_log_to_path,
        head_options=_options(head_node_options, "head_node_options"),
        node_options=_options(worker_node_options, "worker_node_options"),
    )


def node_counts(
    worker_nodes: int | None, num_worker_nodes: int | None, least: int | None, most: int | None
) -> tuple[int, int]:
    """The least and the most worker nodes; `num_worker_nodes` is the name of older Rays."""
    given = {
        name: count
        for name, count in (
            ("worker_nodes", worker_nodes),
            ("num_worker_nodes", num_worker_nodes),
            ("min_worker_nodes", least),
            ("max_worker_nodes", most),
        )
        if count is not None
    }
    for name, count in given.items():
        if count != ALL_SLOTS or name == "min_worker_nodes":
            _whole(count, name, 0 if name == "min_worker_nodes" else 1)
    fixed = {count for name, count in given.items() if name in ("worker_nodes", "num_worker_nodes")}
    if len(fixed) > 1 or (fixed and (least is not None or most is not None)):
        raise UsageError(
            f"{' and '.join(given)} contradict each other",
            hint="give worker_nodes= for a fixed number, or min_worker_nodes= and "
            "max_worker_nodes= for one that follows the load.",
        )
    if fixed:
        return (fixed.copy().pop(),) * 2
    if most is None:
        if least is not None:
            raise UsageError(
                "min_worker_nodes without max_worker_nodes",
                hint=f"say how far it may grow: max_worker_nodes={max(least, 1) + 1}.",
            )
        return 1, 1
    if most == ALL_SLOTS and least is not None:
        raise UsageError(
            "min_worker_nodes beside max_worker_nodes=-1, which takes every task slot",
            hint="name a largest number, or leave min_worker_nodes out.",
        )
    if least is not None and least > most:
        raise UsageError(
            f"min_worker_nodes={least} is more than max_worker_nodes={most}",
            hint="exchange them.",
        )
    return (most if least is None else least), most


def check_master(master: str) -> str:
    """A Spark master that Ray on Spark runs on.

    Raises
    ------
    UsageError
        Naming those that it does.
    """
    cluster = master == "yarn" or master.startswith(("spark://", "local-cluster["))
    if is_local(master) or cluster:
        return master
    raise UsageError(
        f"Ray on Spark does not run on the master {master!r}",
        hint="it runs on spark://HOST:PORT (standalone), yarn and local[N].",
    )


def setup_arguments(spec: OnSparkSpec) -> dict[str, Any]:
    """Keyword arguments of :func:`ray.util.spark.setup_ray_cluster`; amounts are bytes there."""
    arguments: dict[str, Any] = {
        "min_worker_nodes": spec.min_nodes,
        "max_worker_nodes": spec.max_nodes,
        "num_cpus_head_node": spec.head_cpus,
        "num_gpus_head_node": spec.head_gpus,
        "memory_worker_node": _bytes(spec.node_memory_mib),
        "object_store_memory_worker_node": _bytes(spec.node_store_mib),
        "memory_head_node": _bytes(spec.head_memory_mib),
        "object_store_memory_head_node": _bytes(spec.head_store_mib),
        "head_node_options": dict(spec.head_options),
        "worker_node_options": dict(spec.node_options),
        "collect_log_to_path": spec.log_path,
        "autoscale_upscaling_speed": spec.upscaling_speed,
        "autoscale_idle_timeout_minutes": spec.idle_minutes,
    }
    if not spec.local:  # local mode has no stage scheduling: a node has spark.task.cpus there
        # Without these a node asks for every CPU of its machine, whatever Spark's worker has.
        arguments |= {
            "num_cpus_worker_node": spec.node_cpus,
            "num_gpus_worker_node": spec.node_gpus,
        }
    return arguments


def _bytes(mib: int | None) -> int | None:
    return None if mib is None else mib * MIB


def _memory(value: str | int | None, what: str, least: int) -> int | None:
    return None if value is None else parse_memory(value, what, least=least)


def _whole(value: object, what: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(
            f"{what}={value!r}: a whole number of at least {least} is needed",
            hint=f"try {what}={max(least, 1)}.",
        )
    return value


def _number(value: object, what: str, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
        raise UsageError(
            f"{what}={value!r}: a number of at least {least:g} is needed", hint=f"try {what}=1."
        )
    return float(value)


def _settings(conf: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for key, value in conf.items():
        if key in OWNED_CONF:
            raise UsageError(f"{key} cannot be set through conf", hint=f"{OWNED_CONF[key]}.")
        if not str(key).startswith("spark."):
            raise UsageError(
                f"conf key {key!r} is not a Spark setting",
                hint="Spark settings start with `spark.`.",
            )
        found[str(key)] = str(value).lower() if isinstance(value, bool) else str(value)
    return tuple(sorted(found.items()))


def _options(options: Mapping[str, object] | None, what: str) -> tuple[tuple[str, Any], ...]:
    for key in options or ():
        if not str(key).isidentifier():
            raise UsageError(
                f"{what}: {key!r} is not an option's name",
                hint="write --some-option of `ray start` as some_option.",
            )
    return tuple(sorted((options or {}).items()))
