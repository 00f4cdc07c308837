"""The Spark driver: a JVM of the kernel's, reached through Py4J, and its SparkSession."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from raydp_magic.engine import launch
from raydp_magic.engine.proxied import name_for_proxy
from raydp_magic.engine.runtime_dir import RuntimeDir, kill_group, lifeline, tail
from raydp_magic.engine.translate import refused_start
from raydp_magic.errors import ClusterError, ForeignSparkError, PortInUseError, StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

    from raydp_magic.engine.java import JavaHome
    from raydp_magic.spec import ClusterSpec

_environment_lock = threading.Lock()


class DriverJvm:
    """The driver's JVM, from its start to its end.

    Parameters
    ----------
    spec : ClusterSpec
        What was asked for.
    java, spark : JavaHome, SparkHome
        What to run.
    host : str
        Address to listen on and to tell executors.
    secret : str
        The cluster's secret; goes into the JVM's environment and nowhere else.
    archive : Archive, optional
        Class archive to start from, or to make.
    settings : mapping, optional
        Spark's settings instead of those of a cluster of ours.
    """

    def __init__(
        self,
        spec: ClusterSpec,
        *,
        java: JavaHome,
        spark: launch.SparkHome,
        host: str,
        secret: str,
        archive: launch.Archive | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._spec = spec
        self.host = host
        self.dir = RuntimeDir("driver")
        self.log = self.dir.path / "driver.log"
        self._connection_file = self.dir.path / "gateway"
        local_dir = self.dir.folder("local")
        settings = settings or launch.spark_settings(spec, host=host)
        argv = launch.driver_command(
            java,
            spark,
            spec,
            log4j=self.dir.file("log4j2.properties", launch.log4j_text()),
            properties=self.dir.file("spark.properties", launch.properties_text(settings)),
            local_dir=local_dir,
            archive=archive,
        )
        env = launch.spark_environment(
            os.environ, java, spark, host=host, local_dir=local_dir, python=worker_python()
        )
        env |= {
            launch.SECRET_VARIABLE: secret,
            "_PYSPARK_DRIVER_CONN_INFO_PATH": str(self._connection_file),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                env=env,
                bufsize=0,
                stdin=subprocess.PIPE,  # the gateway ends when this pipe breaks
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the kernel is not for the JVM
            )
        lifeline(self.process)
        self.dir.register_group(self.process.pid)
        self._gateway: Any = None
        self.session: SparkSession | None = None
        self.app_id = ""

    @property
    def alive(self) -> bool:
        """Whether the JVM still runs."""
        return self.process.poll() is None

    @property
    def session_stopped(self) -> bool:
        """Whether somebody stopped the session: PySpark then forgets its Java side."""
        return self.session is not None and self.session.sparkContext._jsc is None

    def wait_gateway(self, timeout: float) -> tuple[int, str]:
        """Wait for the JVM's Py4J port; returns (port, token)."""
        deadline = time.monotonic() + timeout
        while not self._connection_file.is_file():
            if self.process.poll() is not None:
                raise self._ended("Spark's driver JVM ended while starting")
            if time.monotonic() > deadline:
                raise self._ended(f"Spark's driver JVM gave no answer in {timeout:.0f} s")
            time.sleep(0.02)
        record = self._connection_file.read_bytes()
        self._connection_file.unlink()
        port, size = struct.unpack("!ii", record[:8])
        return port, record[8 : 8 + size].decode()

    def open_session(self, timeout: float) -> SparkSession:
        """Make the SparkContext and SparkSession on the running JVM."""
        from py4j.protocol import Py4JError
        from pyspark import SparkConf, SparkContext
        from pyspark.errors import PySparkException
        from pyspark.java_gateway import launch_gateway
        from pyspark.sql import SparkSession

        port, token = self.wait_gateway(timeout)
        with (
            _environment_lock,
            _environment(
                PYSPARK_GATEWAY_PORT=str(port),
                PYSPARK_GATEWAY_SECRET=token,
                PYSPARK_PYTHON=worker_python(),
                SPARK_LOCAL_IP=self.host,
            ),
        ):
            self._gateway = launch_gateway()
            before = signal.getsignal(signal.SIGINT)
            try:
                SparkContext._ensure_initialized(gateway=self._gateway)
                context = SparkContext(
                    conf=SparkConf(_jvm=self._gateway.jvm), gateway=self._gateway
                )
                self.session = SparkSession(context)
                self.app_id = str(context.applicationId)
                jsc = context._jsc.sc()
                name_for_proxy(context, lambda name: jsc.ui().get().setAppId(name))
            except (Py4JError, PySparkException) as error:
                raise self._context_error(error) from None
            finally:
                # SparkContext takes SIGINT over for good; interrupts are the notebook layer's.
                if threading.current_thread() is threading.main_thread():
                    signal.signal(signal.SIGINT, before)
        return self.session

    def address(self) -> launch.DriverAddress:
        """Where executors find this driver."""
        context = self._context()
        conf = context.getConf()
        return launch.DriverAddress(
            conf.get("spark.driver.host"), int(conf.get("spark.driver.port")), self.app_id
        )

    def registered_executors(self) -> set[str]:
        """Ids of the executors that Spark's scheduler has now."""
        ids = self._context()._jsc.sc().schedulerBackend().getExecutorIds().mkString(",")
        return set(filter(None, ids.split(",")))

    def decommission(self, executor_id: str) -> None:
        """Let an executor hand over its blocks, finish its tasks and exit."""
        context = self._context()
        jvm: Any = self._gateway.jvm
        info = jvm.org.apache.spark.scheduler.ExecutorDecommissionInfo(
            "scaled down", jvm.scala.Option.empty()
        )
        context._jsc.sc().schedulerBackend().decommissionExecutor(executor_id, info, False, False)

    def close_input(self) -> None:
        """Have the JVM end by itself: its gateway watches this pipe."""
        with contextlib.suppress(OSError):
            if self.process.stdin:
                self.process.stdin.close()

    def stop(self, timeout: float = 5.0) -> None:
        """End the session, the context and the JVM, also when interrupted meanwhile."""
        try:
            if self.session is not None and self.alive:
                stopper = threading.Thread(target=_quietly, args=(self.session.stop,), daemon=True)
                stopper.start()
                stopper.join(timeout)
            self.close_input()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1.0)
        finally:
            kill_group(self.process.pid)
            self.process.wait()
            self.dir.forget_group(self.process.pid)
            self._forget_gateway()
            self.dir.close()

    def cancel_all_jobs(self) -> None:
        """Fail every running job."""
        self._context().cancelAllJobs()

    def cancel_job(self, job: int) -> None:
        """Fail one job."""
        self._context()._jsc.sc().cancelJob(job)

    def _forget_gateway(self) -> None:
        from pyspark import SparkContext

        if self._gateway is not None:
            _quietly(self._gateway.shutdown)
            if SparkContext._gateway is self._gateway:
                forget_pyspark_state()
            self._gateway = None

    def _context(self) -> Any:
        if self.session is None or self.session.sparkContext._jsc is None:
            raise ClusterError("The Spark session has been stopped")
        return self.session.sparkContext

    def _ended(self, what: str) -> StartError:
        return StartError(
            what,
            exit_code=self.process.poll(),
            log_tail=tail(self.log, 12),
            hint="the lines below say why.",
        )

    def _context_error(self, error: Exception) -> Exception:
        text = _text_of(error)
        if self._spec.ui_port and "BindException" in text and "SparkUI" in text:
            return PortInUseError(self._spec.ui_port, "ui_port")
        return refused_start(text, [key for key, _ in self._spec.conf])


