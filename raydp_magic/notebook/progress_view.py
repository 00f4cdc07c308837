"""A cell's progress as HTML, as a line of text, and as the one line that stays. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raydp_magic.bridge.transfers import Transfer
    from raydp_magic.engine.data_runs import DataRun
    from raydp_magic.monitoring.jobs import JobRecord, StageRecord

MOST_JOBS = 6
MOST_STAGES = 6
MOST_LABEL = 90
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_BOX = (
    "font-family:var(--jp-ui-font-family,sans-serif);font-size:var(--jp-ui-font-size1,13px);"
    "color:var(--jp-ui-font-color1,inherit);line-height:1.5;font-variant-numeric:tabular-nums"
)
_SOFT = "color:var(--jp-ui-font-color2,#666)"
_BAD = "color:var(--jp-error-color1,#c62828)"
_TRACK = (
    "display:inline-block;vertical-align:middle;width:9em;height:.5em;margin:0 .6em 0 0;"
    "border-radius:.25em;overflow:hidden;background:var(--jp-border-color2,#ddd)"
)
_FILL = "display:block;height:100%;background:var(--jp-brand-color1,#1976d2)"


@dataclass(frozen=True)
class Picture:
    """What one cell does at a moment; `now` is in Unix seconds."""

    now: float
    jobs: tuple[JobRecord, ...] = ()
    remaining: tuple[tuple[int, float], ...] = ()
    """Seconds that a job will still take, by job, where they are known."""
    transfers: tuple[Transfer, ...] = ()
    runs: tuple[DataRun, ...] = ()
    cancelled: bool = False

    @property
    def running(self) -> bool:
        """Whether anything of it is under way."""
        return (
            any(job.state == "running" for job in self.jobs)
            or any(transfer.ended_at is None for transfer in self.transfers)
            or any(run.ended_at is None for run in self.runs)
        )


def seconds_text(seconds: float) -> str:
    """``0.34`` -> ``"0.3 s"``, ``75`` -> ``"1 min 15 s"``."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def left_text(seconds: float) -> str:
    """A remaining time, rounded so that it does not claim more than is known."""
    if seconds < 1:
        return "nearly done"
    step = 1 if seconds < 20 else 5 if seconds < 120 else 30
    text = seconds_text(step * max(1, round(seconds / step)))
    return f"about {text.removesuffix(' 0 s').replace('.0 s', ' s')} left"


def bytes_text(amount: float) -> str:
    """``52428800`` -> ``"50 MiB"``."""
    power = 0
    while amount >= 1023.5 and power < len(_UNITS) - 1:
        amount, power = amount / 1024, power + 1
    number = f"{amount:.0f}" if power == 0 or amount >= 99.95 else f"{amount:.1f}"
    return f"{number.removesuffix('.0')} {_UNITS[power]}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _short(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MOST_LABEL else line[: MOST_LABEL - 1] + "…"


def job_parts(job: JobRecord, now: float, remaining: float | None) -> list[str]:
    """What is said of a job, piece by piece."""
    parts = [f"{job.tasks_done:,}/{_count(job.tasks_total, 'task')}"]
    if job.tasks_active:
        parts.append(f"{job.tasks_active:,} running")
    if job.tasks_failed:
        parts.append(f"{job.tasks_failed:,} failed")
    parts += amounts(job.stages)
    if job.started_at is not None:
        parts.append(seconds_text((job.ended_at or now) - job.started_at))
    if job.state != "running":
        parts.append(job.state)
    elif remaining is not None:
        parts.append(left_text(remaining))
    return parts


def amounts(stages: Iterable[StageRecord]) -> list[str]:
    """Rows and bytes in and out; what Spark does not count is not said."""
    stages = list(stages)
    said = []
    for word, rows, size in (
        ("in", sum(s.input_rows for s in stages), sum(s.input_bytes for s in stages)),
        ("out", sum(s.output_rows for s in stages), sum(s.output_bytes for s in stages)),
        ("shuffled", 0, sum(s.shuffle_write for s in stages)),
    ):
        pieces = [_count(rows, "row")] if rows else []
        pieces += [bytes_text(size)] if size else []
        if pieces:
            said.append(f"{', '.join(pieces)} {word}")
    return said


