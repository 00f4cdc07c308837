"""How a failed cell looks: one line for a person's mistake, only the user's frames otherwise.

IPython asks an exception for ``_render_traceback_`` and shows what it returns in place of a
traceback; the cell still counts as failed, so "Run All" and nbclient stop at it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from raydp_magic.engine.translate import translate
from raydp_magic.notebook.live_names import session

if TYPE_CHECKING:
    from types import TracebackType

    from IPython.core.interactiveshell import InteractiveShell

    from raydp_magic.errors import RaydpMagicError

_QUERY_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Loggers on which Spark 4 writes a refused statement with its Java stack to stderr."""
_LIBRARIES = frozenset({"py4j", "pyspark", "ray", "raydp_magic"})
_HANDLER = "raydp_magic.notebook.interrupt"
"""What raises an interrupt, wherever it finds the cell."""
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


def read(error: BaseException, *, sql_line: int | None = None) -> RaydpMagicError | None:
    """What an error of Spark's says in our words, in this kernel; see `translate`."""
    return translate(error, sql_line=sql_line, one_runs=session() is not None)


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

    kinds = (PySparkException, Py4JError, ConnectionError, AttributeError, KeyboardInterrupt)
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
    ours = read(error)
    text = None if ours is None else str(ours)
    if text is None and came_of_interrupt(error):
        _leave_out_handler(trace)
        text = _STOPPED if _in_library(trace) else None
    if text is not None:
        first, *rest = text.splitlines()
        line = _cell_line(trace)
        where = f"Cell line {line}: " if line else ""
        as_lines(error, "\n".join([where + first, *rest]))
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    return []


def stopped(error: Error) -> Error:
    """Make IPython show an interrupt of a magic as one line, unless it knows a better way."""
    return error if hasattr(error, "_render_traceback_") else as_lines(error, _STOPPED)


def interrupted_in(error: Error, filename: str, shell: InteractiveShell) -> Error:
    """Make IPython show where the user's own code was interrupted; one line if it was not there.

    Parameters
    ----------
    error : BaseException
        What ended the body of a cell: an interrupt, or what came of one.
    filename : str
        The name that the body was compiled with.
    shell : InteractiveShell
        Its traceback style is used.

    Returns
    -------
    BaseException
        The same error.
    """
    trace = frames_of(error, filename)
    _leave_out_handler(trace)
    return stopped(error) if _in_library(trace) else with_frames_of(error, filename, shell)


def _leave_out_handler(trace: TracebackType | None) -> None:
    """Cut a traceback off where the interrupt came: what follows is our own handler."""
    while trace is not None and trace.tb_next is not None:
        if _module(trace.tb_next) == _HANDLER:
            trace.tb_next = None
        trace = trace.tb_next


def came_of_interrupt(error: BaseException | None) -> bool:
    """Whether it is an interrupt, or what a clean-up met that the interrupt has set off.

    PySpark's waits for the job that the interrupt cancels, and so fails in its turn.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _in_library(trace: TracebackType | None) -> bool:
    """Whether Spark, Ray or we were called last: not what they have called of the user's."""
    called = False
    while trace is not None:
        module = _module(trace)
        if module == "__main__":  # a cell, or a function of one
            called = False
        elif module.partition(".")[0] in _LIBRARIES:
            called = True
        trace = trace.tb_next
    return called


def _module(trace: TracebackType) -> str:
    return str(trace.tb_frame.f_globals.get("__name__", ""))


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
