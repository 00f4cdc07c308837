"""Spark's jobs and stages as records, and how long they will still take. Pure: no I/O, no clock.

The rows are those of Spark's monitoring REST API: ``jobs`` and ``stages``.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

StageState = Literal["waiting", "running", "done", "failed", "skipped"]
JobState = Literal["running", "done", "failed"]

TAG = "raydp_magic-cell-"
_TAG = re.compile(rf"{TAG}\d+-in-(\d+)")
_FOLDERS = re.compile(r"(?<= at )/\S*/(?=[^/\s]+:\d+$)")
_STAGE_STATES: dict[str, StageState] = {
    "ACTIVE": "running",
    "COMPLETE": "done",
    "FAILED": "failed",
    "SKIPPED": "skipped",
    "PENDING": "waiting",
}
_JOB_STATES: dict[str, JobState] = {"SUCCEEDED": "done", "FAILED": "failed"}


@dataclass(frozen=True)
class StageRecord:
    """One stage of a job; amounts are bytes and rows so far."""

    id: int
    attempt: int
    name: str
    state: StageState
    tasks_done: int
    tasks_active: int
    tasks_failed: int
    tasks_total: int
    input_bytes: int = 0
    input_rows: int = 0
    output_bytes: int = 0
    output_rows: int = 0
    shuffle_read: int = 0
    shuffle_write: int = 0


@dataclass(frozen=True)
class JobRecord:
    """One job; times are Unix seconds, ``cell`` is ``""`` when it is not a cell's."""

    id: int
    description: str
    cell: str
    tags: tuple[str, ...]
    state: JobState
    started_at: float | None
    ended_at: float | None
    stages_done: int
    stages_total: int
    tasks_done: int
    tasks_active: int
    tasks_failed: int
    tasks_total: int
    stages: tuple[StageRecord, ...] = ()


def unix_seconds(text: str | None) -> float | None:
    """``"2026-11-24T15:46:04.123GMT"`` as Unix seconds."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.removesuffix("GMT"))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC).timestamp()


def cell_tag(number: int, cell: int) -> str:
    """The job tag of a cell: `number` is never used twice in a kernel, `cell` is its prompt's."""
    return f"{TAG}{number}-in-{cell}"


def cell_of(tags: Iterable[str]) -> str:
    """The number of the cell whose tag is among these, or ``""``."""
    return next((found[1] for tag in tags if (found := _TAG.fullmatch(tag))), "")


def stage_records(job: dict[str, Any], stages: Iterable[dict[str, Any]]) -> tuple[StageRecord, ...]:
    """The stages of one job, in Spark's order.

    Parameters
    ----------
    job : dict
        A row of ``jobs``.
    stages : iterable of dict
        Rows of ``stages``, of any jobs; of several attempts the last counts. A stage without a
        row is left out.
    """
    wanted = set(job.get("stageIds", ()))
    latest: dict[int, dict[str, Any]] = {}
    for row in stages:
        known = latest.get(row["stageId"])
        newer = known is None or row.get("attemptId", 0) >= known.get("attemptId", 0)
        if row["stageId"] in wanted and newer:
            latest[row["stageId"]] = row
    # A job's last stage needs all that the others make: once it runs, who waits is not needed.
    last = latest.get(max(wanted, default=-1), {}).get("status")
    needless = last in ("ACTIVE", "COMPLETE") or job.get("status") == "SUCCEEDED"
    return tuple(_stage_record(latest[key], needless=needless) for key in sorted(latest))


def _called(name: str | None) -> str:
    """A name, of a call's place only the file: ``collect at utils.py:501``."""
    return _FOLDERS.sub("", name or "")


def _stage_record(row: dict[str, Any], *, needless: bool) -> StageRecord:
    state = _STAGE_STATES.get(row.get("status", ""), "waiting")
    if state == "waiting" and needless:
        state = "skipped"
    total = row.get("numTasks", 0)
    done = min(row.get("numCompleteTasks", 0), total)
    return StageRecord(
        id=row["stageId"],
        attempt=row.get("attemptId", 0),
        name=_called(row.get("name")),
        state=state,
        tasks_done=done,
        # Spark's count of active tasks may lag behind the ended ones.
        tasks_active=min(row.get("numActiveTasks", 0), total - done) if state == "running" else 0,
        tasks_failed=row.get("numFailedTasks", 0),
        tasks_total=total,
        input_bytes=row.get("inputBytes", 0),
        input_rows=row.get("inputRecords", 0),
        output_bytes=row.get("outputBytes", 0),
        output_rows=row.get("outputRecords", 0),
        shuffle_read=row.get("shuffleReadBytes", 0),
        shuffle_write=row.get("shuffleWriteBytes", 0),
    )


