"""Trainings that are under way in this process, and those that ended not long ago.

A tiny registry: estimators write it, the notebook reads it and is told when one begins.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEPT = 50

RunState = Literal["preparing", "starting", "training", "done", "failed", "stopped"]
Point = dict[str, float]


@dataclass(frozen=True)
class Run:
    """One training; times are Unix seconds, ``thread`` is the thread that asked for it.

    Attributes
    ----------
    label : str
        The estimator's name.
    unit : str
        ``"epoch"`` or ``"round"``.
    total : int
        How many of them there will be.
    points : tuple of dict
        What each has reported: ``"epoch"`` (from 1), losses, metrics.
    done : float
        The part of the one under way that is done, 0 to 1.
    failures : int
        How often workers failed and training went on from its last checkpoint.
    first_at, last_at : float or None
        When the first and the last of the points were told.
    restarting : bool
        Whether workers have failed, and the next ones have told nothing yet.
    notes : tuple of str
        What else there is to say of it.
    """

    id: str
    label: str
    unit: str
    total: int
    workers: int
    thread: int
    started_at: float
    state: RunState = "preparing"
    ended_at: float | None = None
    points: tuple[Point, ...] = ()
    done: float = 0.0
    failures: int = 0
    first_at: float | None = None
    last_at: float | None = None
    restarting: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """What is known of a training's way so far."""

    points: tuple[Point, ...] = ()
    done: float = 0.0
    failures: int = 0
    first_at: float | None = None
    last_at: float | None = None
    restarting: bool = False


class UnderWay:
    """What an estimator holds of its training.

    Parameters
    ----------
    run : Run
        As it is at the start.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._look: Callable[[], Look] | None = None
        self._lock = threading.Lock()

    def now(self) -> Run:
        """How far it is; called from other threads."""
        with self._lock:
            if self._look is not None:
                with suppress(Exception):  # what cannot be had must not end the looking
                    self._take(self._look())
            return self._run

    def enter(self, state: RunState, look: Callable[[], Look] | None = None) -> None:
        """Go on to a state.

        Parameters
        ----------
        state : RunState
            The new one.
        look : callable, optional
            Gives how far training is from now on. Cheap.
        """
        with self._lock:
            self._run = replace(self._run, state=state)
            self._look = look or self._look

    def note(self, said: str) -> None:
        """Say something more of it."""
        with self._lock:
            self._run = replace(self._run, notes=(*self._run.notes, said))

    def end(self, state: RunState) -> None:
        """It is over."""
        _ = self.now()
        with self._lock:
            self._look = None
            self._run = replace(
                self._run, state=state, ended_at=time.time(), done=0.0, restarting=False
            )

    def _take(self, look: Look) -> None:
        known = self._run
        begun = bool(look.points or look.done) and known.state == "starting"
        self._run = replace(
            known,
            points=look.points or known.points,
            done=look.done,
            failures=look.failures,
            first_at=look.first_at,
            last_at=look.last_at,
            restarting=look.restarting,
            state="training" if begun else known.state,
        )


_lock = threading.Lock()
_running: dict[str, UnderWay] = {}
_ended: deque[Run] = deque(maxlen=KEPT)
Listener = Callable[["UnderWay"], Callable[[], None] | None]
_listeners: list[Listener] = []


@contextmanager
def under_way(run_id: str, label: str, unit: str, total: int, workers: int) -> Iterator[UnderWay]:
    """Register a training for the time of a block.

    Parameters
    ----------
    run_id, label, unit, total, workers
        As in :class:`Run`.
    """
    first = Run(run_id, label, unit, total, workers, threading.get_ident(), time.time())
    entry = UnderWay(first)
    with _lock:
        _running[run_id] = entry
        told = list(_listeners)
    ends = []
    for listener in told:
        with suppress(Exception):  # training does not depend on who looks at it
            ends.append(listener(entry))
    state: RunState = "failed"
    try:
        yield entry
        state = "done"
    except KeyboardInterrupt:
        state = "stopped"
        raise
    finally:
        entry.end(state)
        with _lock:
            _running.pop(run_id, None)
            _ended.append(entry.now())
        for ends_looking in ends:
            if ends_looking is not None:
                with suppress(Exception):
                    ends_looking()


def runs(*, since: float = 0.0) -> list[Run]:
    """Those under way, and those that ended after a time (Unix seconds), oldest first."""
    with _lock:
        running = list(_running.values())
        ended = [run for run in _ended if run.ended_at is not None and run.ended_at >= since]
    return sorted([*ended, *(entry.now() for entry in running)], key=lambda run: run.started_at)


def listen(listener: Listener) -> None:
    """Call this when a training begins, and what it returns at its end, in the thread of `fit`."""
    with _lock:
        if listener not in _listeners:
            _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    """Undo :func:`listen`."""
    with _lock:
        if listener in _listeners:
            _listeners.remove(listener)


def by_epoch(points: list[Mapping[str, float]]) -> tuple[Point, ...]:
    """Reports in order, each epoch's last one: after a failure an epoch may be told twice."""
    found: dict[float, Point] = {}
    for point in points:
        found[point.get("epoch", len(found) + 1)] = dict(point)
    return tuple(found[key] for key in sorted(found))
