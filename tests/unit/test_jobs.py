"""Spark's REST rows as records, and the remaining time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from raydp_magic.monitoring.jobs import (
    Forecast,
    at_most,
    cell_of,
    cell_tag,
    job_record,
    stage_records,
    unix_seconds,
)

START = "2026-11-24T15:00:00.000GMT"
T0 = unix_seconds(START)


def job(stages=(0,), status="RUNNING", **more):
    row = {
        "jobId": 7,
        "name": "count at <stdin>",
        "submissionTime": START,
        "stageIds": list(stages),
        "jobTags": ["other", cell_tag(12, 3)],
        "status": status,
        "numTasks": 10 * len(stages),
        "numActiveTasks": 0,
        "numCompletedTasks": 0,
        "numSkippedTasks": 0,
        "numFailedTasks": 0,
    }
    return row | more


def stage(number, status, done=0, active=0, total=10, *, attempt=0, **more):
    row = {
        "stageId": number,
        "attemptId": attempt,
        "name": f"stage {number}",
        "status": status,
        "numTasks": total,
        "numCompleteTasks": done,
        "numActiveTasks": active,
        "numFailedTasks": 0,
    }
    return row | more


def test_no_more_tasks_are_at_work_than_there_are_slots_for():
    """Spark counts starts and ends in events of their own, which may lag."""
    record = job_record(job(numActiveTasks=3), [stage(0, "ACTIVE", active=3)])
    held = at_most(record, 2)
    assert (held.tasks_active, held.stages[0].tasks_active) == (2, 2)
    assert at_most(record, 3) == at_most(record, 0) == record  # 0: not known


def test_a_job_s_row():
    record = job_record(job(numCompletedTasks=4, numActiveTasks=9, description="cell [3] x"))
    assert (record.id, record.cell, record.description) == (7, "3", "cell [3] x")
    assert (record.tasks_done, record.tasks_active, record.tasks_total) == (4, 6, 10)
    assert record.state == "running"
    assert record.started_at == pytest.approx(1795532400)
    assert record.ended_at is None


def test_of_the_place_of_a_call_the_file_is_enough():
    record = job_record(job(name="collect at /usr/lib/python3/site-packages/a/utils.py:501"))
    assert record.description == "collect at utils.py:501"
    mine = job_record(job(description="look at /data/in: 1"))
    assert mine.description == "look at /data/in: 1"


def test_a_tag_holds_its_cell():
    assert cell_of(["x", cell_tag(5, 41)]) == "41"
    assert cell_of(["raydp_magic-cell-x", "mine"]) == ""


def test_an_unreadable_time_is_not_known():
    assert unix_seconds(None) is None
    assert unix_seconds("yesterday") is None


def test_the_last_attempt_counts_and_other_jobs_stages_do_not():
    rows = [stage(0, "FAILED", 3), stage(0, "ACTIVE", 1, 2, attempt=1), stage(5, "ACTIVE")]
    [record] = stage_records(job(), rows)
    assert (record.attempt, record.state, record.tasks_done) == (1, "running", 1)


@pytest.mark.parametrize(
    ("last", "state"), [("PENDING", "waiting"), ("ACTIVE", "skipped"), ("COMPLETE", "skipped")]
)
def test_who_still_waits_when_the_last_stage_runs_is_skipped(last, state):
    records = stage_records(job((0, 1)), [stage(0, "PENDING"), stage(1, last)])
    assert records[0].state == state


def test_skipped_tasks_are_not_to_be_done():
    record = job_record(job((0, 1)), [stage(0, "PENDING"), stage(1, "ACTIVE", 1, 1)])
    assert record.tasks_total == 10


def looks(seconds, done_at, total=100, active=4, stages=()):
    """Remaining time at each second; `done_at` gives the tasks done."""
    forecast = Forecast()
    out = []
    for second in range(1, seconds + 1):
        rows = [*stages, stage(1, "ACTIVE", done_at(second), active, total)]
        record = job_record(job([row["stageId"] for row in rows]), rows)
        out.append(forecast.remaining(record, T0 + second))
    return out


def test_nothing_is_claimed_before_a_wave_of_tasks_is_done():
    assert looks(20, lambda s: 3, active=4) == [None] * 20


def test_a_steady_job_s_end_is_known_and_right():
    found = looks(45, lambda s: 2 * s - 2)  # four at a time, each takes 2 s
    assert found[:3] == [None] * 3
    known = [(50 - second, value) for second, value in enumerate(found, 1) if value is not None]
    assert len(known) > 30
    assert all(abs(true - value) <= 1 for true, value in known)


def test_a_job_with_a_stage_still_to_begin_has_no_known_end():
    waiting = stage(2, "PENDING")
    assert looks(30, lambda s: 2 * s, stages=[waiting]) == [None] * 30


def test_a_job_that_stalls_is_never_negative_and_never_jumps():
    found = looks(100, lambda s: min(2 * s, 60))
    known = [value for value in found if value is not None]
    assert min(known) >= 0
    steps = [b - a for a, b in pairwise(known)]
    assert max(map(abs, steps)) < 5


def test_a_ragged_rate_is_not_told():
    assert looks(7, lambda s: 4 if s < 6 else 60) == [None] * 7


def test_an_ended_job_has_no_remaining_time():
    forecast = Forecast()
    done = job_record(job(status="SUCCEEDED"), [stage(0, "COMPLETE", 10)])
    assert forecast.remaining(done, T0 + 5) is None
