"""Which number the running cell has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def cell_number(shell: InteractiveShell) -> int:
    """The running cell's number, as its prompt shows it.

    ``shell.execution_count`` is the next cell's already in newer releases of IPython (9.18,
    *measured*) and this one's in older ones; IPython's own ``Out[n]`` knows which.
    """
    number: int = shell.displayhook.prompt_count
    return number
