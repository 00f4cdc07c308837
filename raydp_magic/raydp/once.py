"""Say a thing once in a process."""

from __future__ import annotations

import warnings

_said: set[str] = set()


def say_once(message: str, *, stacklevel: int = 3) -> None:
    """Warn the caller's caller, unless that has been said before."""
    if message not in _said:
        _said.add(message)
        warnings.warn(message, UserWarning, stacklevel=stacklevel)
