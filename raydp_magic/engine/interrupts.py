"""Interrupts at a start: none breaks an import, and one that a library has swallowed is known."""

from __future__ import annotations

import contextlib
import signal
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Deliver a Ctrl-C at the end of the block instead of inside it.

    For blocks of milliseconds. Only the main thread ever gets one; elsewhere this does nothing.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    held: list[Any] = []
    signal.signal(signal.SIGINT, lambda *arguments: held.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held and callable(before):
        before(*held[0])


def import_whole(name: str) -> None:
    """Import a module of seconds; an interrupt ends the wait for it and not the import.

    One that is raised in the middle of an import leaves parts of it behind, which the next try
    takes for whole.

    Parameters
    ----------
    name : str
        Full name of the module.

    Raises
    ------
    ImportError
        As an import.
    """
    failed: list[BaseException] = []

    def run() -> None:
        try:
            import_module(name)
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            failed.append(error)

    thread = threading.Thread(target=run, name="raydp_magic-import", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


@contextlib.contextmanager
def interrupts_noted() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether a Ctrl-C came during the block.

    It raises KeyboardInterrupt as ever; but one that is raised in a finalizer or a C extension's
    callback (Ray's, say) is lost, and the person who pressed the button waits in vain.
    """
    before = signal.getsignal(signal.SIGINT)
    hits: list[int] = []
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: False
        return

    def note(number: int, frame: Any) -> None:
        hits.append(number)
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(hits)
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, before)
