"""Progress under the cell that runs Spark jobs: one thread looks, while any cell runs.

Each running cell has a view. A view shows nothing until a job, a conversion or an execution of
Ray Data's is `SHOW_AFTER` old; then one display, updated in place, and in the end one line.
Displays are published in the cell's own context, so that they land under it also when the next
cell runs already.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING, Any

from raydp_magic.engine import data_runs
from raydp_magic.engine.proxied import rest_address
from raydp_magic.notebook.cell_display import CellDisplay, write_over
from raydp_magic.notebook.live_names import task_slots

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from raydp_magic.bridge.transfers import Transfer
    from raydp_magic.engine.data_runs import DataRun
    from raydp_magic.notebook.progress_view import Picture
    from raydp_magic.notebook.spark_jobs import SparkJobs

SHOW_AFTER = 0.5
DISPLAY_ID = "raydp_magic-progress-"
LAST_LOOKS_SECONDS = 0.6
"""How long the end of a cell waits for Spark to say that its jobs have ended."""
_SHORTEST, _LONGEST = 0.5, 2.0
_LINGER = 5.0
_CPU_SHARE = 0.008
"""Of one CPU, for the looking: a slow look makes the next one later."""


class CellProgress:
    """The progress of all running cells of a kernel.

    Parameters
    ----------
    shell : InteractiveShell
        A kernel's gets displays; a terminal's one line that is written over.
    enabled : callable
        Whether progress is wanted; asked at each cell's begin.
    """

    def __init__(self, shell: InteractiveShell, enabled: Callable[[], bool]) -> None:
        self._shell = shell
        self._enabled = enabled
        self._local = threading.local()
        self._lock = threading.Lock()
        self._views: list[_View] = []
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, context: Any, tag: str) -> None:
        """Look at what this thread's cell runs from now on.

        Parameters
        ----------
        context : SparkContext
            Of the running cluster.
        tag : str
            The cell's job tag.
        """
        if not self._enabled():
            self.unwatch()
            return
        kernel = hasattr(self._shell, "kernel")
        if getattr(self._local, "view", None) is not None or not (kernel or sys.stdout.isatty()):
            return
        api = rest_address(context)
        if api is None:
            return  # without the UI Spark's driver answers nothing
        if kernel:
            data_runs.watch()
        from raydp_magic.notebook.spark_jobs import SparkJobs

        out = _Display(self._shell) if kernel else _Terminal()
        view = self._local.view = _View(SparkJobs(api, tag, task_slots), out)
        with self._lock:
            self._views.append(view)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="raydp_magic-progress", daemon=True
                )
                self._thread.start()
        self._changed.set()

    def end(self, *, cancelled: bool) -> None:
        """End this thread's cell: what is shown of it becomes one line."""
        view: _View | None = getattr(self._local, "view", None)
        if view is not None:
            self._local.view = None
            with suppress(Exception):  # a cell ends whether or not its last line can be shown
                view.close(cancelled=cancelled)
            self._drop_finished()

    def forget(self) -> None:
        """Give up all views and let Ray Data show its own bars again."""
        with self._lock:
            self._views.clear()
        self._local.view = None
        self._changed.set()
        self.unwatch()

    def unwatch(self) -> None:
        """Let Ray Data show its own bars again."""
        data_runs.unwatch()

    def _drop_finished(self) -> None:
        with self._lock:
            self._views = [view for view in self._views if not view.finished]

    def _run(self) -> None:
        due = time.monotonic() + SHOW_AFTER
        while True:
            if self._changed.wait(max(0.0, due - time.monotonic())):
                self._changed.clear()
                due = min(due, time.monotonic() + SHOW_AFTER)  # a new cell's first look
                continue
            with self._lock:
                views = list(self._views)
                if not views:
                    self._thread = None
                    return
            began = time.thread_time()
            for view in views:
                with suppress(Exception):  # a look that fails must not end the looking
                    view.look()
            self._drop_finished()
            with self._lock:
                left = [view.pause for view in self._views]
            spent = time.thread_time() - began
            due = time.monotonic() + max(min(left, default=_LINGER), spent / _CPU_SHARE)


