"""The timeline as a still picture: one SVG, no script. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from raydp_magic.panel.amounts import one_line

if TYPE_CHECKING:
    from raydp_magic.monitoring.snapshot import EventSnapshot, Snapshot

SECONDS = 600.0
_WIDTH, _HEIGHT, _LEFT = 760, 18, 70
_LANES = {"spark": "Spark", "ray": "Ray", "transfer": "Transfers"}
_COLOURS = {"spark": "#3d85c6", "ray": "#6aa84f", "transfer": "#c77700"}
_FAILED = "#d6453d"


def timeline_svg(snapshot: Snapshot) -> str:
    """Draw the last ten minutes before the snapshot; empty when nothing happened.

    Parameters
    ----------
    snapshot : Snapshot
        Its `timeline` is drawn, a lane for each kind; `taken_at` is the right edge.
    """
    if not snapshot.timeline:
        return ""
    height = _HEIGHT * len(_LANES)
    begin = (
        f'<svg viewBox="0 0 {_WIDTH} {height + 16}" role="img" '
        'aria-label="Spark jobs, Ray tasks and transfers of the last ten minutes" '
        f'style="width:100%;max-width:{_WIDTH}px;display:block;font-size:11px">'
    )
    parts = [begin]
    for row, (kind, name) in enumerate(_LANES.items()):
        y = row * _HEIGHT
        parts.append(f'<text x="0" y="{y + 12}" fill="currentColor">{name}</text>')
        parts += [
            _bar(event, y, snapshot.taken_at) for event in snapshot.timeline if event.kind == kind
        ]
    parts += [
        f'<text x="{_LEFT}" y="{height + 12}" fill="currentColor">10 min ago</text>',
        f'<text x="{_WIDTH}" y="{height + 12}" fill="currentColor" text-anchor="end">now</text>',
        "</svg>",
    ]
    return "".join(parts)


def _bar(event: EventSnapshot, y: int, now: float) -> str:
    per_second = (_WIDTH - _LEFT) / SECONDS
    begin = max(event.started_at, now - SECONDS)
    end = min(now, now if event.ended_at is None else event.ended_at)
    x = _LEFT + (begin - now + SECONDS) * per_second
    width = max(1.5, (end - begin) * per_second)
    colour = _FAILED if event.state == "failed" else _COLOURS[event.kind]
    title = escape(f"{one_line(event.label)} ({event.state})")
    return (
        f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{_HEIGHT - 6}" '
        f'fill="{colour}" opacity=".8"><title>{title}</title></rect>'
    )
