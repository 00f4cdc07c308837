"""Show how far ``start`` is: one display updated in place in a notebook, lines in a terminal."""

from __future__ import annotations

import re
import threading
from contextvars import copy_context
from dataclasses import replace
from html import escape
from time import monotonic
from typing import TYPE_CHECKING, Any, Self, cast

from raydp_magic.on_spark.request import OnSparkSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from raydp_magic.bridge.ledger import LedgerEntry
    from raydp_magic.cluster import Cluster, StartProgress
    from raydp_magic.on_spark.attempt import NodesProgress
    from raydp_magic.on_spark.handle import RayOnSpark
    from raydp_magic.spec import ClusterSpec

_NODES_STEPS = ("spark", "head", "nodes", "ready")
_STEPS = ("ray", "driver", "executors", "ready")
_ADDRESS = re.compile(r'https?://[^\s<>"]+')


def progress_text(step: StartProgress) -> str:
    """One line, such as ``Ray up, driver up, 1/2 executors (7.1 s)``."""
    reached = _STEPS.index(step.phase)
    parts = [
        "Ray up" if reached > 0 else "Ray ...",
        "driver up" if reached > 1 else "driver ...",
        f"{step.executors_up}/{_counted(step.executors_wanted, 'executor')}",
    ]
    return f"{', '.join(parts)} ({step.elapsed:.1f} s)"


def nodes_text(step: NodesProgress) -> str:
    """The same for Ray on Spark, such as ``Spark up, head up, 1/2 Ray nodes (31.0 s)``."""
    reached = _NODES_STEPS.index(step.phase)
    parts = [
        "Spark up" if reached > 0 else "Spark ...",
        "head up" if reached > 1 else "head ...",
        f"{step.nodes_up}/{_counted(step.nodes_wanted, 'Ray node')}",
    ]
    return f"{', '.join(parts)} ({step.elapsed:.1f} s)"


def ready_text(spec: ClusterSpec, *, spark: str, ray: str, seconds: float, ui: str | None) -> str:
    """The line that stays, such as ``Spark 4.3.0 on Ray 2.60.0 is ready: ...``."""
    where = f" Spark UI: {ui}" if ui else ""
    return f"Spark {spark} on Ray {ray} is ready: {size_text(spec)} ({seconds:.1f} s).{where}"


def nodes_ready_text(handle: RayOnSpark, seconds: float) -> str:
    """The line that stays, such as ``Ray 2.60.0 on Spark 4.3.0 is ready: ...``."""
    where = f" Ray dashboard: {handle.dashboard_url}" if handle.dashboard_url else ""
    ray, spark = handle.versions["ray"], handle.versions["spark"]
    return (
        f"Ray {ray} on Spark {spark} is ready: {size_text(handle.spec)} ({seconds:.1f} s).{where}"
    )


def stopped_text(cluster: Cluster) -> str:
    """What `stop` says, such as ``Stopped: 2 executors x 1 core, 1g each, given back to Ray.``."""
    on_spark = isinstance(cluster.spec, OnSparkSpec)
    text = f"Stopped: {size_text(cluster.spec)}, given back to {'Spark' if on_spark else 'Ray'}."
    lost = cast("RayOnSpark", cluster).lost if on_spark else []
    if cluster.kept:
        text += (
            f"\nRay goes on, for it holds results that you still use ({_held(cluster.kept)}), "
            "until the kernel ends or `ray.shutdown()`."
        )
    if lost:
        text += f"\nGone with Ray, which held them in Spark's tasks: {_held(lost)}."
    return text


def _held(entries: list[LedgerEntry]) -> str:
    from raydp_magic.panel.amounts import format_bytes

    size = format_bytes(sum(entry.bytes or 0 for entry in entries))
    return f"{', '.join(entry.name for entry in entries)}: {size}"


def size_text(spec: ClusterSpec) -> str:
    """The cluster's size in words, such as ``2 executors x 1 core, 1g each``."""
    from raydp_magic.spec import format_mib

    if isinstance(spec, OnSparkSpec):
        return spec.in_words()
    executors, cores = _counted(spec.executors, "executor"), _counted(spec.cores, "core")
    return f"{executors} x {cores}, {format_mib(spec.memory_mib)} each"


def _linked(text: str) -> str:
    """A line as HTML: a front end makes addresses links in printed text only."""
    return _ADDRESS.sub(
        lambda found: f'<a href="{found[0]}" target="_blank" rel="noopener">{found[0]}</a>',
        escape(text),
    )


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


class ProgressDisplay:
    """Where a start's progress goes; as a context manager, its seconds tick on between reports.

    Parameters
    ----------
    shell : InteractiveShell
        A kernel's shell gets one updated display; any other gets a line for each new phase.
    tick : float
        Seconds between updates of the display.
    text : callable
        Writes a report as a line.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        tick: float = 1.0,
        text: Callable[[Any], str] = progress_text,
    ) -> None:
        self._text = text
        self._in_place = hasattr(shell, "kernel")
        self._handle: Any = None
        self._last: Any = None
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

    def __call__(self, step: StartProgress | NodesProgress) -> None:
        """Show one report of a start."""
        with self._lock:
            last, self._last, self._told_at = self._last, step, monotonic()
            news = last is None or vars(last) | {"elapsed": step.elapsed} != vars(step)
            if self._in_place or news:
                self._show(self._text(step))

    def _ticks(self) -> None:
        while not self._over.wait(self._tick):
            with self._lock:
                if self._last is not None and not self._over.is_set():
                    elapsed = self._last.elapsed + monotonic() - self._told_at
                    self._show(self._text(replace(self._last, elapsed=elapsed)))

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

        bundle = {"text/plain": text, "text/html": f"<span>{_linked(text)}</span>"}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
