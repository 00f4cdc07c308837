"""What Spark says of itself: its monitoring REST API, on the UI's port."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from raydp_magic.monitoring.snapshot import JobSnapshot

if TYPE_CHECKING:
    from raydp_magic.engine.driver import DriverJvm

TIMEOUT = 5.0
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy


class SparkRest:
    """Reads executors and jobs; empty answers when the UI is off or gone.

    Parameters
    ----------
    driver : DriverJvm
        The driver to ask.
    """

    def __init__(self, driver: DriverJvm) -> None:
        self.ui_url: str | None = None
        self._app_id = ""
        session = driver.session
        if session is None or not driver.alive or session.sparkContext._jsc is None:
            return
        self.ui_url = session.sparkContext.uiWebUrl
        self._app_id = session.sparkContext.applicationId

    def executors(self) -> dict[str, dict[str, Any]]:
        """Spark's records of its executors, by id."""
        return {row["id"]: row for row in self._get("allexecutors") if row["id"] != "driver"}

    def jobs(self, most_active: int) -> tuple[JobSnapshot, ...]:
        """The running jobs, oldest first; each with at most this many active tasks."""
        return tuple(
            job_snapshot(row, most_active)
            for row in sorted(self._get("jobs?status=running"), key=lambda row: row["jobId"])
        )

    def _get(self, path: str) -> list[dict[str, Any]]:
        if self.ui_url is None:
            return []
        url = f"{self.ui_url}/api/v1/applications/{self._app_id}/{path}"
        try:
            with _opener.open(url, timeout=TIMEOUT) as answer:
                rows = json.load(answer)
        except (OSError, urllib.error.URLError, ValueError):
            return []
        return rows if isinstance(rows, list) else []


def job_snapshot(row: dict[str, Any], most_active: int) -> JobSnapshot:
    """Read one job's record; Spark's count of active tasks may lag behind the ended ones."""
    return JobSnapshot(
        id=row["jobId"],
        description=str(row.get("description") or row.get("name") or ""),
        stages_done=row.get("numCompletedStages", 0) + row.get("numSkippedStages", 0),
        stages_total=len(row.get("stageIds", ())),
        tasks_done=row.get("numCompletedTasks", 0) + row.get("numSkippedTasks", 0),
        tasks_active=min(row.get("numActiveTasks", 0), most_active),
        tasks_failed=row.get("numFailedTasks", 0),
        tasks_total=row.get("numTasks", 0),
    )
