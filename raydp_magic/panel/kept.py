"""What of a snapshot is kept in a notebook: not ten thousand rows. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from raydp_magic.panel.amounts import format_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp_magic.monitoring.snapshot import Snapshot

T = TypeVar("T")

MOST = 200
MOST_PROBLEMS = 20


def kept(snapshot: Snapshot) -> tuple[Snapshot, dict[str, int]]:
    """The rows worth keeping, and how many of each list are left out.

    Parameters
    ----------
    snapshot : Snapshot
        Of a cluster of any size.

    Returns
    -------
    tuple of Snapshot and dict
        At most 200 rows of a list, executors that are lost and nodes that are dead before others;
        by the list's name, the number of rows that are not among them.
    """
    lists: dict[str, Any] = {
        "nodes": _first(snapshot.nodes, lambda node: not node.alive),
        "executors": _first(snapshot.executors, lambda one: one.state in ("lost", "failed")),
        "jobs": snapshot.jobs[:MOST],
        "transfers": snapshot.transfers[:MOST],
        "ledger": snapshot.ledger[:MOST],
        "problems": snapshot.problems[:MOST_PROBLEMS],
    }
    left = {name: len(getattr(snapshot, name)) - len(rows) for name, rows in lists.items()}
    if not any(left.values()):
        return snapshot, left
    return replace(snapshot, **lists), left


def record(snapshot: Snapshot) -> dict[str, Any]:
    """The wire form of what is kept, which says itself what it lacks."""
    small, left = kept(snapshot)
    lacks = [f"{format_count(number)} {name}" for name, number in left.items() if number]
    if lacks:
        words = f"Not kept in this notebook: {', '.join(lacks)}"
        small = replace(small, problems=(*small.problems, words))
    return small.to_json()


def and_more(number: int) -> str:
    """Say what a list lacks: ``"and 9,800 more"``, or nothing."""
    return f"and {format_count(number)} more" if number else ""


def _first(rows: tuple[T, ...], urgent: Callable[[T], bool]) -> tuple[T, ...]:
    if len(rows) <= MOST:
        return rows
    found = [row for row in rows if urgent(row)]
    return (*found, *(row for row in rows if not urgent(row)))[:MOST]
