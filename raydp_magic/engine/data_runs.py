"""Executions of Ray Data in this process, as Ray Data tells them to its execution callbacks.

Ray Data makes an instance of each class in ``DataContext.custom_execution_callback_classes`` for
every execution and calls it, duck-typed. Nothing here may raise: Ray Data would fail with it.
The class travels with a Dataset's context, so this module imports nothing heavy.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

LOOK_SECONDS = 0.25
KEPT = 100
_LOGGER = "ray.data"


@dataclass(frozen=True)
class DataRun:
    """One execution; ``rows`` and ``bytes`` are what its last operator has given."""

    id: str
    label: str
    thread: int
    started_at: float
    ended_at: float | None = None
    failed: bool = False
    rows: int = 0
    bytes: int = 0
    tasks_done: int = 0
    tasks_active: int = 0
    task: Any = None
    """What stands for its executor's thread in Ray: the parent of its tasks."""


_lock = threading.Lock()
_runs: deque[Watcher] = deque(maxlen=KEPT)
_wanted = False
_bars = False
"""Whether Ray Data's bars were switched off here."""


class Watcher:
    """An execution callback of Ray Data's."""

    def __init__(self) -> None:
        self.run: DataRun | None = None
        self._looked = 0.0

    def before_execution_starts(self, executor: Any) -> None:
        """Called in the thread that asks for the result."""
        name = str(getattr(executor, "_dataset_id", "") or "Ray Data")
        self.run = DataRun(name, name, threading.get_ident(), time.time())
        with _lock:
            _runs.append(self)

    def on_execution_step(self, executor: Any) -> None:
        """Called many times a second, in the executor's thread."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            first, self._looked = not self._looked, time.monotonic()
            if first and self.run is not None:
                worker = getattr(sys.modules.get("ray._private.worker"), "global_worker", None)
                task = getattr(worker, "current_task_id", None)
                self.run = replace(self.run, task=task)
            self._look(executor)

    def after_execution_succeeds(self, executor: Any) -> None:
        """Called once."""
        self._look(executor)
        self._end(failed=False)

    def after_execution_fails(self, executor: Any, error: Exception) -> None:
        """Called once; an execution that its reader left unfinished has not failed."""
        self._look(executor)
        self._end(failed=type(error).__name__ != "StopIteration")

    def _look(self, executor: Any) -> None:
        if self.run is None:
            return
        with suppress(Exception):
            found = executor._topology  # noqa: SLF001 -- an execution callback is given nothing else
            operators = [op for op in found if getattr(op, "input_dependencies", ())]
            last = operators[-1]
            self.run = replace(
                self.run,
                label=" -> ".join(str(op.name) for op in operators),
                rows=int(getattr(last.metrics, "row_outputs_taken", 0)),
                bytes=int(getattr(last.metrics, "bytes_outputs_taken", 0)),
                tasks_done=sum(int(op.metrics.num_tasks_finished) for op in operators),
                tasks_active=sum(int(op.num_active_tasks()) for op in operators),
            )

    def _end(self, *, failed: bool) -> None:
        if self.run is not None:
            self.run = replace(self.run, ended_at=time.time(), failed=failed, tasks_active=0)


def data_runs(*, since: float = 0.0) -> list[DataRun]:
    """Executions under way, and those that ended after a time (Unix seconds)."""
    with _lock:
        runs = [watcher.run for watcher in _runs if watcher.run is not None]
    return [run for run in runs if run.ended_at is None or run.ended_at >= since]


def watch() -> None:
    """Have Ray Data tell of its executions, in place of its own bars; imports nothing.

    Where it is not imported yet, `catch_up` does so.
    """
    global _wanted
    _wanted = True
    catch_up()


def catch_up() -> None:
    """Do what `watch` asked for, to a Ray Data that came later.

    Called before the bridge makes a Dataset, which keeps the settings of that moment for good.
    """
    global _bars
    context, classes = _context()
    if not _wanted or classes is None or Watcher in classes:
        return
    classes.append(Watcher)
    _bars = context.enable_progress_bars  # a user's own choice is left alone
    context.enable_progress_bars = False
    for handler in logging.getLogger(_LOGGER).handlers:
        if isinstance(handler, logging.StreamHandler):  # and not that of its file
            handler.addFilter(worth_showing)


def unwatch() -> None:
    """Undo :func:`watch`."""
    global _wanted
    _wanted = False
    context, classes = _context()
    if classes is not None and Watcher in classes:
        classes.remove(Watcher)
        context.enable_progress_bars = _bars or context.enable_progress_bars
        for handler in logging.getLogger(_LOGGER).handlers:
            handler.removeFilter(worth_showing)


def worth_showing(record: logging.LogRecord) -> bool:
    """Whether a line of Ray Data's says more than what is shown of its executions."""
    about_bars = str(record.msg).startswith("Progress bars")
    return record.levelno >= logging.WARNING and not about_bars


def _context() -> tuple[Any, Any]:
    """Ray Data's settings and their list of callbacks, if it is there and has them."""
    module = sys.modules.get("ray.data.context")
    context = None if module is None else module.DataContext.get_current()
    return context, getattr(context, "custom_execution_callback_classes", None)
