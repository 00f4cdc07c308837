"""An interrupted cell cancels exactly its own Spark jobs, and leaves a usable session.

Every cell's jobs carry a tag of the cell, and an interrupt cancels what carries it. What else
an interrupt would break, and what is done about it:

- Py4J answers an interrupt by closing, in the JVM, connections of *other* threads as well, whose
  calls then fail or run twice (py4j 0.10.9.9, *measured*). So for the time of a cell a SIGINT
  handler closes the interrupted thread's own connection first; Py4J then has nothing to do.
- With the connection goes the JVM thread that held the thread's Spark properties (scheduler
  pool, job group) and active session: they are put back on the new one.
- Spark's own SIGINT handler cancels *all* jobs, through the very connection that is busy.
- ipykernel's handler for a cell with ``await`` is heard of by the event loop only, which a long
  call in that cell does not let run: it is asked while the cell waits, and not in a call.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import signal
import sys
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from raydp_magic.monitoring.jobs import cell_tag
from raydp_magic.notebook.thread_tags import tag_new_threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_DESCRIPTION = "spark.job.description"
_CANCEL_SECONDS = 1.0
_PY4J_NOISE = frozenset({"KeyboardInterrupt while sending command."})
_numbers = count(1)


@dataclass(frozen=True)
class _Tagged:
    """What one thread's cell was given, to be taken back."""

    session: Any
    tag: str
    label: str | None
    properties: Any
    watch: _Watch | None


class CellJobs:
    """Tags the jobs of the running cell, thread by thread (ipykernel's subshells are threads).

    Parameters
    ----------
    session : callable
        Gives the SparkSession of the running cluster, or None. It must be cheap and import
        nothing: it is asked before every cell.
    """

    def __init__(self, session: Callable[[], Any]) -> None:
        self._session = session
        self._local = threading.local()
        self._open: set[str] = set()
        self._canceller: _Canceller | None = None

    def begin(self, label: str, cell: int = 0) -> str | None:
        """Tag what this thread runs from now on; harmless when it is tagged already.

        Parameters
        ----------
        label : str
            What Spark's UI and the panel show for the jobs, such as ``"cell [7] df.count()"``.
        cell : int
            The cell's number, which the tag holds.

        Returns
        -------
        str or None
            The tag, when it was put on by this call.
        """
        session = self._session()
        if session is None:
            self.close()
            return None
        if getattr(self._local, "tagged", None) is not None:
            return None
        context = session.sparkContext
        drop_busy_connection(context)
        tag = cell_tag(next(_numbers), cell)
        tag_new_threads(context, self._of_thread)
        self._local.is_cell = True
        context.addJobTag(tag)
        self._open.add(tag)
        described = context.getLocalProperty(_DESCRIPTION) is None  # the user's own stays
        if described:
            context.setLocalProperty(_DESCRIPTION, label)
        properties = context._jsc.sc().getLocalProperties()
        self._canceller = self._canceller or _Canceller()
        watch = _Watch.install(partial(self._canceller.ask, context, tag))
        self._local.tagged = _Tagged(session, tag, label if described else None, properties, watch)
        return tag

    def adopt_thread(self) -> None:
        """Called in a thread at its first step: its jobs are those of the cell that runs now."""
        self._local.starter = self._only_open()

    def _of_thread(self) -> str | None:
        """The tag for the calling thread's jobs, which uses Spark for the first time."""
        if getattr(self._local, "is_cell", False):
            return None
        starter: str | None = getattr(self._local, "starter", "")
        return self._only_open() if starter == "" else starter

    def _only_open(self) -> str | None:
        """The tag of the cell that runs, when only one does."""
        tags = list(self._open)
        return tags[0] if len(tags) == 1 else None

    def end(self, *, interrupted: bool) -> bool:
        """Take the tag off; cancel what carries it when the cell was interrupted.

        Returns
        -------
        bool
            Whether it was, also when its code has swallowed the interrupt.
        """
        tagged: _Tagged | None = getattr(self._local, "tagged", None)
        if tagged is None:
            return interrupted
        self._local.tagged = None
        self._open.discard(tagged.tag)
        hit = tagged.watch is not None and tagged.watch.remove()
        if self._session() is not tagged.session:
            return interrupted or hit  # stopped meanwhile: the tag went with it
        context = tagged.session.sparkContext
        if interrupted or hit:
            cancel(context, tagged.tag)
            drop_busy_connection(context)
            _restore_thread(tagged)
        context.removeJobTag(tagged.tag)
        if tagged.label is not None and context.getLocalProperty(_DESCRIPTION) == tagged.label:
            context.setLocalProperty(_DESCRIPTION, None)
        return interrupted or hit

    def close(self) -> None:
        """No session runs any more, or no cell will come."""
        if self._canceller is not None:
            self._canceller.close()
            self._canceller = None


class _Canceller:
    """Cancels jobs for a signal handler, which may neither wait nor take a lock."""

    def __init__(self) -> None:
        # Unlike others, this queue may be put into by a handler that has interrupted a put.
        self._asked: queue.SimpleQueue[tuple[Any, str] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="raydp_magic-cancel", daemon=True).start()

    def ask(self, context: Any, tag: str) -> None:
        """Have the jobs with a tag cancelled, soon."""
        self._asked.put((context, tag))

    def close(self) -> None:
        """End its thread."""
        self._asked.put(None)

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            context, tag = asked
            with suppress(Exception):  # the driver may be gone
                context.cancelJobsWithTag(tag)


