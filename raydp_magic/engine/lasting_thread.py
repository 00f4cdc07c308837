"""Starting processes that must outlive the thread that starts them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_threads: list[threading.Event] = []


def in_lasting_thread(call: Callable[[], T]) -> T:
    """Make a call in a thread that lasts until :func:`let_end`; in the main thread just make it.

    Ray asks Linux to end its processes with their parent (``PR_SET_PDEATHSIG``), and to Linux
    the parent is the thread that started them: a Ray that is started in a short-lived thread,
    such as a panel's action, ends with it.
    """
    if threading.current_thread() is threading.main_thread():
        return call()
    answer: list[Any] = []
    came, may_end = threading.Event(), threading.Event()

    def run() -> None:
        try:
            answer.extend((True, call()))
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            answer.extend((False, error))
            came.set()
            return
        came.set()
        may_end.wait()

    _threads.append(may_end)
    threading.Thread(target=run, name="raydp_magic-parent", daemon=True).start()
    came.wait()
    succeeded, value = answer
    if not succeeded:
        raise value
    result: T = value
    return result


def let_end() -> None:
    """What was started has ended, or ends with the process."""
    while _threads:
        _threads.pop().set()
