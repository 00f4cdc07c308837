"""Conversions of the bridge that are under way, and those that ended not long ago.

A tiny registry: the bridge writes it, the cells' progress and the panel read it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEPT = 200

Amounts = tuple[int | None, int | None]
"""Rows and bytes."""


@dataclass(frozen=True)
class Transfer:
    """One conversion; times are Unix seconds, ``thread`` is the thread that asked for it.

    ``held`` is the ledger's id of what came of it, where that is another one.
    """

    id: str
    direction: str
    label: str
    rows: int | None
    bytes: int | None
    started_at: float
    ended_at: float | None
    failed: bool
    thread: int
    held: str = ""


class UnderWay:
    """What the bridge holds of a conversion that it makes.

    Parameters
    ----------
    transfer : Transfer
        As it is at the start.
    count : callable, optional
        Gives rows and bytes so far. Cheap, and called from other threads.
    """

    def __init__(self, transfer: Transfer, count: Callable[[], Amounts] | None) -> None:
        self._transfer = transfer
        self._count = count

    def count_with(self, count: Callable[[], Amounts]) -> None:
        """Give the rows and bytes so far by this from now on."""
        self._count = count

    def done(self, rows: int | None, size: int | None, *, held: str = "") -> None:
        """Say what was moved in the end; counting is over."""
        self._count = None
        self._transfer = replace(self._transfer, rows=rows, bytes=size, held=held)

    def end(self, *, failed: bool) -> None:
        """It is over."""
        self._count = None
        self._transfer = replace(self._transfer, ended_at=time.time(), failed=failed)

    def now(self, *, counted: bool = True) -> Transfer:
        """How far it is."""
        count = self._count
        if count is None or not counted:
            return self._transfer
        try:
            rows, size = count()
        except Exception:  # noqa: BLE001 - a count that cannot be had must not end the looking
            return self._transfer
        if self._count is not None:
            self._transfer = replace(self._transfer, rows=rows, bytes=size)
        return self._transfer


_lock = threading.Lock()
_local = threading.local()
_running: dict[str, UnderWay] = {}
_ended: deque[Transfer] = deque(maxlen=KEPT)


@contextmanager
def under_way(
    transfer: str, direction: str, label: str, count: Callable[[], Amounts] | None = None
) -> Iterator[UnderWay]:
    """Register a conversion for the time of a block.

    Parameters
    ----------
    transfer : str
        Its id.
    direction : str
        As in the ledger: ``"spark -> ray"`` or ``"ray -> spark"``.
    label : str
        A word for people.
    count : callable, optional
        Gives rows and bytes so far.
    """
    first = Transfer(
        transfer, direction, label, None, None, time.time(), None, False, threading.get_ident()
    )
    entry = UnderWay(first, count)
    with _lock:
        _running[transfer] = entry
    outer, _local.entry = getattr(_local, "entry", None), entry
    failed = True
    try:
        yield entry
        failed = False
    finally:
        _local.entry = outer
        entry.end(failed=failed)
        with _lock:
            _running.pop(transfer, None)
            _ended.append(entry.now())


def count_with(count: Callable[[], Amounts]) -> None:
    """Say how this thread's conversion, if one is under way, is counted."""
    entry: UnderWay | None = getattr(_local, "entry", None)
    if entry is not None:
        entry.count_with(count)


def transfers(*, since: float = 0.0, counted: bool = True) -> list[Transfer]:
    """Those under way, and those that ended after a time, oldest first.

    Parameters
    ----------
    since : float
        Unix seconds.
    counted : bool
        Ask for their rows and bytes so far; without it nothing is waited for.
    """
    with _lock:
        running = list(_running.values())
        ended = [one for one in _ended if one.ended_at is not None and one.ended_at >= since]
    found = [*ended, *(entry.now(counted=counted) for entry in running)]
    return sorted(found, key=lambda one: one.started_at)