def cancel(context: Any, tag: str) -> None:
    """Cancel the jobs with a tag, from a thread of its own.

    Py4J has one connection a thread, and the interrupted thread's may be busy.
    """
    worker = threading.Thread(
        target=context.cancelJobsWithTag, args=(tag,), name="raydp_magic-cancel", daemon=True
    )
    worker.start()
    worker.join(_CANCEL_SECONDS)


def drop_busy_connection(context: Any) -> bool:
    """Close this thread's Py4J connection if a call was left unfinished on it.

    Its late answer would be taken for the next call's. Py4J keeps idle connections in the
    client's deque and opens a new one by itself.

    Returns
    -------
    bool
        Whether one was closed.
    """
    client = context._gateway._gateway_client
    connection = client.get_thread_connection()
    if connection is None or connection.socket is None:
        return False
    with suppress(RuntimeError):  # another thread changed the deque while it was read: it is fine
        if connection not in client.deque:
            connection.close()
            return True
    return False


def _restore_thread(tagged: _Tagged) -> None:
    """Give the JVM thread behind a new connection what the old one had."""
    session = tagged.session
    session.sparkContext._jsc.sc().setLocalProperties(tagged.properties)
    jvm = session._jvm
    java_class = getattr(type(session), "_get_j_spark_session_class", None)  # Spark 4
    java_session = jvm.SparkSession if java_class is None else java_class(jvm)
    java_session.setActiveSession(session._jsparkSession)


class _Watch:
    """The SIGINT handler of one cell, and the filter for what Py4J logs about an interrupt."""

    def __init__(self, previous: Any, cancel_jobs: Callable[[], None]) -> None:
        self._previous = previous
        self._cancel_jobs = cancel_jobs
        self._hit = False
        self._warnings: warnings.catch_warnings[None] | None = None
        self._root_was_bare = not logging.root.handlers

    @classmethod
    def install(cls, cancel_jobs: Callable[[], None]) -> _Watch | None:
        """Put it in place of Python's, Spark's or ipykernel's handler; leave a user's own alone."""
        if threading.current_thread() is not threading.main_thread():
            return None
        previous = signal.getsignal(signal.SIGINT)
        replaced = _is_of(previous, "pyspark.") or _is_of(previous, "ipykernel.")
        if previous is not signal.default_int_handler and not replaced:
            return None
        watch = cls(previous, cancel_jobs)
        signal.signal(signal.SIGINT, watch.on_interrupt)
        logging.root.addFilter(watch.keep)
        return watch

    def remove(self) -> bool:
        """Put the old handler back. Returns whether an interrupt came."""
        if signal.getsignal(signal.SIGINT) == self.on_interrupt:
            signal.signal(signal.SIGINT, self._previous)
        logging.root.removeFilter(self.keep)
        if self._warnings is not None:
            self._warnings.__exit__(None, None, None)
        if self._hit and self._root_was_bare:
            _undo_basic_config()
        return self._hit

    def on_interrupt(self, signum: int, frame: FrameType | None) -> None:
        """Close the connection of a Py4J call that is under way, then interrupt."""
        if not self._hit:
            self._hit = True
            self._warnings = warnings.catch_warnings()
            self._warnings.__enter__()
            warnings.filterwarnings("ignore", "toPandas attempted Arrow optimization")
        connection = _calling_connection(frame)
        if connection is not None:
            connection.close()
        self._cancel_jobs()
        if _is_of(self._previous, "ipykernel.") and not _in_cell(frame):
            self._previous(signum, frame)
            with suppress(RuntimeError):  # no loop runs
                # ipykernel has put a callback into it (7.4), for which it does not wake up.
                asyncio.get_running_loop().call_soon_threadsafe(lambda: None)
            return
        raise KeyboardInterrupt

    def keep(self, record: logging.LogRecord) -> bool:
        """Whether a record of the root logger is not Py4J's about the interrupt."""
        return not (self._hit and record.msg in _PY4J_NOISE)


def _is_of(handler: Any, package: str) -> bool:
    return (getattr(handler, "__module__", None) or "").startswith(package)


def _in_cell(frame: FrameType | None) -> bool:
    """Whether code of a cell is on the stack: it is not while the cell awaits something."""
    user = vars(sys.modules["__main__"])
    while frame is not None and frame.f_globals is not user:
        frame = frame.f_back
    return frame is not None


def _calling_connection(frame: FrameType | None) -> Any:
    """The connection of the Py4J call that a frame is in, or None."""
    while frame is not None:
        in_py4j = frame.f_globals.get("__name__") == "py4j.java_gateway"
        if in_py4j and frame.f_code.co_name == "send_command":
            return frame.f_locals.get("connection")
        frame = frame.f_back
    return None


def _undo_basic_config() -> None:
    """Py4J's ``logging.exception`` gave a bare root logger a handler: take it away."""
    added = logging.root.handlers
    if len(added) == 1 and type(added[0]) is logging.StreamHandler:
        formatter = added[0].formatter
        plain = formatter is not None and formatter._fmt == logging.BASIC_FORMAT
        if plain and added[0].stream is sys.stderr:
            logging.root.removeHandler(added[0])
