"""Threads of a cell run their Spark jobs under the cell's tag.

Spark's properties belong to a thread of the JVM, which Py4J makes for a Python thread at its
first call and which inherits nothing. (`pyspark.InheritableThread` copies them by hand.) So the
client of *our* gateway marks the connection that it makes for a new thread with the tag of the
cell that has started the thread. Limits: of several running cells none is picked, and a thread
that lives on (a pool's) keeps the tag of its first cell.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_MARK = "_raydp_magic_tags"
OUR_THREADS = "raydp_magic-"


def tag_new_threads(context: Any, tag_of: Callable[[], str | None]) -> None:
    """Have new threads' connections tagged; asking twice for a context changes nothing.

    Parameters
    ----------
    context : SparkContext
        Of our cluster.
    tag_of : callable
        Gives the tag for the calling thread, or None.
    """
    client = context._gateway._gateway_client  # noqa: SLF001 -- our own driver's
    make = getattr(client, "_create_new_connection", None)
    if make is None or getattr(client, _MARK, False):
        return

    def make_tagged() -> Any:
        connection = make()
        thread = threading.current_thread()
        ours = thread is threading.main_thread() or thread.name.startswith(OUR_THREADS)
        tag = None if ours else tag_of()
        if tag is not None:
            client.deque.append(connection)  # as after a call: this thread's next one takes it
            with suppress(Exception):  # the thread's own call will meet what is wrong
                context.addJobTag(tag)
            with suppress(ValueError):
                client.deque.remove(connection)
        return connection

    client._create_new_connection = make_tagged  # noqa: SLF001 -- Py4J has no hook for it
    setattr(client, _MARK, True)
