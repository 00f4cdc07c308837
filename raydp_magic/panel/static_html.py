"""The panel as static HTML: what an export, a code host or a reopened notebook shows.

Styles are inline and colours come from the page (``currentColor`` and see-through greys), so it
reads on a light and on a dark background, inside anybody's page, with no script.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from raydp_magic.notebook.svg_image import svg_image
from raydp_magic.panel.amounts import (
    UNKNOWN,
    death_of,
    format_bytes,
    format_bytes_of,
    format_count,
    format_cpus,
    format_time,
    one_line,
    plural,
    ray_lost,
    share,
    tallies,
)
from raydp_magic.panel.kept import and_more, kept
from raydp_magic.panel.timeline_svg import timeline_svg, words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raydp_magic.monitoring.snapshot import (
        ExecutorSnapshot,
        JobSnapshot,
        LedgerSnapshot,
        NodeSnapshot,
        Snapshot,
        TransferSnapshot,
    )

_LINE = "1px solid rgba(127,127,127,.35)"
_ACCENT = "#3d85c6"
_GREY = "rgba(127,127,127,.9)"  # JupyterLab drops a `currentColor` of a saved notebook
_MUTED = "opacity:.72"
_ALARM = "background:rgba(214,69,61,.16);border-left:3px solid #d6453d;padding:5px 13px"
_MEMORY_HIGH = 0.9


class _Cell(NamedTuple):
    html: str
    numeric: bool = False
    wraps: bool = False


def render_html(snapshot: Snapshot) -> str:
    """Write a snapshot as one self-contained piece of HTML.

    Parameters
    ----------
    snapshot : Snapshot
        What to show, of a long list its first rows. Every text of it is escaped.

    Returns
    -------
    str
        A ``<div>`` with inline styles, no script and no external resource.
    """
    no_job = "No job was running" if snapshot.ended else "No job is running"
    bar = _grey_bar if snapshot.ended else _bar
    gpus = any(node.gpu_total for node in snapshot.nodes)
    timeline = timeline_svg(snapshot)
    small, left = kept(snapshot)
    more = {name: and_more(number) for name, number in left.items()}
    alarms = [*_alarms(small), *([more["problems"]] if more["problems"] else [])]
    now = [*(_job(job, bar) for job in small.jobs), *map(_transfer, small.transfers)]
    parts = [
        _head(snapshot),
        *(f'<div style="{_ALARM}">{_text(problem)}</div>' for problem in alarms),
        _section(
            "Now", _table(("",) * 4, now) or no_job, and_more(left["jobs"] + left["transfers"])
        ),
        _section(
            "Nodes", _nodes(small.nodes, bar, gpus=gpus) or "No Ray node is known", more["nodes"]
        ),
        _section("Executors", _executors(small.executors) or "No executor", more["executors"]),
        _section("Bridge", _ledger(small.ledger) or "Nothing is held", more["ledger"]),
        *([_section("Timeline", _picture(timeline, words(snapshot)))] if timeline else []),
        _foot(snapshot),
    ]
    return (
        f'<div style="border:{_LINE};border-radius:6px;max-width:76rem;overflow-x:auto;'
        "font:13px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
        f'font-variant-numeric:tabular-nums;text-align:left">{"".join(parts)}</div>'
    )


def _alarms(snapshot: Snapshot) -> tuple[str, ...]:
    lost = ray_lost(snapshot)
    return (*([lost] if lost else []), *snapshot.problems)


def _text(text: str) -> str:
    return escape(one_line(text))


def _muted(html: str) -> str:
    return f'<span style="{_MUTED}">{html}</span>'


def _head(snapshot: Snapshot) -> str:
    gap = "margin-right:22px;white-space:nowrap"
    words = "".join(f'<span style="{gap}">{escape(tally)}</span>' for tally in tallies(snapshot))
    when = format_time(snapshot.taken_at)
    banner, as_of = "", f'<span style="{_MUTED};white-space:nowrap">as of {when}</span>'
    if snapshot.ended:
        as_of, banner = (
            "",
            (
                f'<div style="background:rgba(127,127,127,.2);padding:5px 16px;font-weight:600">'
                f"The cluster has {snapshot.state} – last known state, {when}</div>"
            ),
        )
    return (
        '<div style="padding:10px 16px">'
        f'<strong style="font-size:15px;margin-right:9px">{_text(snapshot.name)}</strong>'
        f'<span style="{_MUTED};margin-right:22px">Spark on Ray</span>'
        f'<span style="{gap}">{_mark(snapshot.state)}{snapshot.state}</span>{words}'
        f"{as_of}</div>{banner}"
    )


def _mark(state: str) -> str:
    """Draw the dot before a state's word; the word says it, the dot helps the eye."""
    colour = {"up": _ACCENT, "running": _ACCENT, "lost": "#d6453d", "failed": "#d6453d"}.get(state)
    look = f"background:{colour}" if colour else f"border:1px solid {_GREY}"
    return (
        '<span style="display:inline-block;box-sizing:border-box;width:8px;height:8px;'
        f'border-radius:50%;margin-right:7px;{look}"></span>'
    )


