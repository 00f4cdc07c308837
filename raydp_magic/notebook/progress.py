"""Show how far ``start`` is: one display updated in place in a notebook, lines in a terminal."""

from __future__ import annotations

import threading
from contextvars import copy_context
from dataclasses import replace
from html import escape
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from raydp_magic.cluster import StartProgress
    from raydp_magic.spec import ClusterSpec

_STEPS = ("ray", "driver", "executors", "ready")


def progress_text(step: StartProgress) -> str:
    """One line, such as ``Ray up, driver up, 1/2 executors (7.1 s)``."""
    reached = _STEPS.index(step.phase)
    parts = [
        "Ray up" if reached > 0 else "Ray ...",
        "driver up" if reached > 1 else "driver ...",
        f"{step.executors_up}/{step.executors_wanted} executors",
    ]
    return f"{', '.join(parts)} ({step.elapsed:.1f} s)"


def ready_text(spec: ClusterSpec, *, spark: str, ray: str, seconds: float, ui: str | None) -> str:
    """The line that stays, such as ``Spark 4.3.0 on Ray 2.60.0 is ready: ...``."""
    where = f" Spark UI: {ui}" if ui else ""
    return f"Spark {spark} on Ray {ray} is ready: {size_text(spec)} ({seconds:.1f} s).{where}"


def size_text(spec: ClusterSpec) -> str:
    """The cluster's size in words, such as ``2 executors x 1 core, 1g each``."""
    from raydp_magic.spec import format_mib

    executors = "1 executor" if spec.executors == 1 else f"{spec.executors} executors"
    cores = "1 core" if spec.cores == 1 else f"{spec.cores} cores"
    return f"{executors} x {cores}, {format_mib(spec.memory_mib)} each"


class ProgressDisplay:
    """Where a start's progress goes; as a context manager, its seconds tick on between reports.

    Parameters
    ----------
    shell : InteractiveShell
        A kernel's shell gets one updated display; any other gets a line for each new phase.
    tick : float
        Seconds between updates of the display.
    """

    def __init__(self, shell: InteractiveShell, tick: float = 1.0) -> None:
        self._in_place = hasattr(shell, "kernel")
        self._handle: Any = None
        self._last: StartProgress | None = None
        self._told_at = 0.0
        self._tick = tick
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._ticker: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._in_place:
            # In this cell's context: ipykernel finds there which cell a display belongs to.
            self._ticker = threading.Thread(
                target=copy_context().run,
                args=(self._ticks,),
                name="raydp_magic-start",
                daemon=True,
            )
            self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._ticker is not None:
            self._ticker.join(2)

    def __call__(self, step: StartProgress) -> None:
        """Show one report of ``start``."""
        with self._lock:
            last, self._last, self._told_at = self._last, step, monotonic()
            known = last is not None and (last.phase, last.executors_up)
            if self._in_place or known != (step.phase, step.executors_up):
                self._show(progress_text(step))

    def _ticks(self) -> None:
        while not self._over.wait(self._tick):
            with self._lock:
                if self._last is not None and not self._over.is_set():
                    elapsed = self._last.elapsed + monotonic() - self._told_at
                    self._show(progress_text(replace(self._last, elapsed=elapsed)))

    def finish(self, text: str) -> None:
        """Show the line that stays."""
        self._show(text)

    def fail(self) -> None:
        """Leave no half progress behind above an error."""
        if self._handle is not None:
            self._show("not started")

    def _show(self, text: str) -> None:
        if not self._in_place:
            print(text)
            return
        from IPython.display import display

        bundle = {"text/plain": text, "text/html": f"<span>{escape(text)}</span>"}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
