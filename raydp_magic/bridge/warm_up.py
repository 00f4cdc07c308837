"""Have ready, before anybody waits for it, what a first conversion needs.

That is the keepers, Spark's Python workers with pyarrow and pandas imported, and `ray.data` in
this process and in Ray's workers: most of a first conversion's time (docs/benchmarks.md).
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from raydp_magic.bridge import handoff
from raydp_magic.bridge.keepers import keepers
from raydp_magic.bridge.route import connector
from raydp_magic.engine import ray_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DESCRIPTION = "raydp_magic: warm-up of Spark's Python workers"
LET_PASS_SECONDS = 3.0


class WarmUp:
    """The warm-up of one cluster, begun at once in a thread of its own.

    A step that fails is left to the conversion that meets the failure again.

    Parameters
    ----------
    session : SparkSession
        Of our cluster.
    slots : int
        Tasks that its executors run at a time.
    ray_slots : int
        Tasks that Ray has a CPU left for.
    """

    def __init__(self, session: SparkSession, slots: int, *, ray_slots: int) -> None:
        self._session = session
        self._slots = slots
        self._ray_slots = ray_slots
        self._ray = ray_session.identity()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="raydp_magic-warm-up", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Take no further step."""
        self._over.set()

    def is_alive(self) -> bool:
        """Whether a step is still to be ended."""
        return self._thread.is_alive()

    def wait(self, timeout: float) -> None:
        """Wait until it is done, at most this many seconds."""
        self._thread.join(timeout)

    def _is_over(self) -> bool:
        """Asked before each call to Ray: without its Ray, one would start another by itself."""
        return self._over.is_set() or ray_session.identity() != self._ray

    def _run(self) -> None:
        for step in (self._let_pass, self._spark_workers, self._ray_data):
            if self._is_over():
                return
            with suppress(Exception):
                step()

    def _let_pass(self) -> None:
        """Give a job that follows the start at once the machine to itself for a while."""
        tracker = self._session.sparkContext.statusTracker()
        deadline = time.monotonic() + LET_PASS_SECONDS
        while not self._over.wait(1.0):
            if time.monotonic() > deadline or not tracker.getActiveJobsIds():
                return

    def _spark_workers(self) -> None:
        keepers.on_all_nodes()
        session = self._session
        if self._is_over():
            return
        session.sparkContext.setLocalProperty("spark.job.description", DESCRIPTION)
        rows = session.range(0, self._slots, 1, self._slots).where("id < 0")  # a task a slot
        give = partial(
            handoff.give_blocks,
            connect=connector(session, tls=False),
            transfer="warm-up",
            schema=None,
            target_bytes=1,
            watched=False,
        )
        rows.mapInArrow(give, handoff.RECEIPT_DDL).collect()

    def _ray_data(self) -> None:
        """Import it here, and in the Ray workers that tell the size of a Dataset's blocks.

        The tasks reserve nothing: what is free stays free for others meanwhile.
        """
        import ray

        import_module("ray.data")
        if self._is_over():
            return

        @ray.remote(num_cpus=0, max_retries=0, scheduling_strategy="SPREAD")
        def load() -> None:
            import ray.data  # noqa: F401

        asked = [load.remote() for _ in range(min(self._slots, self._ray_slots))]
        while asked and not self._is_over():
            _, asked = ray.wait(asked, num_returns=len(asked), timeout=0.5)
