"""The panel as plain text, for terminals and for ``%raydp_cluster status``."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from raydp_magic.panel.amounts import (
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
    web_address,
)
from raydp_magic.panel.kept import and_more, kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raydp_magic.monitoring.snapshot import (
        ExecutorSnapshot,
        JobSnapshot,
        LedgerSnapshot,
        NodeSnapshot,
        Snapshot,
        TransferSnapshot,
    )

WIDTH = 100
"""No line is longer, in characters."""
_LABEL = 11
_BAR = 8


def render_text(snapshot: Snapshot) -> str:
    """Write a snapshot as aligned plain text.

    Parameters
    ----------
    snapshot : Snapshot
        What to show, of a long list its first rows.

    Returns
    -------
    str
        Lines of at most 100 characters, no trailing newline.
    """
    small, left = kept(snapshot)
    jobs = [_job(job) for job in small.jobs] or [["no job is running"]]
    if snapshot.ended and not snapshot.jobs:
        jobs = [["no job was running"]]
    sections = {
        "jobs": ("Now", _aligned(jobs)),
        "transfers": ("Moving", _aligned(map(_transfer, small.transfers))),
        "nodes": ("Nodes", _nodes(small.nodes) or ["none is known"]),
        "executors": ("Executors", _executors(small.executors) or ["none"]),
        "ledger": ("Bridge", _aligned(map(_record, small.ledger)) or ["nothing is held"]),
    }
    lines = _head(snapshot, small.problems, and_more(left["problems"]))
    for name, (label, rows) in sections.items():
        lines += _section(label, [*rows, *filter(None, [and_more(left[name])])])
    if not snapshot.ended:
        urls = {"Spark UI": snapshot.spark_ui_url, "Ray": snapshot.ray_dashboard_url}
        for name, url in urls.items():
            address = web_address(url)
            lines += _section(name, [address]) if address else []
    return "\n".join(_clip(line, WIDTH) for line in lines)


def _head(snapshot: Snapshot, problems: Sequence[str], more: str) -> list[str]:
    counts = "".join(f"{tally}   " for tally in tallies(snapshot))
    name = _clip(one_line(snapshot.name), 30)
    lines = [f"{name}   {snapshot.state}   {counts}({format_time(snapshot.taken_at)})"]
    if snapshot.ended:
        lines.append(f"The cluster has {snapshot.state}; this is its last known state.")
    if snapshot.request:
        lines.append(one_line(snapshot.request))
    lost = ray_lost(snapshot)
    for problem in filter(None, (lost, *problems, more)):
        lines += textwrap.wrap(
            one_line(problem), WIDTH, initial_indent="! ", subsequent_indent="  "
        )
    return lines


def _section(label: str, lines: Sequence[str]) -> list[str]:
    return [f"{label if i == 0 else '':<{_LABEL}}{line}" for i, line in enumerate(lines)]


def _aligned(rows: Iterable[list[str]]) -> list[str]:
    """Columns as wide as their widest cell, two spaces apart."""
    table = list(rows)
    columns = max((len(row) for row in table), default=0)
    widths = [max(len(row[i]) for row in table if i < len(row)) for i in range(columns)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in table
    ]


def _bar(level: float | None) -> str:
    if level is None:
        return "?" * _BAR
    filled = round(level * _BAR)
    return "=" * filled + "-" * (_BAR - filled)


def _job(job: JobSnapshot) -> list[str]:
    what = _clip(one_line(job.description), 30) or "no description"
    stage = f"stage {min(job.stages_done + 1, job.stages_total)}/{job.stages_total}"
    tasks = f"{format_count(job.tasks_done)}/{format_count(job.tasks_total)} tasks"
    failed = [f"{format_count(job.tasks_failed)} failed"] if job.tasks_failed else []
    bar = _bar(share(job.tasks_done, job.tasks_total))
    return [f"job {job.id}", what, stage, bar, tasks, *failed]


def _transfer(transfer: TransferSnapshot) -> list[str]:
    return [
        _clip(one_line(transfer.label), 26),
        transfer.direction,
        plural(transfer.rows, "row"),
        format_bytes(transfer.bytes),
    ]


def _nodes(nodes: Sequence[NodeSnapshot]) -> list[str]:
    return _noted(_aligned(map(_node, nodes)), map(death_of, nodes))


def _noted(lines: Iterable[str], notes: Iterable[str]) -> list[str]:
    """Each line, with what is to be said about it below."""
    found: list[str] = []
    for line, note in zip(lines, notes, strict=True):
        found.append(line)
        found += textwrap.wrap(note, WIDTH - _LABEL, initial_indent="   ", subsequent_indent="   ")
    return found


def _node(node: NodeSnapshot) -> list[str]:
    name = _clip(one_line(node.name), 16)
    if not node.alive:
        return [name, "dead"]
    gpus = f"{format_cpus(node.gpu_reserved)}/{format_cpus(node.gpu_total)} GPU"
    return [
        name,
        f"CPU {format_cpus(node.cpu_reserved)}/{format_cpus(node.cpu_total)}",
        "memory " + format_bytes_of(node.memory_used, node.memory_total).replace(" / ", "/"),
        "store " + format_bytes_of(node.store_used, node.store_total).replace(" / ", "/"),
        f"spark {node.spark_executors}",
        *([gpus] if node.gpu_total else []),
    ]


def _executors(executors: Sequence[ExecutorSnapshot]) -> list[str]:
    notes = [one_line(executor.message) for executor in executors]
    return _noted(_aligned(map(_executor, executors)), notes)


def _executor(executor: ExecutorSnapshot) -> list[str]:
    node = _clip(one_line(executor.node or ""), 14) or "no node"
    tries = f"try {executor.tries}/{executor.max_tries}"
    failed = f"{format_count(executor.failed_tasks)} failed"
    return [
        executor.id,
        executor.state,
        node,
        f"{executor.active_tasks}/{executor.cores} tasks",
        f"{format_count(executor.completed_tasks)} done",
        "memory "
        + format_bytes_of(executor.memory_used, executor.memory_total).replace(" / ", "/"),
        f"cached {format_bytes(executor.storage_used)}",
        *([tries] if executor.retrying else []),
        *([failed] if executor.failed_tasks else []),
    ]


def _record(record: LedgerSnapshot) -> list[str]:
    return [
        _clip(one_line(record.name), 26),
        record.direction,
        plural(record.rows, "row"),
        format_bytes(record.bytes),
        plural(record.blocks, "block"),
        plural(record.nodes, "node"),
    ]


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