class _View:
    """One cell's progress."""

    def __init__(self, jobs: SparkJobs, out: _Display | _Terminal) -> None:
        self._jobs = jobs
        self._out = out
        self._thread = threading.get_ident()
        self._began = time.time()
        self._ended = math.inf
        self._over = False
        self._cancelled = False
        self._looks_with_jobs = 0
        self._lock = threading.Lock()
        self.finished = False

    @property
    def pause(self) -> float:
        """Seconds until the next look: the longer the cell runs, the more."""
        age = time.time() - self._began
        return min(_LONGEST, max(_SHORTEST, age / 30))

    def look(self) -> None:
        """Ask how far the cell's work is, and show it."""
        with self._lock:
            if self.finished:
                return
            now = time.time()
            self._jobs.look(now)
            picture = self._picture(now)
            self._looks_with_jobs += bool(self._jobs.running)
            if self._out.shown or self._worth_showing(picture):
                self._out.show(picture, final=self._over and not picture.running)
            self.finished = self._over and not picture.running

    def close(self, *, cancelled: bool) -> None:
        """The cell ends. Jobs that its threads leave running are looked at until they end."""
        self._ended, self._cancelled, self._over = time.time(), cancelled, True
        if not self._lock.acquire(timeout=LAST_LOOKS_SECONDS):
            return  # Spark is slow to answer: that look, or the next one, shows the end
        try:
            if not self._out.shown:
                return  # one more look, for what a thread has only begun
            deadline = time.monotonic() + LAST_LOOKS_SECONDS
            while True:
                now = time.time()
                self._jobs.look(now, everything=True)
                picture = self._picture(now)
                if not picture.running or time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            self._out.show(picture, final=True)
            self.finished = not picture.running
        finally:
            self._lock.release()

    def _worth_showing(self, picture: Picture) -> bool:
        starts = [job.started_at or picture.now for job in self._jobs.running]
        starts += [one.started_at for one in picture.transfers if one.ended_at is None]
        starts += [run.started_at for run in picture.runs if run.ended_at is None]
        old = any(picture.now - start >= SHOW_AFTER for start in starts)
        return old or self._looks_with_jobs >= 3

    def _picture(self, now: float) -> Picture:
        from raydp_magic.notebook.progress_view import Picture

        transfers = sys.modules.get("raydp_magic.bridge.transfers")
        moved = [] if transfers is None else transfers.transfers(since=self._began)
        ran = data_runs.data_runs(since=self._began)
        return Picture(
            now=now,
            jobs=tuple(self._jobs.records.values()),
            remaining=tuple(self._jobs.remaining.items()),
            transfers=tuple(one for one in moved if self._is_mine(one)),
            runs=tuple(run for run in ran if self._is_mine(run)),
            cancelled=self._cancelled,
        )

    def _is_mine(self, one: Transfer | DataRun) -> bool:
        """Whether this cell has begun it; the next cell runs in the same thread."""
        return one.thread == self._thread and one.started_at <= self._ended


class _Display:
    """A display under the cell in whose context this is made."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._display = CellDisplay(shell, DISPLAY_ID)

    @property
    def shown(self) -> bool:
        return self._display.shown

    def show(self, picture: Picture, *, final: bool) -> None:
        from raydp_magic.notebook.progress_view import final_text, render_bar, render_html

        line = final_text(picture) if final else render_bar(picture)
        html = f"<div>{escape(line)}</div>" if final else render_html(picture)
        self._display.publish({"text/plain": line, "text/html": html})


class _Terminal:
    """The last line of a terminal, written over."""

    def __init__(self) -> None:
        self.shown = False

    def show(self, picture: Picture, *, final: bool) -> None:
        from raydp_magic.notebook.progress_view import final_text, render_bar

        self.shown = True
        write_over(final_text(picture) if final else render_bar(picture), final=final)
