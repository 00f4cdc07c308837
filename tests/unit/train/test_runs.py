"""The registry of trainings, and what a training tells while it runs."""

from __future__ import annotations

import json
from contextlib import suppress
from types import SimpleNamespace

import pytest

from raydp_magic.errors import TrainingError, UsageError
from raydp_magic.train import running, runs, told
from raydp_magic.train.runs import Look, under_way


def test_a_run_is_listed_while_it_runs_and_afterwards():
    with under_way("r1", "TorchEstimator", "epoch", 3, 2) as entry:
        [run] = [run for run in runs.runs() if run.id == "r1"]
        assert (run.state, run.points, run.ended_at) == ("preparing", (), None)
        entry.enter("starting", lambda: Look(({"epoch": 1, "train_loss": 0.5},)))
        assert entry.now().state == "training"
    [run] = [run for run in runs.runs(since=run.started_at) if run.id == "r1"]
    assert run.state == "done"
    assert run.points == ({"epoch": 1, "train_loss": 0.5},)
    assert run.ended_at is not None


@pytest.mark.parametrize(
    ("error", "state"), [(ValueError, "failed"), (KeyboardInterrupt, "stopped")]
)
def test_how_it_ended(error, state):
    with pytest.raises(error), under_way("r2", "T", "epoch", 1, 1):
        raise error
    assert runs.runs()[-1].state == state


def test_a_look_that_fails_keeps_what_was_known():
    looks = iter([Look(({"epoch": 1},)), OSError("gone")])

    def look():
        one = next(looks)
        if isinstance(one, Exception):
            raise one
        return one

    with under_way("r3", "T", "epoch", 2, 1) as entry:
        entry.enter("starting", look)
        assert len(entry.now().points) == 1
        assert len(entry.now().points) == 1


def test_listeners_are_told_of_begin_and_end_and_may_fail():
    told_of = []

    def listener(entry):
        told_of.append(entry.now().id)
        return lambda: told_of.append(entry.now().state)

    def broken(entry):
        raise RuntimeError

    for one in (broken, listener):
        runs.listen(one)
    try:
        with under_way("r4", "T", "epoch", 1, 1):
            assert told_of == ["r4"]
        assert told_of == ["r4", "done"]
    finally:
        for one in (broken, listener):
            runs.unlisten(one)
    with under_way("r5", "T", "epoch", 1, 1):
        pass
    assert told_of == ["r4", "done"]


def test_reports_are_read_in_order_an_epoch_once(tmp_path):
    lines = [
        {"point": {"epoch": 1, "train_loss": 0.5, "note": "text"}, "at": 10.0},
        {"point": {"epoch": 2, "train_loss": 0.4}, "at": 11.0},
        {"failure": 1},
        {"point": {"epoch": 2, "train_loss": 0.3}, "at": 15.0},
    ]
    text = "\n".join(map(json.dumps, lines)) + '\n{"point": {"ep'
    (tmp_path / told.REPORTS).write_text(text)
    look = told.look(str(tmp_path))
    assert look.points == ({"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.3})
    assert (look.failures, look.first_at, look.last_at) == (1, 10.0, 15.0)
    assert not look.restarting


def test_a_failure_that_ends_training_is_none_that_it_went_on_after(tmp_path):
    def failures(*errors, max_retries=3):
        (tmp_path / told.REPORTS).unlink(missing_ok=True)
        callback = told.callback(str(tmp_path), max_retries)
        for error in errors[:-1]:
            callback.after_exception(None, {0: error})
        with suppress(type(errors[-1])):
            callback.after_exception(None, {0: errors[-1]})
        return told.look(str(tmp_path)).failures

    died = RuntimeError("The actor died")
    assert failures(UsageError("a row has no label")) == 0
    assert failures(died, UsageError("a row has no label")) == 1
    assert failures(died, died, max_retries=1) == 1
    assert failures(died, max_retries=0) == 0
    assert failures(*[died] * 9, max_retries=-1) == 9


def test_an_error_that_comes_again_ends_training_whatever_the_time(tmp_path):
    callback = told.callback(str(tmp_path), 3)
    first, again = (
        TrainingError(f"[04:03:{second}] comm.cc: failed [0x7fa{second}]") for second in (10, 17)
    )
    callback.after_exception(None, {0: first})
    with pytest.raises(TrainingError) as caught:
        callback.after_exception(None, {0: again})
    assert caught.value is again
    assert told.look(str(tmp_path)).failures == 1


def test_after_a_failure_workers_start_again_until_they_tell_something(tmp_path):
    callback, teller = told.callback(str(tmp_path), 3), told.Teller(str(tmp_path), rows=200)
    callback.after_report(None, [{"epoch": 1, "train_loss": 0.5}], None)
    teller.tell(2, 50)
    callback.after_exception(None, {0: RuntimeError("The actor died")})
    look = told.look(str(tmp_path))
    assert (look.restarting, look.done) == (True, 0.0), "what the dead one told is of no use"
    told.Teller(str(tmp_path), rows=200).tell(2, 20)
    assert not told.look(str(tmp_path)).restarting
    callback.after_report(None, [{"epoch": 2, "train_loss": 0.4}], None)
    assert not told.look(str(tmp_path)).restarting


def test_the_part_of_an_epoch_that_is_done(tmp_path):
    told.Teller(str(tmp_path), rows=200).tell(1, 50)
    assert told.look(str(tmp_path)).done == 0.25
    line = json.dumps({"point": {"epoch": 1}, "at": 1.0})
    (tmp_path / told.REPORTS).write_text(line + "\n")
    assert told.look(str(tmp_path)).done == 0.0, "it was said of an epoch that has ended"


def test_where_the_folder_cannot_be_seen_nothing_is_told(tmp_path):
    told.Teller(str(tmp_path / "elsewhere"), rows=200).tell(1, 50)
    told.Teller(None, rows=200).tell(1, 50)
    assert list(tmp_path.iterdir()) == []


def test_a_fit_that_fails_leaves_what_the_one_before_learnt(monkeypatch):
    estimator = SimpleNamespace(
        _num_workers=1,
        _placement_strategy="PACK",
        _columns=lambda data: ["a", "y"],
        _features=None,
        _feature_types=None,
        _check=lambda name, data: ["a"],
        _rounds=1,
        _unit="epoch",
        _used="what the model is fed with",
        _storage_path=None,
    )

    def shares(estimator, *_):
        assert estimator._used.names == ["a"]
        raise ValueError("no more")

    monkeypatch.setattr(running, "check", lambda estimator: ({"CPU": 1.0}, True))
    monkeypatch.setattr(running, "_shares", shares)
    with pytest.raises(ValueError, match="no more"):
        running.fit(estimator, None, None, 0)
    assert estimator._used == "what the model is fed with"
