"""What is told of conversions and of Ray Data's executions while they run."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from raydp_magic.bridge.transfers import count_with, transfers, under_way
from raydp_magic.engine import data_runs


class Operator:
    def __init__(self, **known):
        self.__dict__ |= known


def one(transfer):
    [found] = [seen for seen in transfers() if seen.id == transfer]
    return found


def test_a_conversion_is_counted_while_it_runs_and_kept_when_it_ended():
    with under_way("t1", "spark -> ray", "a") as entry:
        assert one("t1").rows is None
        count_with(lambda: (5, 50))
        now = one("t1")
        assert (now.rows, now.bytes, now.ended_at) == (5, 50, None)
        assert now.thread == threading.get_ident()
        entry.done(7, 70)
        assert one("t1").rows == 7
    ended = one("t1")
    assert ended.ended_at >= ended.started_at
    assert not ended.failed
    assert not [seen for seen in transfers(since=ended.ended_at + 1) if seen.id == "t1"]


def test_one_that_fails_and_a_count_that_fails():
    def broken():
        raise OSError

    def convert():
        with under_way("t2", "spark -> ray", "a", broken):
            assert one("t2").rows is None
            raise KeyError

    with pytest.raises(KeyError):
        convert()
    assert one("t2").failed
    count_with(broken)  # none is under way: nothing happens


def test_an_execution_of_ray_data():
    metrics = SimpleNamespace(row_outputs_taken=5, bytes_outputs_taken=40, num_tasks_finished=2)
    source = Operator(name="Input", input_dependencies=[])
    map_ = Operator(
        name="Map", input_dependencies=[source], metrics=metrics, num_active_tasks=lambda: 3
    )
    executor = SimpleNamespace(_dataset_id="d9", _topology={source: 0, map_: 1})
    watcher = data_runs.Watcher()
    watcher.before_execution_starts(executor)
    watcher.on_execution_step(executor)
    [run] = [run for run in data_runs.data_runs() if run.id == "d9"]
    assert (run.label, run.rows, run.bytes, run.tasks_done, run.tasks_active) == (
        "Map",
        5,
        40,
        2,
        3,
    )
    watcher.after_execution_fails(SimpleNamespace(), ValueError())  # another Ray's: no error
    [run] = [run for run in data_runs.data_runs() if run.id == "d9"]
    assert run.failed
    assert run.ended_at is not None
