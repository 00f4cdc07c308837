"""A training as a line of text and as HTML with a curve of its losses. Pure."""

from __future__ import annotations

import math
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from raydp_magic.notebook.progress_view import left_text, seconds_text
from raydp_magic.notebook.svg_image import svg_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raydp_magic.train.runs import Point, Run

MOST_NUMBERS = 6
MOST_CURVES = 4
_WIDTH, _HEIGHT = 420, 130
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 8, 8, 20
_COLOURS = ("#1976d2", "#e07b00", "#388e3c", "#00838f")
"""Readable on light and on dark; lines also differ by their dashes."""
_DASHES = ("", "5 3", "2 3", "8 3 2 3")
_BOX = (
    "font-family:var(--jp-ui-font-family,sans-serif);font-size:var(--jp-ui-font-size1,13px);"
    "color:var(--jp-ui-font-color1,inherit);line-height:1.5;font-variant-numeric:tabular-nums"
)
_STATES = {
    "preparing": "sharing the rows out",
    "starting": "starting workers",
    "failed": "failed",
    "stopped": "stopped",
}


def number_text(value: float) -> str:
    """``0.123456`` -> ``"0.1235"``, ``12345.6`` -> ``"1.235e+04"``."""
    return f"{value:.4g}"


def run_text(run: Run, now: float) -> str:
    """One line, such as ``TorchEstimator: epoch 3/10, train_loss 0.41, 2 workers, 12 s``.

    Parameters
    ----------
    run : Run
        The training.
    now : float
        Unix seconds.
    """
    reached = len(run.points)
    parts = []
    if run.ended_at is None and run.state in _STATES and not reached:
        parts.append(_STATES[run.state])
    elif run.ended_at is None:
        parts.append(f"{run.unit} {min(reached + 1, run.total)}/{run.total}")
        parts += ["starting workers again"] if run.restarting else []
    else:
        parts.append(f"{reached} {run.unit}{'s' * (reached != 1)}")
        parts += [_STATES[run.state]] if run.state in _STATES else []
    if run.points:
        names = number_names(run)[:MOST_NUMBERS]
        last = run.points[-1]
        parts += [f"{name} {number_text(last[name])}" for name in names if name in last]
    parts.append(f"{run.workers} worker{'s' * (run.workers != 1)}")
    if run.failures:
        times = "once" if run.failures == 1 else f"{run.failures} times"
        parts.append(f"went on {times} after a failure")
    parts.append(seconds_text((run.ended_at or now) - run.started_at))
    left = remaining(run, now)
    if left is not None:
        parts.append(left_text(left))
    parts += run.notes
    return f"{run.label}: {', '.join(parts)}"


def number_names(run: Run) -> list[str]:
    """The names of the numbers in the line, in order.

    A boosting round's loss is its first metric, which is there under its own name, too: that says
    more, and `auc` is no loss.
    """
    doubles = {loss for loss, _ in _doubles(run)}
    return [name for name in _all_names(run) if name not in doubles]


def _all_names(run: Run) -> list[str]:
    return list(dict.fromkeys(name for point in run.points for name in point if name != "epoch"))


def _doubles(run: Run) -> list[tuple[str, str]]:
    """Two names of the same number, that of the loss first."""
    return [
        (loss, metric)
        for loss, metric in pairwise(_all_names(run) if run.unit == "round" else ())
        if loss.endswith("_loss") and metric.startswith(loss.removesuffix("loss"))
    ]


def remaining(run: Run, now: float) -> float | None:
    """Seconds that a training will still take, once two epochs have told how long one takes."""
    reached = len(run.points)
    if run.ended_at is not None or run.restarting or not 2 <= reached < run.total:
        return None
    if run.first_at is None or run.last_at is None:
        return None
    each = (run.last_at - run.first_at) / (reached - 1)
    if each <= 0:
        return None
    return max(0.0, (run.total - reached) * each - (now - run.last_at))


def render_html(run: Run, now: float) -> str:
    """The line, and below it the curve once there is one."""
    bad = "color:var(--jp-error-color1,#c62828)" if run.state == "failed" else ""
    line = f'<div style="{bad}">{escape(run_text(run, now))}</div>'
    bar = "" if run.ended_at is not None else _bar(run)
    return f'<div role="group" aria-label="Training" style="{_BOX}">{line}{bar}{curve(run)}</div>'


