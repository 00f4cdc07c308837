"""One display under the cell in whose context it is made, or a line of a terminal; in place."""

from __future__ import annotations

import shutil
import sys
import uuid
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class CellDisplay:
    """A place under a cell; it stays that cell's when another runs already.

    Parameters
    ----------
    shell : InteractiveShell
        A kernel's.
    name : str
        Begin of the display's id.
    """

    def __init__(self, shell: InteractiveShell, name: str) -> None:
        self._publisher: Any = shell.display_pub
        self._context = copy_context()
        self._id = f"{name}{uuid.uuid4().hex}"
        self._last: dict[str, str] | None = None

    @property
    def shown(self) -> bool:
        """Whether anything has been shown."""
        return self._last is not None

    def publish(self, data: dict[str, str]) -> None:
        """Show data by MIME type, in place of what was there; not from two threads at once."""
        if data == self._last:
            return
        update = self.shown
        self._last = data
        self._context.run(
            self._publisher.publish,
            data=data,
            metadata={},
            transient={"display_id": self._id},
            update=update,
        )


def write_over(line: str, *, final: bool) -> None:
    """Write the last line of a terminal over; a final one stays."""
    if not final:  # a line that wraps could not be written over
        line = line[: shutil.get_terminal_size().columns - 1]
    sys.stdout.write(f"\r\x1b[2K{line}" + ("\n" if final else ""))
    sys.stdout.flush()
