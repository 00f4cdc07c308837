"""One run of ``ray.util.spark.setup_ray_cluster``, watched from outside.

It blocks for many seconds, sleeps through interrupts, and when nodes do not come it waits for
minutes. So it runs on a thread of its own, and is made to give up.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.on_spark import hook
from raydp_magic.on_spark.session import make_active, readable_session
from raydp_magic.on_spark.surroundings import THREAD, no_autoscaler_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil
    from pyspark.sql import SparkSession

    from raydp_magic.on_spark.surroundings import Surroundings

_FOLDER = "--temp-dir="
_SLEEP = "_RAY_HEAD_STARTUP_TIMEOUT"
_LOOK = "is_port_in_use"
HEAD_SECONDS = 60.0
"""How long a head that runs may take until it answers."""
ENDING_SECONDS = 12.0
"""Ray gives its processes a second to end."""
COPYING_SECONDS = 60.0
"""It copies their logs first, when it was asked to."""


class Launch:
    """Starts Ray's head and nodes, and ends them.

    Parameters
    ----------
    session : SparkSession
        Whose tasks the nodes are.
    arguments : dict
        Of ``setup_ray_cluster``.
    head_ip : str
        Address of the head node.
    surroundings : Surroundings
        What the nodes find around them.
    variables : dict of str to str
        Environment variables of every node.
    """

    def __init__(
        self,
        session: SparkSession,
        arguments: dict[str, Any],
        *,
        head_ip: str,
        surroundings: Surroundings,
        variables: dict[str, str],
    ) -> None:
        self._session = session
        self._arguments = arguments
        self._head_ip = head_ip
        self._surroundings = surroundings
        self.variables = variables
        self.their_hook = surroundings.their_hook
        self.handler: Any = None
        self.error: BaseException | None = None
        self._given_up: Exception | None = None
        self._job_groups: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        hook.work_for(self)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether the set-up has ended, well or not."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; returns whether it came."""
        # Not by joining: a join that is interrupted takes a running thread for ended (Python 3.11).
        return self._over.wait(seconds)

    @property
    def address(self) -> str:
        """HOST:PORT of Ray, once the head is up."""
        return str(self.handler.address)

    @property
    def dashboard_url(self) -> str | None:
        """Where Ray's dashboard is."""
        port = self.handler.ray_dashboard_port
        return f"http://{self._head_ip}:{port}" if port else None

    def head_is_up(self, handler: Any) -> None:
        """Called by the start hook, on the set-up's thread."""
        self.handler = handler
        if self._given_up is not None:
            handler.shutdown()
            raise self._given_up
        self._surroundings.remove_at_end(f"{handler.temp_dir}.lock")

    def job_begins(self, group: str) -> None:
        """Called by the start hook: a Spark job of this group is to hold a node."""
        self._job_groups.append(group)

    def give_up(self, why: Exception) -> None:
        """Have the set-up fail with this, seconds after the head is up."""
        self._given_up = why
        if self.handler is not None:
            # Ray's own word for it: what waits for the nodes looks at it.
            self.handler.background_job_exception = why

    @property
    def worker_error(self) -> str | None:
        """What the last node said that did not start, or that ended."""
        server = None if self.handler is None else self.handler.spark_job_server
        error = getattr(server, "last_worker_error", None)
        return None if error is None else str(error)

    @property
    def head_exit_code(self) -> int | None:
        """How the head ended; None while it runs."""
        code: int | None = None if self.handler is None else self.handler.head_proc.poll()
        return code

    @property
    def shut_down(self) -> bool:
        """Whether somebody has shut it down."""
        return self.handler is not None and bool(self.handler.is_shutdown)

    def end(self, *, hurry: bool = False) -> None:
        """Shut Ray down, and wait until nothing of it is left on this machine."""
        from ray.util.spark import shutdown_ray_cluster

        handler = self.handler
        if handler is None:
            self._end_unready()
            return
        with contextlib.suppress(Exception):  # Spark may be gone, or it was shut down already
            shutdown_ray_cluster()
        with contextlib.suppress(Exception):
            handler.spark_job_server.server_close()  # else its port stays taken
        hook.work_for(None)
        if not handler.is_shutdown:  # it stops half-way when Spark is gone
            # Once only: the head ends hastily, and leaves its processes, at a second signal.
            with contextlib.suppress(OSError):
                handler.head_proc.terminate()
            handler.is_shutdown = True
            with contextlib.suppress(Exception):  # now it only forgets
                shutdown_ray_cluster()
        if hurry:
            return
        copies = self._arguments.get("collect_log_to_path") is not None
        _see_gone(str(handler.temp_dir), COPYING_SECONDS if copies else ENDING_SECONDS)
        handler.head_proc.poll()

    def _end_unready(self) -> None:
        """End a head before its set-up has told of it; that sleeps, and fails when it wakes up."""
        import psutil

        for process, folder in heads():
            with contextlib.suppress(psutil.Error):
                process.terminate()
            for group in self._job_groups:
                with contextlib.suppress(Exception):  # Spark may be gone
                    self._session.sparkContext.cancelJobGroup(group)
            _see_gone(folder, ENDING_SECONDS)
            Path(f"{folder}.lock").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _no_fixed_wait(self) -> Iterator[None]:
        """For a block, have the set-up wait for its head instead of a fixed 20 s.

        It sleeps, then looks once whether the head's port is open: the look waits instead. Other
        releases of Ray than those that do so keep their own way.
        """
        from ray.util.spark import cluster_init

        before = {name: getattr(cluster_init, name, None) for name in (_SLEEP, _LOOK)}
        if None not in before.values():
            setattr(cluster_init, _SLEEP, 0)
            setattr(cluster_init, _LOOK, self._head_answers)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is not None:
                    setattr(cluster_init, name, value)

    def _head_answers(self, host: str, port: int) -> bool:
        """Wait until the head's port is open; returns whether it came to that."""
        deadline = time.monotonic() + HEAD_SECONDS
        while time.monotonic() < deadline and self._given_up is None and any(heads()):
            with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
                return True
            time.sleep(0.1)
        return False

    def _run(self) -> None:
        from ray.util.spark import setup_ray_cluster

        try:
            make_active(self._session)
            with (
                readable_session(self._session, self._head_ip),
                no_autoscaler_lines(),
                self._no_fixed_wait(),
            ):
                setup_ray_cluster(**self._arguments)
        except BaseException as error:  # noqa: BLE001 - who waits for this thread raises it
            self.error = error
        finally:
            self._over.set()


