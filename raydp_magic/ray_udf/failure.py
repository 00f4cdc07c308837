"""What a person's function raised in a Ray worker, in words. Pure."""

from __future__ import annotations

import traceback
from pathlib import Path

from raydp_magic.errors import RaydpMagicError

FRAMES = 3
OURS = str(Path(__file__).parent.parent)


class PlainError(Exception):
    """Says all in its text: lines of a traceback would add nothing.

    Parameters
    ----------
    message : str
        What is wrong.
    hint : str, optional
        What to do about it.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class OutputError(PlainError):
    """A function returned what does not go with the schema that was given for it."""


class LoadError(PlainError):
    """A Ray worker lacks what the function needs, such as a module."""


def words(error: BaseException) -> str:
    """One line that says what was raised, then a hint or the function's own last lines.

    Parameters
    ----------
    error : BaseException
        Caught where the function was called.
    """
    if isinstance(error, RaydpMagicError):  # such as a model's that an estimator has trained
        return _with_hint(error.message, error.hint)
    text = " ".join(str(error).split())
    if isinstance(error, PlainError):
        return _with_hint(f"the function of map_batches failed: {text}", error.hint)
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(OURS)]
    lines = "".join(traceback.format_list(own[-FRAMES:])).splitlines()
    return "\n".join([f"the function of map_batches failed: {text}", *lines])


def _with_hint(said: str, hint: str | None) -> str:
    return f"{said}\nHint: {' '.join(hint.split())}" if hint else said
