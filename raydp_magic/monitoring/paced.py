"""Asking what may be slow or dead, without waiting for it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SILENT_SECONDS = 5.0
"""An answer that takes longer counts as none."""
REST = 10.0
"""After an answer that took N seconds it is left alone for REST * N."""
LONGEST_REST = 15.0
"""Seconds; a busy machine is slow to answer, and a picture of a minute ago misleads."""


class Paced(Generic[T]):
    """One thing to ask, by a thread of its own, one question at a time.

    Parameters
    ----------
    ask : callable
        The question; it may block, and raise.
    first : object
        The answer before any has come.
    every : float
        Seconds between questions at least; slow answers stretch it.
    """

    def __init__(self, ask: Callable[[], T], first: T, *, every: float) -> None:
        self.value = first
        self._ask = ask
        self._every = every
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._due = 0.0  # monotonic
        self._asked_at = 0.0
        self._failing_since: float | None = None

    def begin(self, *, now: bool = False) -> None:
        """Ask, when it is time or `now` says so; does not wait."""
        with self._lock:
            due = now or time.monotonic() >= self._due
            if self._closed or self._thread is not None or not due:
                return
            self._asked_at = time.time()
            self._thread = threading.Thread(target=self._run, name="raydp_magic-ask", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for the answer under way."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)

    def close(self, seconds: float = 2.0) -> None:
        """Ask nothing more."""
        with self._lock:
            self._closed = True
        self.wait(seconds)

    @property
    def silent_since(self) -> float | None:
        """Since when (Unix seconds) it does not answer."""
        with self._lock:
            if self._failing_since is not None:
                return self._failing_since
            hangs = self._thread is not None and time.time() - self._asked_at > SILENT_SECONDS
            return self._asked_at if hangs else None

    def _run(self) -> None:
        began = time.monotonic()
        try:
            value = self._ask()
        except Exception:  # noqa: BLE001 - whatever it is, there is no answer
            with self._lock:
                self._failing_since = self._failing_since or self._asked_at
        else:
            with self._lock:
                self.value, self._failing_since = value, None
        finally:
            took = time.monotonic() - began
            with self._lock:
                self._thread = None
                self._due = time.monotonic() + max(self._every, min(REST * took, LONGEST_REST))