def stage_parts(stage: StageRecord) -> list[str]:
    """What is said of a stage."""
    if stage.state == "skipped":
        return ["skipped: its result was there already"]
    if stage.state == "waiting":
        return [f"waiting, {_count(stage.tasks_total, 'task')}"]
    parts = [f"{stage.tasks_done:,}/{_count(stage.tasks_total, 'task')}"]
    if stage.tasks_active:
        parts.append(f"{stage.tasks_active:,} running")
    if stage.tasks_failed:
        parts.append(f"{stage.tasks_failed:,} failed")
    if stage.attempt:
        parts.append(f"try {stage.attempt + 1}")
    parts += amounts([stage])
    if stage.state != "running":
        parts.append(stage.state)
    return parts


def _failed(cancelled: bool) -> str:
    """What is said of what did not come to its end, in a cell that was interrupted or not."""
    return "cancelled" if cancelled else "failed"


def transfer_parts(transfer: Transfer, now: float, *, cancelled: bool = False) -> list[str]:
    """What is said of a conversion: rows, bytes, and how fast."""
    took = (transfer.ended_at or now) - transfer.started_at
    parts = []
    if transfer.rows is not None:
        parts.append(f"{_count(transfer.rows, 'row')}")
    if transfer.bytes is not None:
        parts.append(bytes_text(transfer.bytes))
        if took > 0.05 and transfer.bytes / took >= 1e5:
            parts.append(f"{bytes_text(round(transfer.bytes / took))}/s")
    return [*parts, seconds_text(took), *([_failed(cancelled)] if transfer.failed else [])]


def run_parts(run: DataRun, now: float, *, cancelled: bool = False) -> list[str]:
    """What is said of an execution of Ray Data's."""
    parts = [f"{_count(run.tasks_done, 'task')} done"]
    if run.tasks_active:
        parts.append(f"{run.tasks_active:,} running")
    if run.rows:
        parts.append(_count(run.rows, "row"))
    if run.bytes:
        parts.append(bytes_text(run.bytes))
    parts.append(seconds_text((run.ended_at or now) - run.started_at))
    return [*parts, *([_failed(cancelled)] if run.failed else [])]


def _bar(done: int, total: int, label: str) -> str:
    percent = 100 * done / total if total else 0
    return (
        f'<span role="progressbar" aria-label="{escape(label)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent:.0f}" style="{_TRACK}">'
        f'<span style="{_FILL};width:{percent:.1f}%"></span></span>'
    )


def _line(
    label: str, parts: list[str], *, bar: str = "", indent: int = 0, bad: bool = False
) -> str:
    return (
        f'<div style="padding-left:{indent * 1.4}em">{bar}<span>{escape(_short(label))}</span> '
        f'<span style="{_BAD if bad else _SOFT}">{escape(" · ".join(parts))}</span></div>'
    )


def render_html(picture: Picture) -> str:
    """Everything that is under way, a line each; what has ended is one line."""
    remaining = dict(picture.remaining)
    running = [job for job in picture.jobs if job.state == "running"]
    lines = []
    for job in running[:MOST_JOBS]:
        label = f"Job {job.id}  {job.description}"
        lines.append(
            _line(
                label,
                job_parts(job, picture.now, remaining.get(job.id)),
                bar=_bar(job.tasks_done, job.tasks_total, f"Job {job.id}"),
                bad=bool(job.tasks_failed),
            )
        )
        lines += _stage_lines(job)
    if len(running) > MOST_JOBS:
        lines.append(_line(f"and {_count(len(running) - MOST_JOBS, 'more job')}", []))
    for transfer in picture.transfers:
        if transfer.ended_at is None:
            label = f"Bridge {transfer.direction}  {transfer.label}"
            lines.append(_line(label, transfer_parts(transfer, picture.now)))
    for run in picture.runs:
        if run.ended_at is None:
            lines.append(_line(f"Ray Data  {run.label}", run_parts(run, picture.now)))
    ended = final_text(picture, ended_only=True)
    if ended:
        lines.append(_line("", [ended]))
    return f'<div role="group" aria-label="Progress" style="{_BOX}">{"".join(lines)}</div>'


