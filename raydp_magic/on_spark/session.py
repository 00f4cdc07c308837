"""The Spark below: one that lives in this process already, or one that is started for Ray."""

from __future__ import annotations

import contextlib
import socket
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.engine import launch
from raydp_magic.engine.archive import find_archive
from raydp_magic.engine.driver import DriverJvm
from raydp_magic.engine.java import find_java, supported_for
from raydp_magic.engine.launch import LOOPBACK
from raydp_magic.engine.spark_home import find_spark
from raydp_magic.errors import UsageError
from raydp_magic.on_spark.request import OnSparkSpec, is_local
from raydp_magic.spec import format_mib, parse_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

_DROPPED = (
    # A standalone cluster decides by its own settings whether it asks for a secret.
    "spark.authenticate",
    "spark.authenticate.secret",
    # Executors are the cluster's own, as many and as large as it gives.
    "spark.cores.max",
    "spark.executor.cores",
    "spark.executor.memory",
    "spark.executor.memoryOverhead",
    "spark.default.parallelism",
)
_EXECUTOR_MEMORY = "spark.executor.memory"
_DRIVER_HOST = "spark.driver.host"
_GUARD = "spark.sql.legacy.setCommandRejectsSparkCoreConfs"


class LentDriver(DriverJvm):
    """A session that somebody else made: looked at, never ended."""

    def __init__(self, session: SparkSession) -> None:
        context = session.sparkContext
        self.session = session
        self.app_id = str(context.applicationId)
        self.host = str(session.conf.get(_DRIVER_HOST) or LOOPBACK)
        self.log = Path("/nonexistent/driver.log")
        self._gateway = context._gateway

    @property
    def alive(self) -> bool:
        """Whether its JVM still runs, as far as this process can know."""
        process = getattr(self._gateway, "proc", None)
        return process is None or process.poll() is None

    def stop(self, timeout: float = 5.0) -> None:
        """It is not ours to stop."""


@dataclass(frozen=True)
class SparkExecutor:
    """One executor as Spark knows it; in local mode the driver is one."""

    id: str
    host: str
    cores: int


def live_session() -> SparkSession | None:
    """A classic session that lives in this process; imports nothing when there is none."""
    pyspark = sys.modules.get("pyspark")
    context = None if pyspark is None else pyspark.SparkContext._active_spark_context
    if context is None or context._jsc is None:
        return None
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()


def check_lent(session: Any, master: str | None) -> None:
    """Raise when Ray cannot be put on this session.

    Raises
    ------
    UsageError
        It is Spark Connect's, it has been stopped, or has another master than was asked for.
    """
    if ".connect." in type(session).__module__ or not hasattr(session, "sparkContext"):
        raise UsageError(
            "Ray on Spark needs Spark's driver in this process",
            hint="a Spark Connect session has its driver elsewhere: pass a classic SparkSession, "
            "or give master= instead.",
        )
    if session.sparkContext._jsc is None:
        raise UsageError(
            "This SparkSession has been stopped", hint="pass a new one, or none to start one."
        )
    theirs = session.sparkContext.master
    if master is not None and master != theirs:
        raise UsageError(
            f"A SparkSession with the master {theirs} lives in this kernel, not {master}",
            hint="leave the master out to put Ray on it, or stop it first with `spark.stop()`.",
        )


def start_session(spec: OnSparkSpec, timeout: float) -> DriverJvm:
    """Start a Spark driver of our own; returns it with its session open."""
    spark = find_spark()
    java = find_java(supported=supported_for(spark.version))
    host = driver_host(spec.master)
    driver = DriverJvm(
        spec,
        java=java,
        spark=spark,
        host=host,
        secret="",  # no RPC secret: see _DROPPED
        archive=find_archive(java, spark, "driver"),
        settings=own_settings(spec, host),
    )
    try:
        driver.open_session(timeout)
    except BaseException:
        driver.stop()
        raise
    return driver