def curve(run: Run) -> str:
    """The losses over the epochs as a drawing; empty before two epochs have ended.

    Without losses the first numbers that were reported are drawn.
    """
    names = curve_names(run)
    lines = {name: _finite(run.points, name) for name in names}
    values = [y for line in lines.values() for _, y in line]
    if len(run.points) < 2 or not values:
        return ""
    low, high = min(values), max(values)
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    last = max(run.total, len(run.points))
    about = "; ".join(
        f"{name} from {number_text(line[0][1])} to {number_text(line[-1][1])}"
        for name, line in lines.items()
        if line
    )
    begin = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="10">'
    parts = [begin, _axes(low, high, last, run.unit)]
    for number, line in enumerate(lines.values()):
        parts.append(_path(line, low, high, last, number))
    parts.append("</svg>")
    style = f"display:block;width:100%;max-width:{_WIDTH}px"
    return svg_image("".join(parts), alt=about, style=style) + _legend(list(lines))


def curve_names(run: Run) -> list[str]:
    """Which numbers are drawn: the losses, or else the first ones."""
    doubles = {metric for _, metric in _doubles(run)}
    known = [name for name in _all_names(run) if name not in doubles]
    losses = [name for name in known if name.endswith("loss")]
    return (losses or known)[:MOST_CURVES]


def _finite(points: Iterable[Point], name: str) -> list[tuple[float, float]]:
    return [
        (point.get("epoch", number), point[name])
        for number, point in enumerate(points, 1)
        if name in point and math.isfinite(point[name])
    ]


def _axes(low: float, high: float, last: int, unit: str) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    faint = 'stroke="currentColor" stroke-opacity=".25"'
    texts = 'fill="currentColor" fill-opacity=".75"'
    return (
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" {faint}/>'
        f'<text x="{_LEFT - 5}" y="{_TOP + 8}" text-anchor="end" {texts}>{number_text(high)}</text>'
        f'<text x="{_LEFT - 5}" y="{bottom}" text-anchor="end" {texts}>{number_text(low)}</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}" {texts}>1</text>'
        f'<text x="{right}" y="{_HEIGHT - 6}" text-anchor="end" {texts}>{unit} {last}</text>'
    )


def _path(line: list[tuple[float, float]], low: float, high: float, last: int, number: int) -> str:
    if not line:
        return ""
    across = (_WIDTH - _LEFT - _RIGHT) / max(1, last - 1)
    up = (_HEIGHT - _TOP - _BOTTOM) / (high - low)
    places = [(_LEFT + (x - 1) * across, _HEIGHT - _BOTTOM - (y - low) * up) for x, y in line]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    x, y = places[-1]
    colour = _COLOURS[number]
    return (
        f'<path d="M{path}" fill="none" style="stroke:{colour}" stroke-width="1.5" '
        f'stroke-dasharray="{_DASHES[number]}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" style="fill:{colour}"/>'
    )


def _legend(names: list[str]) -> str:
    entries = [
        f'{_sample(number)}<span style="margin-right:1.2em">{escape(name)}</span>'
        for number, name in enumerate(names)
    ]
    return f'<div style="padding-left:{_LEFT}px;font-size:.85em">{"".join(entries)}</div>'


def _sample(number: int) -> str:
    """A piece of a line, as it looks in the curve."""
    svg = (
        '<svg width="22" height="8"><path d="M0 4H22" '
        f'style="stroke:{_COLOURS[number]}" stroke-width="1.5" '
        f'stroke-dasharray="{_DASHES[number]}"/></svg>'
    )
    return svg_image(svg, alt="", style="display:inline;margin-right:.3em;vertical-align:middle")


def _bar(run: Run) -> str:
    percent = 100 * min(1.0, (len(run.points) + run.done) / max(1, run.total))
    return (
        f'<div role="progressbar" aria-label="{escape(run.label)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent:.0f}" style="width:{_WIDTH}px;max-width:100%;'
        "height:.35em;border-radius:.2em;overflow:hidden;"
        'background:var(--jp-border-color2,rgba(128,128,128,.3))">'
        f'<span style="display:block;height:100%;width:{percent:.1f}%;'
        'background:var(--jp-brand-color1,#1976d2)"></span></div>'
    )