def _section(title: str, html: str, more: str = "") -> str:
    body = (html if html.startswith("<") else _muted(html)) + (more and _muted(more))
    return (
        # Where the page is narrow, the title goes above and leaves the width to the table.
        f'<div style="border-top:{_LINE};padding:8px 16px;display:flex;flex-wrap:wrap">'
        f'<strong style="flex:none;width:92px">{title}</strong>'
        f'<div style="flex:1 1 540px;min-width:0;max-width:100%;overflow-x:auto">{body}</div></div>'
    )


def _picture(timeline: str, about: str) -> str:
    return svg_image(timeline, alt=about, style="display:block;width:100%;max-width:760px")


def _grey_bar(level: float | None, *, high: bool = False) -> str:
    """What is shown is the past: quieter."""
    return _bar(level, high=high, colour=_GREY)


def _bar(level: float | None, *, high: bool = False, colour: str = _ACCENT) -> str:
    colour = "#c77700" if high else colour
    return (
        '<span style="display:inline-block;width:40px;height:6px;border-radius:3px;'
        'background:rgba(127,127,127,.3);margin-right:8px;vertical-align:middle">'
        '<span style="display:block;height:6px;border-radius:3px;'
        f'background:{colour};width:{round((level or 0) * 100)}%"></span></span>'
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[_Cell]]) -> str:
    """Lay out rows; a row of one cell spans the width. Host pages style tables: undo it inline."""
    if not rows:
        return ""
    cell = "border:0;background:none;padding:1px 14px 1px 0;font-size:13px;white-space:nowrap"
    wrap = ";white-space:normal;overflow-wrap:anywhere"
    plain = '<tr style="border:0;background:none">'
    numeric = [any(i < len(row) and row[i].numeric for row in rows) for i in range(len(head))]

    def align(right: bool) -> str:
        return f"text-align:{'right' if right else 'left'}"

    html = ['<table style="border:0;border-collapse:collapse;margin:0;font-size:13px">']
    if any(head):
        html.append(plain)
        html += [
            f'<th style="{cell};{align(right)};font-weight:400;{_MUTED}">{title}</th>'
            for title, right in zip(head, numeric, strict=True)
        ]
        html.append("</tr>")
    for row in rows:
        span = f' colspan="{len(head)}"' if len(row) == 1 else ""
        cells = "".join(
            f'<td{span} style="{cell};{align(c.numeric)}{wrap if span or c.wraps else ""}">'
            f"{c.html}</td>"
            for c in row
        )
        html.append(f"{plain}{cells}</tr>")
    html.append("</table>")
    return "".join(html)


def _job(job: JobSnapshot, bar: Callable[..., str]) -> list[_Cell]:
    failed = f" <strong>{job.tasks_failed} failed</strong>" if job.tasks_failed else ""
    what = one_line(job.description) or "no description"
    what = what if len(what) <= 50 else what[:49] + "…"
    return [
        _Cell(_muted(f"job {job.id}")),
        _Cell(f"<code>{escape(what)}</code>", wraps=True),
        _Cell(f"stage {min(job.stages_done + 1, job.stages_total)}/{job.stages_total}"),
        _Cell(
            bar(share(job.tasks_done, job.tasks_total))
            + f"{format_count(job.tasks_done)} / {format_count(job.tasks_total)} tasks{failed}"
        ),
    ]


def _transfer(transfer: TransferSnapshot) -> list[_Cell]:
    direction = transfer.direction.replace("->", "→")
    return [
        _Cell(_muted("transfer")),
        _Cell(f"<code>{_text(transfer.label)}</code>", wraps=True),
        _Cell(_text(direction)),
        _Cell(f"{plural(transfer.rows, 'row')}, {format_bytes(transfer.bytes)}"),
    ]