def _stage_lines(job: JobRecord) -> list[str]:
    """The stages of a job; when there are many, those that are at work come first."""
    if len(job.stages) < 2:
        return []
    order = {"running": 0, "failed": 1, "waiting": 2, "done": 3, "skipped": 4}
    shown = sorted(job.stages, key=lambda stage: order[stage.state])[:MOST_STAGES]
    lines = [
        _line(
            f"Stage {stage.id}  {stage.name}",
            stage_parts(stage),
            bar=_bar(stage.tasks_done, stage.tasks_total, f"Stage {stage.id}"),
            indent=1,
            bad=bool(stage.tasks_failed) or stage.state == "failed",
        )
        for stage in sorted(shown, key=lambda stage: stage.id)
    ]
    if len(job.stages) > MOST_STAGES:
        more = _count(len(job.stages) - MOST_STAGES, "more stage")
        lines.append(_line(f"and {more}", [], indent=1))
    return lines


def render_bar(picture: Picture, width: int = 20) -> str:
    """One line for a terminal: a bar over all running jobs."""
    running = [job for job in picture.jobs if job.state == "running"]
    if not running:
        return final_text(picture)
    done, total = sum(j.tasks_done for j in running), sum(j.tasks_total for j in running)
    full = int(width * done / total) if total else 0
    first = running[0]
    what = f"job {first.id}" if len(running) == 1 else _count(len(running), "job")
    remaining = dict(picture.remaining).get(first.id) if len(running) == 1 else None
    parts = job_parts(first, picture.now, remaining) if len(running) == 1 else []
    return f"Spark {what} [{'=' * full}{'-' * (width - full)}] " + (
        ", ".join(parts) or f"{done:,}/{_count(total, 'task')}"
    )


def final_text(picture: Picture, *, ended_only: bool = False) -> str:
    """The one line that stays, such as ``Spark: 2 jobs, 40 tasks, 1.2 GiB in, 3.4 s``."""
    said = []
    jobs = [job for job in picture.jobs if not ended_only or job.state != "running"]
    if jobs:
        said.append(f"Spark: {', '.join(_job_words(jobs, picture))}")
    for transfer in picture.transfers:
        if not ended_only or transfer.ended_at is not None:
            words = ", ".join(transfer_parts(transfer, picture.now, cancelled=picture.cancelled))
            said.append(f"Bridge {transfer.direction}: {words}")
    runs = [run for run in picture.runs if not ended_only or run.ended_at is not None]
    if len(runs) == 1:
        words = ", ".join(run_parts(runs[0], picture.now, cancelled=picture.cancelled))
        said.append(f"Ray Data: {words}")
    elif runs:
        tasks = _count(sum(run.tasks_done for run in runs), "task")
        failed = sum(run.failed for run in runs)
        words = f"{_count(len(runs), 'execution')}, {tasks}" + (
            f", {failed} {_failed(picture.cancelled)}" if failed else ""
        )
        said.append(f"Ray Data: {words}")
    return " · ".join(said)


def _job_words(jobs: list[JobRecord], picture: Picture) -> list[str]:
    stages = [stage for job in jobs for stage in job.stages]
    words = [_count(len(jobs), "job")]
    skipped = sum(stage.state == "skipped" for stage in stages)
    failed = sum(job.state == "failed" for job in jobs)
    running = sum(job.state == "running" for job in jobs)
    if failed:
        words.append(f"{failed} {_failed(picture.cancelled)}")
    if running:
        words.append(f"{running} still running")
    words.append(_count(sum(job.tasks_done for job in jobs), "task"))
    tasks_failed = sum(job.tasks_failed for job in jobs)
    if tasks_failed:
        words.append(f"{_count(tasks_failed, 'task')} failed")
    if skipped:
        words.append(f"{_count(skipped, 'stage')} skipped")
    words += amounts(stages)
    starts = [job.started_at for job in jobs if job.started_at is not None]
    ends = [job.ended_at or picture.now for job in jobs]
    if starts:
        words.append(seconds_text(max(ends) - min(starts)))
    return words
