"""Keep another library's log lines out of the user's cell for the time of a call."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def quiet_logger(name: str) -> Iterator[None]:
    """Let only errors of a logger through, and give it its level back."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


class QuietText(str):
    """A text that, where it is unpickled, lets only warnings of a logger through.

    Parameters
    ----------
    text : str
        What it says.
    logger : str
        The logger's name.
    """

    __slots__ = ("logger",)
    logger: str

    def __new__(cls, text: str, logger: str) -> Self:
        """See the class."""
        made = super().__new__(cls, text)
        made.logger = logger
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """As a call that another process makes."""
        return _arrived, (str(self), self.logger)


def _arrived(text: str, logger: str) -> str:
    logging.getLogger(logger).setLevel(logging.WARNING)
    return text