def _nodes(nodes: Sequence[NodeSnapshot], bar: Callable[..., str], *, gpus: bool) -> str:
    head = ["Node", "CPU", "Memory", "Object store", *(["GPU"] if gpus else []), "Executors"]
    rows: list[list[_Cell]] = []
    for node in nodes:
        rows.append(_node(node, bar, gpus=gpus))
        if death := death_of(node):
            rows.append([_Cell(_muted(escape(death)))])
    return _table(head, rows)


def _node(node: NodeSnapshot, bar: Callable[..., str], *, gpus: bool) -> list[_Cell]:
    tag = "" if node.alive else " <strong>dead</strong>"
    if node.alive and node.is_head:
        tag = " " + _muted("head")
    memory = share(node.memory_used, node.memory_total)
    high = memory is not None and memory >= _MEMORY_HIGH
    gpu = f"{format_cpus(node.gpu_reserved)}/{format_cpus(node.gpu_total)}"
    return [
        _Cell(_text(node.name if len(node.name) <= 24 else node.name[:23] + "…") + tag),
        _Cell(
            bar(share(node.cpu_reserved, node.cpu_total))
            + f"{format_cpus(node.cpu_reserved)} / {format_cpus(node.cpu_total)}"
        ),
        _Cell(
            bar(memory, high=high)
            + format_bytes_of(node.memory_used, node.memory_total)
            + (" <strong>high</strong>" if high else "")
        ),
        _Cell(
            bar(share(node.store_used, node.store_total))
            + format_bytes_of(node.store_used, node.store_total)
        ),
        *([_Cell(gpu if node.gpu_total else "", numeric=True)] if gpus else []),
        _Cell(str(node.spark_executors), numeric=True),
    ]


def _executors(executors: Sequence[ExecutorSnapshot]) -> str:
    head = (
        "Id",
        "State",
        "Node",
        "Tasks",
        "Done",
        "Failed",
        "Memory",
        "Cached",
        "Shuffle in",
        "Shuffle out",
    )
    rows: list[list[_Cell]] = []
    for executor in executors:
        rows.append(_executor(executor))
        if executor.message:
            # A quiet line under the row it belongs to.
            rows.append([_Cell(_muted(_text(executor.message)))])
    return _table(head, rows)


def _executor(executor: ExecutorSnapshot) -> list[_Cell]:
    word = executor.state
    state = f"<strong>{word}</strong>" if word in ("lost", "failed") else word
    if executor.retrying:
        state += " " + _muted(f"try {executor.tries} of {executor.max_tries}")
    numbers = (
        f"{executor.active_tasks}/{executor.cores}",
        format_count(executor.completed_tasks),
        format_count(executor.failed_tasks),
        format_bytes_of(executor.memory_used, executor.memory_total),
        format_bytes(executor.storage_used),
        format_bytes(executor.shuffle_read),
        format_bytes(executor.shuffle_write),
    )
    return [
        _Cell(_text(executor.id)),
        _Cell(_mark(word) + state),
        _Cell(_text(executor.node or UNKNOWN)),
        *(_Cell(number, numeric=True) for number in numbers),
    ]


def _ledger(ledger: Sequence[LedgerSnapshot]) -> str:
    return _table(("Name", "Direction", "Rows", "Size", "Blocks", "Nodes"), [*map(_record, ledger)])


def _record(record: LedgerSnapshot) -> list[_Cell]:
    numbers = (
        format_count(record.rows),
        format_bytes(record.bytes),
        format_count(record.blocks),
        format_count(record.nodes),
    )
    return [
        _Cell(_text(record.name)),
        _Cell(_text(record.direction.replace("->", "→"))),
        *(_Cell(number, numeric=True) for number in numbers),
    ]


def _foot(snapshot: Snapshot) -> str:
    """Links are left out: they point to a machine that the reader of a copy does not have."""
    versions = " · ".join(f"{name} {version}" for name, version in snapshot.versions.items())
    words = [_text(part) for part in (snapshot.request, versions) if part]
    if not words:
        return ""
    html = "".join(f'<span style="margin-right:22px">{part}</span>' for part in words)
    return f'<div style="border-top:{_LINE};padding:7px 16px;font-size:12px;{_MUTED}">{html}</div>'
