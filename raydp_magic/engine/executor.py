"""The executor actor: reserves resources in Ray and runs one executor JVM at a time.

The actor takes orders and reports; when to start again is decided by the supervisor.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raydp_magic.engine import launch
from raydp_magic.engine.archive import find_archive
from raydp_magic.engine.java import find_java, supported_for
from raydp_magic.engine.log_part import STREAMS, LogPart, Stream, last_words, read_log
from raydp_magic.engine.runtime_dir import RuntimeDir, kill_group, tail
from raydp_magic.engine.spark_home import find_spark
from raydp_magic.engine.udf_ray import outside_of_ray

if TYPE_CHECKING:
    from raydp_magic.spec import ClusterSpec

TAIL_LINES = 15


@dataclass(frozen=True)
class NodeFacts:
    """Where an actor landed."""

    node_id: str


@dataclass(frozen=True)
class WorkerPlace:
    """What Spark's Python workers run, and in which folder, so that they import what you do."""

    python: str
    folder: str


@dataclass(frozen=True)
class ExitReport:
    """How an executor JVM ended."""

    executor_id: str
    exit_code: int
    log_tail: tuple[str, ...]


@dataclass(frozen=True)
class NodeLoad:
    """Physical load of the actor's node, and its executor's resident memory; in bytes."""

    node_id: str
    cpu_percent: float
    memory_used: int
    memory_total: int
    executor_id: str = ""
    executor_memory: int | None = None


class UnfitNodeError(Exception):
    """Nothing can run on this node, however often it is tried."""


def check_python(path: str) -> None:
    """Raise unless Spark's Python workers can be run here.

    Raises
    ------
    UnfitNodeError
        When there is no such program on this node.
    """
    if shutil.which(path) is None:
        raise UnfitNodeError(
            f"there is no {path} on {socket.gethostname()}: set PYSPARK_PYTHON, before the kernel "
            "starts, to a Python that is at the same place on every node"
        )


def working_folder(asked: str, own: str) -> str:
    """The folder to run in: the one asked for where it exists; ``""`` asks for none."""
    return asked if asked and Path(asked).is_dir() else own


def resident_bytes(pid: int) -> int | None:
    """Memory of a process and all it started; None when it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        total = process.memory_info().rss
    except psutil.Error:
        return None
    for child in family[1:]:
        with contextlib.suppress(psutil.Error):  # a Python worker ended meanwhile
            total += child.memory_info().rss
    return int(total)


class ExecutorActor:
    """Runs on a Ray worker. Methods are called by Ray; one JVM at a time.

    Parameters
    ----------
    spec : ClusterSpec
        Size of the executor, and the user's JVM options.
    loopback : bool
        Whether the whole cluster is on one machine.
    """

    def __init__(self, spec: ClusterSpec, *, loopback: bool) -> None:
        import ray

        self._spec = spec
        context = ray.get_runtime_context()
        self._node_id = context.get_node_id()
        self._ray_address = context.gcs_address
        self._host = launch.LOOPBACK if loopback else ray.util.get_node_ip_address()
        self._spark = find_spark()
        self._java = find_java(supported=supported_for(self._spark.version))
        self._dir = RuntimeDir("executor")
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._executor_id = ""
        self._logs = self._log_files("none-yet")

    def facts(self) -> NodeFacts:
        """Where this actor is."""
        return NodeFacts(self._node_id)

    def launch(
        self, executor_id: str, driver: launch.DriverAddress, secret: str, where: WorkerPlace
    ) -> int:
        """Start the JVM as this executor, once; returns its process id."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                if executor_id == self._executor_id:
                    return self._process.pid
                self._end_process()
            check_python(where.python)
            self._executor_id = executor_id
            local_dir = self._dir.folder(f"local-{executor_id}")
            self._logs = self._log_files(executor_id)
            argv = launch.executor_command(
                self._java,
                self._spark,
                self._spec,
                driver,
                executor_id=executor_id,
                host=self._host,
                log4j=self._dir.file("log4j2.properties", launch.log4j_text()),
                local_dir=local_dir,
                archive=find_archive(self._java, self._spark, "executor"),
            )
            env = launch.spark_environment(
                outside_of_ray(os.environ, self._ray_address),
                self._java,
                self._spark,
                host=self._host,
                local_dir=local_dir,
                python=where.python,
            )
            env |= {launch.SECRET_VARIABLE: secret, launch.NODE_VARIABLE: self._node_id}
            with self._logs["stdout"].open("ab") as out, self._logs["stderr"].open("ab") as err:
                self._process = subprocess.Popen(
                    argv,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    cwd=working_folder(where.folder, local_dir),
                    start_new_session=True,
                )
            self._dir.register_group(self._process.pid)
            return self._process.pid

    def wait_exit(self, executor_id: str, timeout: float) -> ExitReport | None:
        """Wait until this executor's JVM ends; None when it still runs after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                process = self._process
                if process is None or executor_id != self._executor_id:
                    return ExitReport(executor_id, 0, ())
                code = process.poll()
                if code is not None:
                    self._dir.forget_group(process.pid)
                    kill_group(process.pid)  # Python workers that a killed JVM left behind
                    return ExitReport(executor_id, code, last_words(self._logs, TAIL_LINES))
            if time.monotonic() > deadline:
                return None
            time.sleep(0.1)

    def logs(self, lines: int, executor_id: str = "") -> dict[Stream, list[str]]:
        """Last lines of each stream of the current JVM, or of one that ran here before.

        Of one that did not, there is no stream.
        """
        return {stream: tail(path, lines) for stream, path in self._logs_of(executor_id).items()}

    def log_from(
        self, stream: Stream, offset: int | None, lines: int, executor_id: str = ""
    ) -> LogPart | None:
        """Lines of a stream of the same from a byte offset on, the last ones without one."""
        path = self._logs_of(executor_id).get(stream)
        return None if path is None else read_log(path, offset, lines)

    def _logs_of(self, executor_id: str) -> dict[Stream, Path]:
        if not executor_id:
            return self._logs
        return {s: path for s, path in self._log_files(executor_id).items() if path.exists()}

    def _log_files(self, executor_id: str) -> dict[Stream, Path]:
        return {s: self._dir.path / f"executor-{executor_id}.{s}" for s in STREAMS}

    def load(self) -> NodeLoad:
        """Physical load of this node and of this executor."""
        import psutil

        memory = psutil.virtual_memory()
        used = memory.total - memory.available
        process = self._process
        own = None if process is None else resident_bytes(process.pid)
        return NodeLoad(
            self._node_id, psutil.cpu_percent(None), used, memory.total, self._executor_id, own
        )

    def shutdown(self) -> None:
        """End the JVM and remove this actor's files."""
        with self._lock:
            self._end_process()
        self._dir.close()

    def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2)
        kill_group(process.pid)
        process.wait()
        self._dir.forget_group(process.pid)
        self._process = None
