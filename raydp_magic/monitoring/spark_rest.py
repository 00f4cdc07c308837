"""What Spark says of itself: its monitoring REST API, on the UI's port."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from raydp_magic.engine.proxied import rest_address
from raydp_magic.monitoring.jobs import JobRecord, job_record

if TYPE_CHECKING:
    from raydp_magic.engine.driver import DriverJvm

TIMEOUT = 5.0
STAGES_AT_ONCE = 20
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy


class _ExecutorRow(msgspec.Struct, rename="camel", gc=False):
    """What is read of Spark's record of an executor: the rest of it is passed over."""

    id: str
    total_cores: int = 0
    active_tasks: int = 0
    completed_tasks: int = 0
    failed_tasks: int = 0
    memory_used: int = 0
    max_memory: int = 0
    rdd_blocks: int = 0
    total_shuffle_read: int = 0
    total_shuffle_write: int = 0


SparkRow = tuple[int, ...]
"""The fields of an executor's record from ``active_tasks`` on, in their order.

A plain tuple of numbers, which the garbage collector need not look into.
"""
_SHOWN = _ExecutorRow.__struct_fields__[2:]
NO_ROW: SparkRow = (0,) * len(_SHOWN)
"""Of an executor that Spark does not know."""
_shown = attrgetter(*_SHOWN)
_executor_rows = msgspec.json.Decoder(list[_ExecutorRow])
_any_rows = msgspec.json.Decoder(list[dict[str, Any]])


@dataclass(frozen=True)
class SparkNews:
    """Spark's records of its executors by id, and all its jobs, oldest first."""

    executors: dict[str, SparkRow] = field(default_factory=dict)
    jobs: tuple[JobRecord, ...] = ()


def executor_rows(answer: bytes) -> dict[str, SparkRow]:
    """What is shown of each executor in Spark's answer to ``allexecutors``, by id.

    Raises
    ------
    ValueError
        When it is no such answer.
    """
    # A driver has cores only where it is the executor: in local mode.
    rows = _executor_rows.decode(answer)
    return {row.id: _shown(row) for row in rows if row.id != "driver" or row.total_cores}


class SparkRest:
    """Reads executors and jobs; empty answers when the UI is off or gone.

    Parameters
    ----------
    driver : DriverJvm
        The driver to ask.
    """

    def __init__(self, driver: DriverJvm) -> None:
        self._driver = driver
        self._executors: dict[str, SparkRow] = {}
        self._ended_stages: dict[int, list[dict[str, Any]]] = {}

    @property
    def ui_url(self) -> str | None:
        """Address of the UI; None when it is off or the session has ended."""
        session = self._driver.session
        if session is None or not self._driver.alive or session.sparkContext._jsc is None:
            return None
        url: str | None = session.sparkContext.uiWebUrl
        return url

    def news(self) -> SparkNews:
        """Ask for everything; stages of running jobs only.

        Raises
        ------
        OSError, ValueError
            When Spark does not answer.
        """
        session = self._driver.session if self.ui_url is not None else None
        base = rest_address(session.sparkContext) if session is not None else None
        if base is None:
            return SparkNews()
        executors = executor_rows(_answer(f"{base}/allexecutors"))
        for name, row in executors.items():
            if self._executors.get(name) == row:  # the same object says: nothing new
                executors[name] = self._executors[name]
        self._executors = executors
        rows = sorted(_get(f"{base}/jobs"), key=lambda row: row["jobId"])
        running = [row for row in rows if row.get("status") == "RUNNING"]
        stages = self._stages(base, running)
        return SparkNews(
            executors,
            tuple(
                job_record(row, stages if row.get("status") == "RUNNING" else ()) for row in rows
            ),
        )

    def _stages(self, base: str, running: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows of the running jobs' stages: those at work anew, each that has ended only once."""
        wanted = {stage for row in running for stage in row.get("stageIds", ())}
        self._ended_stages = {k: v for k, v in self._ended_stages.items() if k in wanted}
        if not wanted:
            return []
        rows = _get(f"{base}/stages?status=active&status=pending")
        moving = {row["stageId"] for row in rows}
        unknown = sorted(wanted - moving - self._ended_stages.keys())
        for stage in unknown[:STAGES_AT_ONCE]:
            attempts = _get(f"{base}/stages/{stage}")
            over = all(row.get("status") not in ("ACTIVE", "PENDING") for row in attempts)
            if attempts and over:
                self._ended_stages[stage] = attempts
            else:
                rows += attempts
        # A stage that is tried again counts by its newest attempt.
        ended = (
            row
            for stage, attempts in self._ended_stages.items()
            if stage not in moving
            for row in attempts
        )
        return [*rows, *ended]


def _get(url: str) -> list[dict[str, Any]]:
    """The rows of an answer, as `_answer`."""
    return _any_rows.decode(_answer(url))


def _answer(url: str) -> bytes:
    """An answer; that of no rows for what Spark does not keep any more.

    Raises
    ------
    OSError, ValueError
        When there is no answer: what was known before holds on.
    """
    try:
        with _opener.open(url, timeout=TIMEOUT) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return b"[]"
        raise
