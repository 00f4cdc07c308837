"""What is asked of Ray for a snapshot, of a Ray that lists as the real one: sorted by id, and cut."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from raydp_magic.engine import ray_session
from raydp_magic.monitoring import ray_look
from raydp_magic.monitoring.ray_look import ASKED_AT_ONCE, LISTING_LIMIT, LoadLook, ray_work
from raydp_magic.monitoring.timeline import Timeline, task_events

CLUSTER = SimpleNamespace(ray=SimpleNamespace(address="x:1"))


def listing(rows, key):
    def list_(*, filters, limit, **_):
        def kept(row):
            return all(
                (getattr(row, name).lower() == value.lower()) == (predicate == "=")
                for name, predicate, value in filters
            )

        return sorted(filter(kept, rows), key=lambda row: getattr(row, key))[:limit]

    return list_


def task(number, state, *, job="ours", node="n1", kind="NORMAL_TASK", name="chore"):
    done = state in ("FINISHED", "FAILED")
    return SimpleNamespace(
        task_id=f"{number:05d}",
        state=state,
        job_id=job,
        node_id=node,
        type=kind,
        name=name,
        start_time_ms=1000,
        end_time_ms=2000 if done else None,
    )


def actor(number, name, state="ALIVE"):
    return SimpleNamespace(actor_id=f"{number:05d}", class_name=name, state=state, node_id="n1")


@pytest.fixture
def ask(monkeypatch):
    """Ask a Ray that has these tasks and actors."""

    def asked(tasks, actors=()):
        context = SimpleNamespace(get_job_id=lambda: "ours")
        state = SimpleNamespace(
            list_tasks=listing(tasks, "task_id"), list_actors=listing(actors, "actor_id")
        )
        fake = SimpleNamespace(get_runtime_context=lambda: context)
        monkeypatch.setitem(sys.modules, "ray", fake)
        monkeypatch.setitem(sys.modules, "ray.util", SimpleNamespace(state=state))
        monkeypatch.setitem(sys.modules, "ray.util.state", state)
        monkeypatch.setattr(ray_look, "check_connected", lambda _: None)
        monkeypatch.setattr(ray_session, "is_connected", lambda: True)
        return ray_work(CLUSTER)

    return asked


def test_running_tasks_are_counted_behind_any_number_of_finished_ones(ask):
    ended = [task(n, "FINISHED") for n in range(1500)]
    running = [task(1500 + n, "RUNNING", node=f"n{n % 2}") for n in range(10)]
    others = [task(3000, "RUNNING", job="theirs"), task(3001, "RUNNING", kind="ACTOR_TASK")]
    work = ask([*ended, *running, *others])
    assert work.tasks == {"n0": 5, "n1": 6}
    assert work.more == ()
    assert {row.task_id for row in running} <= {row.task_id for row in work.rows}
    assert "03000" not in {row.task_id for row in work.rows}


def test_more_running_ones_than_ray_lists_are_said(ask):
    work = ask([task(n, "RUNNING") for n in range(1500)])
    assert work.tasks == {"n1": LISTING_LIMIT}
    assert work.more == ("tasks",)


def test_a_running_task_that_was_cut_off_is_not_taken_for_done(ask):
    line = Timeline()
    line.add(task_events([task(1499, "RUNNING")]))

    def look(tasks):
        work = ask(tasks)
        line.add(task_events(work.rows))
        if work.running is not None:
            line.still("ray", work.running, 500.0)
        return {event.id: event.state for event in line.events(500.0)}.get("01499")

    finished = [task(n, "FINISHED") for n in range(1499)]
    assert look([*finished, task(1499, "RUNNING")]) == "running"
    assert look([task(n, "RUNNING") for n in range(1499)]) == "running"  # nobody can tell
    assert look(finished) == "done"


def test_our_own_actors_leave_room_for_those_of_others(ask):
    ours = [actor(n, "ExecutorActor") for n in range(1500)]
    keepers = [actor(2000 + n, "Keeper") for n in range(100)]
    work = ask([], [*ours, *keepers, actor(3000, "Theirs"), actor(3001, "Theirs", "DEAD")])
    assert work.actors == {"n1": 1}
    assert work.more == ()


def test_a_load_that_was_asked_for_long_ago_is_not_known(monkeypatch):
    """More executors than are asked in a minute: the others' loads are of another time."""
    clock, asked = [0.0], []

    class Actor:
        def __init__(self, name):
            load = SimpleNamespace(node_id=f"on {name}", executor_id=name, executor_memory=5)
            self.load = SimpleNamespace(remote=lambda: asked.append(name) or load)

    fake = SimpleNamespace(
        wait=lambda refs, num_returns, timeout: (refs, []),
        get=lambda load: load,
        exceptions=SimpleNamespace(RayError=RuntimeError),
    )
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setattr(ray_look, "check_connected", lambda _: None)
    monkeypatch.setattr(ray_look, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    actors = {name: Actor(name) for name in (f"{n:03d}" for n in range(10 * ASKED_AT_ONCE))}
    look = LoadLook(SimpleNamespace(actors=lambda: actors))
    for _ in range(10):  # a turn of all takes 200 seconds
        known = look()
        clock[0] += 20.0
    latest = set(asked[-3 * ASKED_AT_ONCE :])
    assert set(known.executors) == latest
    assert set(known.nodes) == {f"on {name}" for name in latest}
    assert len(set(asked)) == len(actors)
