"""How a failed cell looks: one line for a person's mistake, only the user's frames otherwise.

IPython asks an exception for ``_render_traceback_`` and shows what it returns in place of a
traceback; the cell still counts as failed, so "Run All" and nbclient stop at it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from IPython.core.interactiveshell import InteractiveShell

_QUERY_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Loggers on which Spark 4 writes a refused statement with its Java stack to stderr."""

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


@contextmanager
def query_logs_off() -> Iterator[None]:
    """Keep Spark's log lines about a refused statement out of the cell: the error says it."""
    module = sys.modules.get("pyspark.logger")  # Spark 4 has it; its own class must make them
    names = _QUERY_LOGGERS if module is not None else ()
    loggers = [module.PySparkLogger.getLogger(name) for name in names if module is not None]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


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
