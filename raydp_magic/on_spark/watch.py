"""Looks after a running Ray on Spark: Spark's executors as slots, lost nodes, the end of all."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from raydp_magic.cluster.fleet import Slot
from raydp_magic.cluster.supervisor import End
from raydp_magic.on_spark.session import executors_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp_magic.cluster.fleet import Past
    from raydp_magic.engine.driver import DriverJvm
    from raydp_magic.on_spark.launching import Launch
    from raydp_magic.on_spark.session import SparkExecutor

LOOK_SECONDS = 1.0


class Watch:
    """As much of a supervisor as a cluster needs, for executors that Spark itself looks after.

    Parameters
    ----------
    driver : DriverJvm
        The Spark below.
    launch : Launch
        The Ray on it.
    """

    def __init__(self, driver: DriverJvm, launch: Launch) -> None:
        self._driver = driver
        self._launch = launch
        self._numbers: dict[str, int] = {}
        self._known: list[Slot] = []
        self._looked_at = float("-inf")
        self._told = launch.worker_error
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, problems: list[str], on_gone: Callable[[End], None]) -> None:
        """Begin to look.

        Parameters
        ----------
        problems : list of str
            Gets a line when a node ends unexpectedly.
        on_gone : callable
            Given the end, when all has ended under us.
        """
        self._thread = threading.Thread(
            target=self._run,
            args=(problems, on_gone),
            name="raydp_magic-on-spark-watch",
            daemon=True,
        )
        self._thread.start()

    @property
    def wanted(self) -> int:
        """Executors: as many as Spark has."""
        return self.up

    @property
    def up(self) -> int:
        """Executors that run."""
        return len(self.slots())

    def slots(self) -> list[Slot]:
        """Spark's executors; the last known ones when Spark does not answer."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_SECONDS and not self._stop.is_set():
            self._looked_at = now
            session = self._driver.session
            if session is not None:
                with contextlib.suppress(Exception):  # whatever Py4J raises when Spark is gone
                    self._known = as_slots(executors_of(session), self._numbers)
        return list(self._known)

    @property
    def removed(self) -> tuple[Past, ...]:
        """Spark remembers its dead executors itself."""
        return ()

    def actors(self) -> dict[str, Any]:
        """There are none: these executors are no Ray actors."""
        return {}

    def ended(self) -> End | None:
        """How it ended under us; None while it has not."""
        driver, launch = self._driver, self._launch
        if not driver.alive:
            return End("failed", "Spark's driver JVM ended")
        if driver.session_stopped:
            return End("stopped", "its Spark session was stopped with `spark.stop()`")
        if launch.shut_down:
            return End("stopped", "it was shut down with `ray.util.spark.shutdown_ray_cluster()`")
        code = launch.head_exit_code
        return None if code is None else End("failed", f"Ray's head ended (exit code {code})")

    def quiesce(self) -> None:
        """Do nothing more: what ends from now on ends on purpose."""
        self._stop.set()

    def stop(self, timeout: float = 2.0) -> None:
        """End the thread. Safe to call twice."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self, problems: list[str], on_gone: Callable[[End], None]) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            end = self.ended()
            if end is not None:
                on_gone(end)
                return
            error = self._launch.worker_error
            if error is not None and error != self._told:
                self._told = error
                problems.append(f"a Ray node ended: {why_ended(error)}")


def as_slots(executors: list[SparkExecutor], numbers: dict[str, int]) -> list[Slot]:
    """Spark's executors as slots; `numbers` remembers which number each executor got."""
    return [
        Slot(
            numbers.setdefault(executor.id, len(numbers)),
            phase="up",
            executor_id=executor.id,
            node=executor.host,
            tries=1,
        )
        for executor in executors
    ]


def why_ended(error: str) -> str:
    """What ``ray.util.spark`` says of a node that ended, without its command line.

    What ``ray start`` printed follows it, unless that is in our log.
    """
    code = re.search(r"failed with return code (-?\d+), tail output are included below\.", error)
    if code is None:
        return first_line(error)
    printed = [line.strip() for line in error[code.end() :].splitlines() if line.strip(" .\t")]
    said = f": {printed[-1][:300]}" if printed else ""
    return f"`ray start` ended with exit code {code[1]}{said}"


def first_line(text: str, most: int = 300) -> str:
    """What a long error begins with."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return line[:most]
