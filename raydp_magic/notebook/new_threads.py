"""What the threads that a cell starts have to tell, asked of each as it begins.

`threading.setprofile` has a new thread call a function at its first step, in the thread itself;
ours takes itself out again at once, so that it costs nothing more. Limits: of several running
cells none is picked, a thread that lives on (a pool's) counts for the cell that has started it,
and a person's own profiler has the place instead of us.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from raydp_magic.notebook.thread_tags import OUR_THREADS

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class NewThreads(Generic[T]):
    """The threads of the running cells.

    Parameters
    ----------
    ask : callable
        Called in each new thread; it must be cheap and must not raise.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._open: list[list[T]] = []

    def begin(self) -> list[T]:
        """Begin a cell; its threads' answers come into what is returned."""
        told: list[T] = []
        self._open.append(told)
        if threading.getprofile() is None:
            threading.setprofile(self._first_step)
        return told

    def end(self, told: list[T]) -> None:
        """End the cell; ending it twice changes nothing."""
        self._open = [one for one in self._open if one is not told]
        if not self._open and threading.getprofile() == self._first_step:
            threading.setprofile(None)

    def _first_step(self, *_: Any) -> None:
        sys.setprofile(None)
        running = self._open
        if len(running) == 1 and not threading.current_thread().name.startswith(OUR_THREADS):
            running[0].append(self._ask())
