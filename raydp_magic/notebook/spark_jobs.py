"""The jobs of one cell, read from Spark's monitoring REST API with few and small requests."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from raydp_magic.monitoring.jobs import Forecast, JobRecord, at_most, job_record

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT = 1.0  # seconds; the end of a cell waits for it
MOST_STAGES = 20
"""Stages asked for one by one in a look; more of them are read as one list."""
FORGOTTEN: tuple[()] = ()
"""Spark's answer about what it does not keep any more."""
_FINAL = ("COMPLETE", "FAILED", "SKIPPED")
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy


class SparkJobs:
    """What one tag's jobs do.

    Parameters
    ----------
    url : str
        The application's address in the REST API.
    tag : str
        The cell's job tag.
    slots : callable
        How many tasks Spark can run at once; 0 where that is not known.
    """

    def __init__(self, url: str, tag: str, slots: Callable[[], int] = lambda: 0) -> None:
        self._url = url
        self._tag = tag
        self._slots = slots
        self._stages: dict[int, dict[str, Any]] = {}
        self._forecasts: dict[int, Forecast] = {}
        self.records: dict[int, JobRecord] = {}
        self.remaining: dict[int, float] = {}

    @property
    def running(self) -> list[JobRecord]:
        """Jobs that ran at the last look."""
        return [record for record in self.records.values() if record.state == "running"]

    def look(self, now: float, *, everything: bool = False) -> None:
        """Ask Spark; with `everything` also for jobs that came and went between two looks.

        A driver that is not there any more has taken its jobs along: they have failed.
        """
        try:
            found = self._get("jobs" if everything else "jobs?status=running")
        except ConnectionRefusedError:
            for record in self.running:
                self.records[record.id] = replace(record, state="failed", ended_at=now)
            return
        if found is None:
            return
        rows = {row["jobId"]: row for row in found if self._tag in (row.get("jobTags") or ())}
        for record in self.running:
            if record.id not in rows:
                row = self._get(f"jobs/{record.id}")
                if row is FORGOTTEN:  # it has ended so long ago that nothing is known of it
                    del self.records[record.id]
                elif isinstance(row, dict):
                    rows[record.id] = row
        fresh = {
            number: row
            for number, row in rows.items()
            if number not in self.records or self.records[number].state == "running"
        }
        self._read_stages(list(fresh.values()))
        slots = self._slots() if fresh else 0
        for number, row in sorted(fresh.items()):
            stages = [self._stages[i] for i in row.get("stageIds", ()) if i in self._stages]
            record = self.records[number] = at_most(job_record(row, stages), slots)
            forecast = self._forecasts.setdefault(number, Forecast())
            seconds = forecast.remaining(record, now)
            self.remaining.pop(number, None)
            if seconds is not None:
                self.remaining[number] = seconds

    def _read_stages(self, jobs: list[dict[str, Any]]) -> None:
        wanted = {stage for job in jobs for stage in job.get("stageIds", ())}
        seen = set()
        if any(job.get("status") == "RUNNING" for job in jobs):
            for row in self._get("stages?status=active&status=pending") or ():
                if row["stageId"] in wanted:
                    seen.add(row["stageId"])
                    self._stages[row["stageId"]] = row
        missing = [i for i in wanted - seen if not self._final(i)]
        if len(missing) > MOST_STAGES:
            for row in self._get("stages") or ():
                if row["stageId"] in wanted:
                    self._keep(row)
            return
        for number in sorted(missing):
            for row in self._get(f"stages/{number}?details=false") or ():
                self._keep(row)

    def _keep(self, row: dict[str, Any]) -> None:
        """Of several attempts the last."""
        known = self._stages.get(row["stageId"])
        if known is None or row.get("attemptId", 0) >= known.get("attemptId", 0):
            self._stages[row["stageId"]] = row

    def _final(self, stage: int) -> bool:
        return self._stages.get(stage, {}).get("status") in _FINAL

    def _get(self, path: str) -> Any:
        try:
            with _opener.open(f"{self._url}/{path}", timeout=TIMEOUT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return FORGOTTEN if error.code == 404 else None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ConnectionRefusedError):
                raise reason from None
            return None
