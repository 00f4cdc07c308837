"""Which Ray tasks are a cell's, and which tag a new thread's jobs get."""

from __future__ import annotations

import sys
import threading
from collections import deque
from types import SimpleNamespace

import pytest

from raydp_magic.notebook.interrupt import CellJobs
from raydp_magic.notebook.new_threads import NewThreads
from raydp_magic.notebook.ray_tasks import CellTasks
from raydp_magic.notebook.thread_tags import tag_new_threads


class FakeCore:
    def __init__(self, cancelled):
        self.pending = {"main": []}
        self.cancelled = cancelled

    def get_pending_children_task_ids(self, task):
        kept = [i for i in self.pending.get(task, ()) if i not in self.cancelled]
        return [SimpleNamespace(binary=lambda i=i: i) for i in kept]


def task(number, actor=b"\xff" * 12):
    return bytes([number]) * 8 + actor + b"\x01\x00\x00\x00"


@pytest.fixture
def ray(monkeypatch):
    """As much of Ray as cancelling needs; `cancelled` maps a task to whether it was forced."""
    cancelled = {}
    core = FakeCore(cancelled)
    worker = SimpleNamespace(connected=True, core_worker=core, current_task_id="main")
    module = SimpleNamespace(global_worker=worker)
    fake = SimpleNamespace(
        ObjectRef=lambda i: i, cancel=lambda ref, force: cancelled.update({ref[:24]: force})
    )
    monkeypatch.setitem(sys.modules, "ray._private.worker", module)
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setitem(sys.modules, "raydp_magic.engine.data_runs", None)
    return SimpleNamespace(core=core, cancelled=cancelled, worker=worker)


def test_only_what_the_cell_has_submitted_and_no_actor_s_call(ray):
    cell = CellTasks()
    ray.core.pending["main"] = [task(1)]
    cell.begin()
    ray.core.pending["main"] += [task(2), task(3, b"\x07" * 12)]
    cell.end(cancel=False)
    assert ray.cancelled == {}
    cell.begin()
    ray.core.pending["main"] += [task(4)]
    cell.end(cancel=True)
    assert ray.cancelled == {task(4): False}


def in_thread(call, name="theirs"):
    thread = threading.Thread(target=call, name=name)
    thread.start()
    thread.join()


def test_what_the_cell_s_threads_have_submitted_is_its_own(ray, monkeypatch):
    """A thread has a task of its own in Ray, by its name here."""
    worker = type("Worker", (), {
        "connected": True,
        "core_worker": ray.core,
        "current_task_id": property(lambda _: threading.current_thread().name),
    })()  # fmt: skip
    monkeypatch.setattr(sys.modules["ray._private.worker"], "global_worker", worker)
    cell = CellTasks()
    in_thread(lambda: None, "of an earlier cell")
    cell.begin()
    for number, name in enumerate(("mine", "raydp_magic-action"), 1):
        in_thread(lambda: None, name)
        ray.core.pending[name] = [task(number)]
    ray.core.pending["of an earlier cell"] = [task(9)]
    cell.end(cancel=True)
    assert ray.cancelled == {task(1): False}
    assert threading.getprofile() is None


def test_a_thread_s_jobs_are_those_of_the_cell_that_has_started_it():
    jobs = CellJobs(lambda: None)
    found, go, ready = [], threading.Event(), threading.Event()

    def late():
        jobs.adopt_thread()  # its first step
        ready.set()
        go.wait(10)
        found.append(jobs._of_thread())  # its first use of Spark

    jobs._open = {"first"}
    thread = threading.Thread(target=late)
    thread.start()
    ready.wait(10)
    jobs._open = {"second"}
    go.set()
    thread.join()
    in_thread(lambda: found.append(jobs._of_thread()))  # whose first step nobody has seen
    jobs._open = set()
    in_thread(lambda: (jobs.adopt_thread(), found.append(jobs._of_thread())))
    assert found == ["first", "second", None]


def test_of_two_running_cells_none_gets_a_new_thread():
    threads = NewThreads(lambda: threading.current_thread().name)
    first, second = threads.begin(), threads.begin()
    in_thread(lambda: None, "whose")
    threads.end(second)
    in_thread(lambda: in_thread(lambda: None, "inner"), "outer")
    threads.end(first)
    threads.end(first)
    in_thread(lambda: None, "late")
    assert (first, second) == (["outer", "inner"], [])
    assert threading.getprofile() is None


def test_a_profiler_of_the_person_keeps_its_place():
    seen = []
    threading.setprofile(lambda *_: seen.append(threading.current_thread().name))
    own = threading.getprofile()
    try:
        threads = NewThreads(lambda: 1)
        told = threads.begin()
        in_thread(lambda: None)
        threads.end(told)
        assert threading.getprofile() is own
    finally:
        threading.setprofile(None)
    assert told == []
    assert "theirs" in seen


def test_without_ray_nothing_happens(ray):
    ray.worker.connected = False
    cell = CellTasks()
    cell.begin()
    cell.end(cancel=True)
    assert ray.cancelled == {}


def test_a_new_thread_s_connection_is_tagged_once_and_main_s_is_not():
    tagged = []
    client = SimpleNamespace(deque=deque(), _create_new_connection=object)
    context = SimpleNamespace(
        _gateway=SimpleNamespace(_gateway_client=client),
        addJobTag=lambda tag: tagged.append((tag, len(client.deque))),
    )
    tag_new_threads(context, lambda: "a cell's")
    tag_new_threads(context, lambda: "another's")
    client._create_new_connection()
    for name in ("mine", "raydp_magic-supervisor"):
        thread = threading.Thread(target=client._create_new_connection, name=name)
        thread.start()
        thread.join()
    assert tagged == [("a cell's", 1)]
    assert not client.deque
