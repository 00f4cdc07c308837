"""Show how far ``start`` is: one display updated in place in a notebook, lines in a terminal."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

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
    """Where a start's progress goes.

    Parameters
    ----------
    shell : InteractiveShell
        A kernel's shell gets one updated display; any other gets a line for each new phase.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._in_place = hasattr(shell, "kernel")
        self._handle: Any = None
        self._last: tuple[str, int] | None = None

    def __call__(self, step: StartProgress) -> None:
        """Show one report of ``start``."""
        now = (step.phase, step.executors_up)
        if self._in_place or now != self._last:
            self._show(progress_text(step))
        self._last = now

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
