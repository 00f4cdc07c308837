"""Metrics and a curve of the losses under the cell that trains, while it trains."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from raydp_magic.notebook.cell_display import CellDisplay, write_over
from raydp_magic.notebook.train_view import render_html, run_text
from raydp_magic.train import runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from raydp_magic.train.runs import Run, UnderWay

DISPLAY_ID = "raydp_magic-training-"
LOOK_SECONDS = 0.5


class TrainProgress:
    """Shows each training of a shell; a kernel's gets displays, a terminal's one line.

    Parameters
    ----------
    shell : InteractiveShell
        Where to show it.
    enabled : callable
        Whether progress is wanted; asked when a training begins.
    """

    def __init__(self, shell: InteractiveShell, enabled: Callable[[], bool]) -> None:
        self._shell = shell
        self._enabled = enabled

    def listen(self) -> None:
        """Show trainings from now on."""
        runs.listen(self.begin)

    def remove(self) -> None:
        """Show no more of them."""
        runs.unlisten(self.begin)

    def begin(self, entry: UnderWay) -> Callable[[], None] | None:
        """Show a training that begins in this thread; returns what ends the showing."""
        kernel = hasattr(self._shell, "kernel")
        if not self._enabled() or not (kernel or sys.stdout.isatty()):
            return None
        view = _View(entry, _Cell(self._shell) if kernel else _Terminal())
        thread = threading.Thread(target=view.run, name="raydp_magic-training", daemon=True)
        thread.start()
        return view.end


class _View:
    def __init__(self, entry: UnderWay, out: _Cell | _Terminal) -> None:
        self._entry = entry
        self._out = out
        self._over = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._show()

    def end(self) -> None:
        self._over.set()
        self._show(final=True)

    def _show(self, *, final: bool = False) -> None:
        with self._lock, suppress(Exception):  # a look that fails must not end the looking
            if final or not self._over.is_set():
                self._out.show(self._entry.now(), final=final)


class _Cell:
    def __init__(self, shell: InteractiveShell) -> None:
        self._display = CellDisplay(shell, DISPLAY_ID)

    def show(self, run: Run, *, final: bool) -> None:
        del final  # a run that has ended says so
        now = time.time()
        self._display.publish(
            {"text/plain": run_text(run, now), "text/html": render_html(run, now)}
        )


class _Terminal:
    """The last line of a terminal, written over."""

    def show(self, run: Run, *, final: bool) -> None:
        write_over(run_text(run, time.time()), final=final)