def heads() -> Iterator[tuple[psutil.Process, str]]:
    """Ray heads that this process has begun to start on Spark, and the folder of each."""
    import psutil

    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if "ray.util.spark.start_ray_node" in words and "--head" in words:
                yield process, next(w for w in words if w.startswith(_FOLDER)).removeprefix(_FOLDER)


def _see_gone(folder: str, seconds: float) -> None:
    """Wait for the processes that have this folder of Ray's on their command line; end the others.

    A head whose parent was killed is told by nobody that it is over.
    """
    import psutil

    def left() -> list[psutil.Process]:
        # Asked anew each time: what has ended, and is waited for by nobody, has no command line.
        return [p for p in psutil.process_iter(["cmdline"]) if names(p.info["cmdline"], folder)]

    deadline = time.monotonic() + seconds
    while left():
        if time.monotonic() > deadline:
            for process in left():
                if "start" in process.info["cmdline"]:  # `ray start`; its own end with it
                    with contextlib.suppress(psutil.Error):
                        process.kill()
            shutil.rmtree(folder, ignore_errors=True)
            return
        time.sleep(0.2)


def names(words: list[str] | None, folder: str) -> bool:
    """Whether a command line names the folder; who removes its lock file names only that."""
    return any(folder in word and not word.endswith(".lock") for word in words or ())