def own_settings(spec: OnSparkSpec, host: str) -> dict[str, str]:
    """Spark settings of a session of ours. Pure."""
    settings = launch.spark_settings(replace(spec, conf=()), host=host)
    for key in _DROPPED:
        del settings[key]
    settings["spark.master"] = spec.master
    if spec.local and spec.node_cpus > 1:
        settings["spark.task.cpus"] = str(spec.node_cpus)  # local mode has no other word for it
    settings |= dict(spec.conf)
    memory = settings.get(_EXECUTOR_MEMORY)
    if memory is not None:
        settings[_EXECUTOR_MEMORY] = readable_memory(memory)
    return settings


def driver_host(master: str) -> str:
    """The address that executors can reach this machine at; loopback where that will do."""
    if not master.startswith("spark://"):
        return LOOPBACK if is_local(master) or master.startswith("local-cluster") else _own_ip("")
    first = master.removeprefix("spark://").split(",")[0].rpartition(":")[0]
    return _own_ip(first)


def _own_ip(towards: str) -> str:
    """Our address on the way to another; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect((towards or "192.0.2.1", 9))
        ip: str = probe.getsockname()[0]
    return socket.gethostbyname(socket.gethostname()) if ip == "0.0.0.0" else ip  # noqa: S104


def readable_memory(text: str) -> str:
    """Spark's words for memory in the one form that ``ray.util.spark`` reads: ``512m``, ``2g``.

    Raises
    ------
    UsageError
        When it is no amount of memory.
    """
    # A bare number is MiB to Spark.
    amount = f"{text}m" if text.strip().isdigit() else text
    return format_mib(parse_memory(amount, _EXECUTOR_MEMORY))


@contextlib.contextmanager
def readable_session(session: SparkSession, head_ip: str) -> Iterator[None]:
    """For a block, let the session's settings say what ``ray.util.spark`` can read.

    It takes an executor's memory by its last letter ("600m", not "600MB" or "600"), and puts
    Ray's head on the driver's address, which Ray does not accept on loopback. Both are settings
    of Spark's core; a session may shadow them, when it is told to allow that.
    """
    conf: Any = session.conf  # PySpark's hints know no default of None
    memory = conf.get(_EXECUTOR_MEMORY, None)
    wanted = {_DRIVER_HOST: head_ip}
    if memory is not None:
        wanted[_EXECUTOR_MEMORY] = readable_memory(memory)
    wanted = {key: value for key, value in wanted.items() if conf.get(key, None) != value}
    before = {key: conf.get(key, None) for key in (*wanted, _GUARD)}
    try:
        if wanted:
            conf.set(_GUARD, "false")
        for key, value in wanted.items():
            conf.set(key, value)
        yield
    finally:
        with contextlib.suppress(Exception):  # Spark may have ended meanwhile
            for key, value in before.items() if wanted else ():
                if value is None:
                    conf.unset(key)
                else:
                    conf.set(key, value)


def executors_of(session: SparkSession) -> list[SparkExecutor]:
    """Live executors that run tasks."""
    context: Any = session.sparkContext
    rows = context._jsc.sc().statusStore().executorList(True)
    found = []
    for index in range(rows.size()):
        row = rows.apply(index)
        if row.totalCores() > 0:  # a driver that runs no tasks has none
            host = str(row.hostPort()).rpartition(":")[0]
            found.append(SparkExecutor(str(row.id()), host, int(row.totalCores())))
    return found


def make_active(session: SparkSession) -> None:
    """Make it the calling thread's session: ``ray.util.spark`` asks for the active one."""
    jvm: Any = session._jvm
    jvm.SparkSession.setActiveSession(session._jsparkSession)


def java_of(session: SparkSession) -> str:
    """The release of the Java that its driver runs on."""
    jvm: Any = session._jvm
    return str(jvm.java.lang.System.getProperty("java.version"))
