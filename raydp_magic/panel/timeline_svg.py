"""The timeline as a still picture: one SVG, no script. Pure; twin of ``timeline.ts``."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from raydp_magic.panel.amounts import format_time, format_took, one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raydp_magic.monitoring.snapshot import EventSnapshot, Snapshot

SPANS = {1: "minute", 2: "two minutes", 5: "five minutes", 10: "ten minutes"}
"""How many minutes the axis may have, in words."""
MAX_ROWS = 5
"""More things at once than this share the last row."""
_WIDTH, _LEFT = 760, 70
_ROW, _BAR, _GAP, _LANE = 9, 7, 6, 16
_NAMES = {"spark": "Spark", "ray": "Ray", "transfer": "Transfers"}
_WORDS = {"spark": "Spark job", "ray": "Ray task", "transfer": "transfer"}
_COLOURS = {"spark": "#3d85c6", "ray": "#6aa84f", "transfer": "#c77700"}
_FAILED = "#d6453d"


class Placed(NamedTuple):
    """One bar: from 0 (the axis's begin) to 1 (the snapshot's time), and its row in the lane."""

    event: EventSnapshot
    begin: float
    end: float
    row: int


def span(events: Iterable[EventSnapshot], now: float) -> int:
    """Minutes back to the first thing that is to be seen, at most ten."""
    most = max(SPANS)
    seen = [one for one in events if one.ended_at is None or one.ended_at > now - 60 * most]
    first = min((one.started_at for one in seen), default=now)
    return next((minutes for minutes in SPANS if now - first <= 60 * minutes), most)


def lane(events: Iterable[EventSnapshot], now: float, minutes: int = 10) -> list[Placed]:
    """Place the events of one kind; what overlaps is put into rows."""
    ends: list[float] = []
    placed: list[Placed] = []
    for event in sorted(events, key=lambda event: event.started_at):
        begin = _place(event.started_at, now, minutes)
        end = _place(now if event.ended_at is None else event.ended_at, now, minutes)
        if end <= 0:
            continue
        row = next((i for i, taken in enumerate(ends) if taken <= begin), len(ends))
        if row == MAX_ROWS:
            row -= 1
        elif row == len(ends):
            ends.append(0.0)
        ends[row] = max(end, ends[row])
        placed.append(Placed(event, begin, end, row))
    return placed


def _place(time: float, now: float, minutes: int) -> float:
    return min(1.0, max(0.0, 1 - (now - time) / (60 * minutes)))


def summary(events: Sequence[EventSnapshot]) -> str:
    """``12 Spark jobs (1 running, 2 failed), 3 transfers``."""
    parts = []
    for kind, word in _WORDS.items():
        states = [event.state for event in events if event.kind == kind]
        if states:
            told = [f"{states.count(s)} {s}" for s in ("running", "failed") if s in states]
            parts.append(plural(len(states), word) + (f" ({', '.join(told)})" if told else ""))
    return ", ".join(parts)


def words(snapshot: Snapshot) -> str:
    """Say what the picture shows: ``The last ten minutes: 12 Spark jobs (1 running)``."""
    shown = [bar.event for placed in _lanes(snapshot).values() for bar in placed]
    return f"The last {SPANS[_span(snapshot)]}: {summary(shown)}"


def timeline_svg(snapshot: Snapshot) -> str:
    """Draw the last minutes before the snapshot; empty when nothing happened.

    Parameters
    ----------
    snapshot : Snapshot
        Its `timeline` is drawn, a lane for each kind that is there; `taken_at` is the right edge.
    """
    parts: list[str] = []
    top = 2
    for kind, placed in _lanes(snapshot).items():
        parts.append(f'<text x="0" y="{top + 10}" fill="currentColor">{_NAMES[kind]}</text>')
        parts += [_bar(bar, top) for bar in placed]
        top += max(_LANE, _ROW * (1 + max(bar.row for bar in placed))) + _GAP
    if not parts:
        return ""
    return (
        f'<svg viewBox="0 0 {_WIDTH} {top + 16}" role="img" aria-label="{escape(words(snapshot))}" '
        f'style="width:100%;max-width:{_WIDTH}px;display:block;font-size:11px">'
        f"{''.join(parts)}"
        f'<text x="{_LEFT}" y="{top + 10}" fill="currentColor">{_span(snapshot)} min ago</text>'
        f'<text x="{_WIDTH}" y="{top + 10}" fill="currentColor" text-anchor="end">now</text></svg>'
    )


def _span(snapshot: Snapshot) -> int:
    return span(snapshot.timeline, snapshot.taken_at)


def _lanes(snapshot: Snapshot) -> dict[str, list[Placed]]:
    """The bars of each kind that has one."""
    now, minutes = snapshot.taken_at, _span(snapshot)
    lanes = {
        kind: lane((one for one in snapshot.timeline if one.kind == kind), now, minutes)
        for kind in _NAMES
    }
    return {kind: placed for kind, placed in lanes.items() if placed}


def _bar(bar: Placed, top: int) -> str:
    event, whole = bar.event, _WIDTH - _LEFT
    colour = _FAILED if event.state == "failed" else _COLOURS[event.kind]
    width = max(1.5, (bar.end - bar.begin) * whole)
    return (
        f'<rect x="{_LEFT + bar.begin * whole:.1f}" y="{top + bar.row * _ROW}" '
        f'width="{width:.1f}" height="{_BAR}" fill="{colour}" opacity=".8">'
        f"<title>{escape(_described(event))}</title></rect>"
    )


def _described(event: EventSnapshot) -> str:
    """``transfer trips: done, 3 s, from 2026-01-01 12:00:01``."""
    name = one_line(event.label) or event.id
    took = ""
    if event.ended_at is not None:
        took = f", {format_took(max(0.0, event.ended_at - event.started_at))}"
    return f"{_WORDS[event.kind]} {name}: {event.state}{took}, from {format_time(event.started_at)}"