def job_record(row: dict[str, Any], stages: Iterable[dict[str, Any]] = ()) -> JobRecord:
    """One job out of its row and, when they are at hand, its stages' rows."""
    tags = tuple(row.get("jobTags") or ())
    records = stage_records(row, stages)
    skipped = sum(s.tasks_total for s in records if s.state == "skipped")
    state = _JOB_STATES.get(row.get("status", ""), "running")
    total = max(0, row.get("numTasks", 0) - max(skipped, row.get("numSkippedTasks", 0)))
    done = min(row.get("numCompletedTasks", 0), total)
    return JobRecord(
        id=row["jobId"],
        description=_called(row.get("description") or row.get("name")),
        cell=cell_of(tags),
        tags=tags,
        state=state,
        started_at=unix_seconds(row.get("submissionTime")),
        ended_at=unix_seconds(row.get("completionTime")),
        stages_done=row.get("numCompletedStages", 0) + row.get("numSkippedStages", 0),
        stages_total=len(row.get("stageIds", ())),
        tasks_done=done,
        tasks_active=min(row.get("numActiveTasks", 0), total - done) if state == "running" else 0,
        tasks_failed=row.get("numFailedTasks", 0),
        tasks_total=total,
        stages=records,
    )


def at_most(job: JobRecord, slots: int) -> JobRecord:
    """The job with no more tasks at work than there are slots for, and so each of its stages.

    Spark counts starts and ends of tasks in events that may lag. 0 slots: they are not known.
    """
    if not slots or max((job.tasks_active, *(stage.tasks_active for stage in job.stages))) <= slots:
        return job
    stages = tuple(replace(s, tasks_active=min(s.tasks_active, slots)) for s in job.stages)
    return replace(job, tasks_active=min(job.tasks_active, slots), stages=stages)


class Forecast:
    """How long one job will still take: nothing until it can be known, and calm after that.

    It is known when no stage is still to begin (nobody knows how long that one's tasks take), a
    whole wave of tasks and at least three are done, and the last looks agree about the end.
    """

    LOOKS = 3
    AGREE = 0.35
    """How far the looks' remaining times may be apart, as a part of the longest."""

    def __init__(self) -> None:
        self._began: dict[tuple[int, int], float] = {}
        self._ends: deque[float] = deque(maxlen=self.LOOKS)
        self._end: float | None = None

    def remaining(self, job: JobRecord, now: float) -> float | None:
        """Look at the job at a time (Unix seconds, rising); gives seconds, never negative."""
        raw = self._raw(job, now)
        if raw is None:
            self._ends.clear()
            self._end = None
            return None
        self._ends.append(now + raw)
        if len(self._ends) < self.LOOKS:
            return None
        apart = max(self._ends) - min(self._ends)
        if self._end is None and apart > max(1.0, self.AGREE * (max(self._ends) - now)):
            return None
        # Follow slowly: a shown time that jumps tells nothing.
        last = self._end if self._end is not None else now + raw
        self._end = last + 0.3 * (now + raw - last)
        return max(0.0, self._end - now)

    def _raw(self, job: JobRecord, now: float) -> float | None:
        running = [stage for stage in job.stages if stage.state == "running"]
        for stage in running:
            self._began.setdefault((stage.id, stage.attempt), now)
        if job.state != "running" or not running:
            return None
        if any(stage.state in ("waiting", "failed") for stage in job.stages):
            return None
        parts = [self._of_stage(stage, job, now) for stage in running]
        known = [part for part in parts if part is not None]
        return max(known) if len(known) == len(parts) else None

    def _of_stage(self, stage: StageRecord, job: JobRecord, now: float) -> float | None:
        # A stage's first look is up to a poll late; the job's own start is exact for its first.
        began = self._began[stage.id, stage.attempt]
        others = any(other.state == "done" for other in job.stages)
        if job.started_at is not None and not others:
            began = min(began, job.started_at)
        elapsed = now - began
        if stage.tasks_done < max(3, stage.tasks_active) or elapsed < 1:
            return None
        through = stage.tasks_done + stage.tasks_active / 2  # those under way are half done
        return elapsed * max(0.0, stage.tasks_total - through) / through
