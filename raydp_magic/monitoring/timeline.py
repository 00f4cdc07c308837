"""What happened in the last minutes: Spark jobs, Ray tasks and transfers on one axis. Pure."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from raydp_magic.monitoring.snapshot import EventSnapshot, EventState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from raydp_magic.bridge.transfers import Transfer
    from raydp_magic.monitoring.jobs import JobRecord

SECONDS = 600.0
MOST = 500
LABEL = 120
_FAILED = ("FAILED", "CANCELLED")


class Timeline:
    """Remembers events; what it hears again replaces what it knew."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, str], EventSnapshot] = {}

    def add(self, events: Iterable[EventSnapshot]) -> None:
        """Hear of events, new or known."""
        for event in events:
            self._events[event.kind, event.id] = event

    def still(self, kind: str, running: set[str], now: float) -> None:
        """Only these of a kind run: others are over, though nobody told how."""
        for key, event in self._events.items():
            if key[0] == kind and event.ended_at is None and key[1] not in running:
                self._events[key] = replace(event, ended_at=now, state="done")

    def events(self, now: float) -> tuple[EventSnapshot, ...]:
        """The last ten minutes, oldest first; of too many the newest."""
        self._events = {
            key: event
            for key, event in self._events.items()
            if event.ended_at is None or event.ended_at >= now - SECONDS
        }
        found = sorted(self._events.values(), key=lambda event: (event.started_at, event.id))
        for event in found[:-MOST]:
            del self._events[event.kind, event.id]
        return tuple(found[-MOST:])


def job_events(jobs: Iterable[JobRecord]) -> list[EventSnapshot]:
    """Spark jobs."""
    return [
        EventSnapshot(
            "spark", str(job.id), _label(job.description), job.started_at, job.ended_at, job.state
        )
        for job in jobs
        if job.started_at is not None
    ]


def transfer_events(
    transfers: Iterable[Transfer], names: Mapping[str, str] = MappingProxyType({})
) -> list[EventSnapshot]:
    """Conversions of the bridge, called as the bridge calls what it holds of them, by id."""
    return [
        EventSnapshot(
            "transfer",
            one.id,
            _label(names.get(one.id, one.label)),
            one.started_at,
            one.ended_at,
            _state(ended=one.ended_at is not None, failed=one.failed),
        )
        for one in transfers
    ]


def task_events(rows: Iterable[Any]) -> list[EventSnapshot]:
    """Ray tasks out of the state API's rows; those that have not begun are left out."""
    return [
        EventSnapshot(
            "ray",
            row.task_id,
            _label(row.name or ""),
            row.start_time_ms / 1000,
            row.end_time_ms / 1000 if row.end_time_ms else None,
            _state(ended=bool(row.end_time_ms), failed=row.state in _FAILED),
        )
        for row in rows
        if row.start_time_ms
    ]


def _state(*, ended: bool, failed: bool) -> EventState:
    if not ended:
        return "running"
    return "failed" if failed else "done"


def _label(text: str) -> str:
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"
