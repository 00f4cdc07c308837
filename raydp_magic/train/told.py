"""What a training tells while it runs: lines of JSON in a folder of the kernel's machine.

Ray Train's controller runs on the node of the process that called `fit`, and writes an epoch's
report there. The first worker writes how far its epoch is, where it can see the folder.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError
from raydp_magic.train.failures import certain
from raydp_magic.train.refusals import same
from raydp_magic.train.runs import Look, by_epoch

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTS = "reports.jsonl"
DONE = "done"
TELL_SECONDS = 0.5


def callback(folder: str, max_retries: int) -> Any:
    """A callback of Ray Train's that writes each report into the folder.

    Parameters
    ----------
    folder : str
        Where, on the kernel's machine.
    max_retries : int
        How often Ray Train goes on after a failure; -1 has no limit.
    """
    from ray.train import UserCallback

    class Told(UserCallback):
        """Runs in the controller. A class of the function's own, so that it travels by value."""

        folder = ""
        max_retries = -1
        reports = 0
        failures = 0
        failed_before: tuple[str, int] | None = None

        def after_report(
            self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any
        ) -> None:
            del run_context, checkpoint
            self.reports += 1
            for point in points_of(metrics):
                self._write({"point": point, "at": time.time()})

        def after_exception(
            self, run_context: Any, worker_exceptions: dict[int, Exception]
        ) -> None:
            del run_context
            error = certain(worker_exceptions)
            if error is not None:
                failed = (same(str(error)), self.reports)
                if isinstance(error, UsageError) or failed == self.failed_before:
                    raise error  # which ends training: it would fail once more
                self.failed_before = failed
            self.failures += 1
            if self.max_retries < 0 or self.failures <= self.max_retries:
                (Path(self.folder) / DONE).unlink(missing_ok=True)  # of an epoch that is lost
                self._write({"failure": 1})

        def _write(self, line: dict[str, Any]) -> None:
            with suppress(OSError), (Path(self.folder) / REPORTS).open("a") as out:
                out.write(json.dumps(line, default=float) + "\n")

    made = Told()
    made.folder, made.max_retries = folder, max_retries
    return made


def points_of(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the workers' reports of one moment say: the first one's, which speaks for all.

    Boosting rounds are reported many at once, as ``"points"``; a number in them is the mean of
    the workers'.
    """
    if not reports or "points" not in reports[0]:
        return reports[:1]
    together = zip(*(report["points"] for report in reports), strict=True)
    return [
        {name: sum(point[name] for point in points) / len(points) for name in points[0]}
        for points in together
    ]


def look(folder: str) -> Look:
    """What has been told so far."""
    points: list[Mapping[str, float]] = []
    times: list[float] = []
    failures, lost = 0, False
    for line in _text(Path(folder) / REPORTS).splitlines():
        with suppress(ValueError):  # a line that is being written
            told = json.loads(line)
            lost = "failure" in told
            if lost:
                failures += 1
            else:
                points.append(_numbers(told["point"]))
                times.append(told["at"])
    done = 0.0
    with suppress(ValueError):
        epoch, part = _text(Path(folder) / DONE).split()
        if int(epoch) > len(points):
            done = min(1.0, float(part))
    first, last = (times[0], times[-1]) if times else (None, None)
    return Look(by_epoch(points), done, failures, first, last, restarting=lost and not done)


class Teller:
    """The first worker's word about the epoch under way; at most twice a second.

    Parameters
    ----------
    folder : str or None
        Where; nothing is told without one, or where it cannot be seen.
    rows : int
        How many rows an epoch has.
    """

    def __init__(self, folder: str | None, rows: int) -> None:
        self._path = Path(folder) / DONE if folder and Path(folder).is_dir() else None
        self._rows = max(1, rows)
        self._told_at = 0.0

    def tell(self, epoch: int, rows: int) -> None:
        """So many rows of an epoch (from 1) are done."""
        now = time.monotonic()
        if self._path is None or now - self._told_at < TELL_SECONDS:
            return
        self._told_at = now
        with suppress(OSError):
            self._path.write_text(f"{epoch} {rows / self._rows:.4f}")


def _numbers(point: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for name, value in point.items():
        with suppress(TypeError, ValueError):
            number = float(value)
            found[name] = int(number) if name == "epoch" and math.isfinite(number) else number
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
