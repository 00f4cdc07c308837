"""How a failed cell looks: one line for a person's mistake, only the user's frames otherwise.

IPython asks an exception for ``_render_traceback_`` and shows what it returns in place of a
traceback; the cell still counts as failed, so "Run All" and nbclient stop at it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from raydp_magic.engine.translate import translate

if TYPE_CHECKING:
    from types import TracebackType

    from IPython.core.interactiveshell import InteractiveShell

_QUERY_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Loggers on which Spark 4 writes a refused statement with its Java stack to stderr."""
_LIBRARIES = frozenset({"py4j", "pyspark", "ray", "raydp_magic"})
_STOPPED = "KeyboardInterrupt: stopped; what it had started is cancelled"

Error = TypeVar("Error", bound=BaseException)


def as_lines(error: Error, text: str | None = None) -> Error:
    """Make IPython show an error as its text alone.

    Parameters
    ----------
    error : BaseException
        The error to be raised.
    text : str, optional
        What to show; ``str(error)`` by default.

    Returns
    -------
    BaseException
        The same error.
    """
    lines = (str(error) if text is None else text).splitlines()
    error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
    return error


def query_logs(*, on: bool) -> None:
    """Keep Spark's log lines about a refused statement out of cells: the error says it."""
    module = sys.modules.get("pyspark.logger")  # Spark 4 has it; its own class must make them
    if module is not None:
        for name in _QUERY_LOGGERS:
            module.PySparkLogger.getLogger(name).disabled = not on


def shorten_plain_cells(shell: InteractiveShell) -> None:
    """Show Spark's refusals, and interrupts of its calls, in cells without a magic as lines, too.

    Does nothing when the user has a handler of their own.
    """
    if shell.custom_exceptions:
        return
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    kinds = (PySparkException, Py4JError, ConnectionError, KeyboardInterrupt)
    shell.set_custom_exc(kinds, _show_short)


def restore_plain_cells(shell: InteractiveShell) -> None:
    """Take that out again."""
    if ConnectionError in shell.custom_exceptions:
        shell.set_custom_exc((), None)


def _show_short(
    shell: InteractiveShell,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    tb_offset: int | None = None,
) -> list[str]:
    ours = translate(error)
    text = None if ours is None else str(ours)
    if text is None and came_of_interrupt(error) and _in_library(trace):
        text = _STOPPED
    if text is not None:
        first, *rest = text.splitlines()
        line = _cell_line(trace)
        where = f"Cell line {line}: " if line else ""
        as_lines(error, "\n".join([where + first, *rest]))
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    return []


def stopped(error: Error) -> Error:
    """Make IPython show an interrupt of a magic as one line."""
    return as_lines(error, _STOPPED)


def came_of_interrupt(error: BaseException | None) -> bool:
    """Whether it is an interrupt, or what a clean-up met that the interrupt has set off.

    PySpark's waits for the job that the interrupt cancels, and so fails in its turn.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _in_library(trace: TracebackType | None) -> bool:
    """Whether a traceback passes through Spark, Ray or us."""
    while trace is not None:
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] in _LIBRARIES:
            return True
        trace = trace.tb_next
    return False


def _cell_line(trace: TracebackType | None) -> int | None:
    """The line of the running cell, the outermost one."""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "ipykernel_" in name or name.startswith("<ipython-"):
            return trace.tb_lineno
        trace = trace.tb_next
    return None


def with_frames_of(error: Error, filename: str, shell: InteractiveShell) -> Error:
    """Make IPython show an error's traceback from the first frame in a file on.

    Parameters
    ----------
    error : BaseException
        What the user's code raised.
    filename : str
        The name that the body was compiled with.
    shell : InteractiveShell
        Its traceback style is used.

    Returns
    -------
    BaseException
        The same error.
    """

    def render() -> list[str]:
        frames = frames_of(error, filename) or error.__traceback__
        shown: list[str] = shell.InteractiveTB.structured_traceback(
            type(error), error, frames, tb_offset=0
        )
        return shown

    error._render_traceback_ = render  # type: ignore[attr-defined]
    return error


def frames_of(error: BaseException, filename: str) -> TracebackType | None:
    """The traceback from the first frame in a file on; None when no frame is in it."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename != filename:
        frame = frame.tb_next
    return frame


def line_of(error: BaseException, filename: str) -> int | None:
    """The last line of a file that an error passed through."""
    line = None
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == filename:
            line = frame.tb_lineno
        frame = frame.tb_next
    return line
