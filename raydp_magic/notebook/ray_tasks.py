"""The Ray tasks that a cell has submitted and that are not finished, and cancelling them.

A process's core worker knows, for the task that a thread stands for (the driver's main thread, or
another thread), which tasks were submitted from it and are not finished *(Ray 2.60, measured:
5 us)*. What is there at an interrupt and was not there at the cell's begin is the cell's, and so
is what its threads and its executions of Ray Data have submitted. A task is asked to stop
(KeyboardInterrupt in its worker); one that does not hear of it, in a long call of C's, loses its
worker. Calls of actors' methods are left alone: an actor may serve others.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from raydp_magic.engine.data_runs import data_runs
from raydp_magic.notebook.new_threads import NewThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_GRACE_SECONDS = 2.0
_CANCEL_SECONDS = 0.5
_NO_ACTOR = b"\xff" * 12
_UNIQUE_BYTES = 8


class CellTasks:
    """The tasks of the running cells, thread by thread.

    Parameters
    ----------
    tell : callable, optional
        Called in each thread that a cell starts, at its first step.
    """

    def __init__(self, tell: Callable[[], None] = lambda: None) -> None:
        self._local = threading.local()

        def ask() -> Any:
            tell()
            return _this_task()

        self._threads: NewThreads[Any] = NewThreads(ask)

    def begin(self) -> None:
        """Begin a cell: what is pending now is not its own."""
        self._threads.end(getattr(self._local, "threads", []))  # of one whose end never came
        self._local.threads = self._threads.begin()
        self._local.before = pending_tasks([_this_task()])
        self._local.began = time.time()

    def end(self, *, cancel: bool) -> None:
        """End the cell, and cancel what it has left when it was interrupted."""
        before: frozenset[bytes] = getattr(self._local, "before", frozenset())
        began = getattr(self._local, "began", time.time())
        threads: list[Any] = getattr(self._local, "threads", [])
        self._threads.end(threads)
        self._local.before = frozenset()
        if not cancel:
            return
        parents = [_this_task(), *threads, *_tasks_of_data_runs(began)]
        tasks = pending_tasks(parents) - before
        if tasks:  # there may be many: the cell's end waits for a part of them only
            worker = threading.Thread(
                target=_end_them, args=(parents, tasks), name="raydp_magic-cancel", daemon=True
            )
            worker.start()
            worker.join(_CANCEL_SECONDS)


def pending_tasks(parents: Iterable[Any]) -> frozenset[bytes]:
    """Ids of unfinished tasks that some tasks have submitted; no calls of actors' methods.

    Empty when this process has no Ray, or one that keeps no such list.
    """
    core = _core_worker()
    if core is None:
        return frozenset()
    with suppress(Exception):  # not a public API: another Ray may lack it
        found = [
            task.binary()
            for parent in parents
            if parent is not None
            for task in core.get_pending_children_task_ids(parent)
        ]
        return frozenset(i for i in found if i[_UNIQUE_BYTES : _UNIQUE_BYTES + 12] == _NO_ACTOR)
    return frozenset()


def cancel_tasks(tasks: Iterable[bytes], *, force: bool = False) -> None:
    """Cancel tasks that this process has submitted, and what they have submitted."""
    core = _core_worker()
    if core is None:
        return
    ray = sys.modules["ray"]
    here = None
    with suppress(Exception):
        here = core.get_owner_address(ray.put(None))
    for task in tasks:
        with suppress(Exception):  # finished meanwhile
            ray.cancel(_reference(ray, core, task, here), force=force)


def _end_them(parents: list[Any], tasks: frozenset[bytes]) -> None:
    """Ask the tasks to stop, and end the workers of those that go on after a while."""
    cancel_tasks(tasks)
    deadline = time.monotonic() + _GRACE_SECONDS
    while left := tasks & pending_tasks(parents):
        if time.monotonic() > deadline:
            cancel_tasks(left, force=True)
            return
        time.sleep(0.1)


def _tasks_of_data_runs(since: float) -> list[Any]:
    """What stands for the executions of Ray Data that this thread has asked for."""
    found = data_runs(since=since)
    return [run.task for run in found if run.thread == threading.get_ident()]


def _reference(ray: Any, core: Any, task: bytes, here: Any) -> Any:
    """A reference to a task's first result, also when the cell has dropped its own."""
    object_id = task + (1).to_bytes(4, "little")
    ref = ray.ObjectRef(object_id)
    with suppress(Exception):
        core.deserialize_and_register_object_ref(object_id, ray.ObjectRef.nil(), here, b"")
    return ref


def _this_task() -> Any:
    """What stands for this thread in Ray, or None."""
    return getattr(_worker(), "current_task_id", None)


def _core_worker() -> Any:
    """Give this process's connection to a Ray, or None; imports nothing."""
    return getattr(_worker(), "core_worker", None)


def _worker() -> Any:
    module = sys.modules.get("ray._private.worker")
    worker = getattr(module, "global_worker", None)
    return worker if worker is not None and worker.connected else None