def _text_of(error: Exception) -> str:
    """An error's text; PySpark's own asks the JVM for it, which may have stopped meanwhile."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever Py4J raises then
        return str(getattr(error, "_desc", None) or type(error).__name__)


def worker_python() -> str:
    """The Python that Spark's workers run: the user's PYSPARK_PYTHON, else this kernel's own."""
    return os.environ.get("PYSPARK_PYTHON") or sys.executable


def forget_pyspark_state() -> None:
    """Make PySpark forget its gateway, so that a new JVM can be used."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    SparkContext._gateway = None
    SparkContext._jvm = None
    SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None
    SparkSession._activeSession = None


def check_no_foreign_session() -> None:
    """Raise when somebody else's Spark lives in this process.

    Raises
    ------
    ForeignSparkError
        Saying whose it is and how to go on.
    """
    pyspark = sys.modules.get("pyspark")
    if pyspark is None:
        return
    context = pyspark.SparkContext._active_spark_context
    if context is not None and context._jsc is not None:
        raise ForeignSparkError(
            f"A SparkSession already lives in this kernel "
            f"(master {context.master}, app {context.appName!r})",
            hint="stop it with `spark.stop()`, then start again; its tables in memory go with it.",
        )
    if pyspark.SparkContext._gateway is not None:
        # The context was stopped, its JVM idles on: shut it down, it has other settings than ours.
        gateway = pyspark.SparkContext._gateway
        _quietly(gateway.shutdown)
        process = getattr(gateway, "proc", None)
        if process is not None and process.stdin:
            process.stdin.close()
        forget_pyspark_state()


def check_port_free(port: int, what: str) -> None:
    """Raise when a port asked for by number is taken; 0 means any.

    Raises
    ------
    PortInUseError
        Naming the port.
    """
    if not port:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((launch.LOOPBACK, port))
        except OSError as error:
            raise PortInUseError(port, what) from error


@contextlib.contextmanager
def _environment(**values: str) -> Any:
    """Set variables for the time of a block; PySpark reads them from ``os.environ`` only."""
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _quietly(call: Any) -> None:
    """Run a closing step whose failure must not stop the next one."""
    with contextlib.suppress(Exception):
        call()
