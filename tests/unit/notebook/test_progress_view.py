"""Progress as HTML and as lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raydp_magic.bridge.transfers import Transfer
from raydp_magic.engine.data_runs import DataRun
from raydp_magic.monitoring.jobs import JobRecord, StageRecord
from raydp_magic.notebook.progress_view import (
    Picture,
    bytes_text,
    final_text,
    left_text,
    render_bar,
    render_html,
    seconds_text,
)

STAGES = (
    StageRecord(1, 0, "map", "done", 20, 0, 0, 20, input_rows=1234, input_bytes=3 << 20),
    StageRecord(2, 0, "reduce", "running", 14, 4, 1, 40, shuffle_write=2048),
    StageRecord(3, 0, "old", "skipped", 0, 0, 0, 5),
)
JOB = JobRecord(4, "cell [7] x", "7", (), "running", 100.0, None, 1, 3, 34, 4, 1, 60, STAGES)
DONE = replace(JOB, id=5, state="done", ended_at=103.5, tasks_done=60, tasks_active=0)
MOVED = Transfer("t", "spark -> ray", "a, b", 1000, 50_000_000, 100.0, 102.0, False, 1)


def test_a_running_job_and_its_stages():
    html = render_html(Picture(112.0, (JOB,), ((4, 7.4),)))
    for words in (
        "Job 4 cell [7] x",
        "34/60 tasks · 4 running · 1 failed",
        "1,234 rows, 3 MiB in",
        "12 s",
        "about 7 s left",
        "Stage 2 reduce",
        "2 KiB shuffled",
        "skipped: its result was there already",
        'aria-valuenow="57"',
    ):
        assert words in html, words


def test_it_is_escaped_and_bounded():
    html = render_html(Picture(0.0, (replace(JOB, description="<script>" + "x" * 500),)))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "x" * 100 not in html
    many = tuple(replace(JOB, id=n) for n in range(1000))
    assert "and 994 more jobs" in render_html(Picture(0.0, many))


def test_the_bar_of_a_terminal():
    bar = render_bar(Picture(112.0, (JOB,), ((4, 7.4),)), width=10)
    assert bar.startswith("Spark job 4 [=====-----] 34/60 tasks, 4 running")
    assert render_bar(Picture(0.0, (JOB, replace(JOB, id=5)))).endswith("68/120 tasks")


def test_the_line_that_stays():
    line = final_text(Picture(110.0, (DONE,), transfers=(MOVED,)))
    assert line == (
        "Spark: 1 job, 60 tasks, 1 task failed, 1 stage skipped, 1,234 rows, 3 MiB in, "
        "2 KiB shuffled, 3.5 s · Bridge spark -> ray: 1,000 rows, 47.7 MiB, 23.8 MiB/s, 2.0 s"
    )
    failed = replace(DONE, state="failed")
    assert "1 job, 1 failed" in final_text(Picture(110.0, (failed,)))
    assert "1 cancelled" in final_text(Picture(110.0, (failed,), cancelled=True))
    assert "1 still running" in final_text(Picture(110.0, (JOB,)))


def test_one_of_a_kind_is_one():
    stage = replace(STAGES[0], tasks_done=1, tasks_total=1, input_rows=1)
    one = replace(DONE, tasks_done=1, tasks_total=1, tasks_failed=0, stages=(stage,))
    assert final_text(Picture(110.0, (one,))) == "Spark: 1 job, 1 task, 1 row, 3 MiB in, 3.5 s"
    running = replace(one, state="running", ended_at=None, tasks_done=0)
    assert "0/1 task ·" in render_html(Picture(101.0, (running,)))


def test_what_an_interrupt_ended_is_cancelled():
    run = DataRun("d", "Read", 1, 100.0, ended_at=102.0, failed=True, tasks_done=3)
    picture = Picture(110.0, transfers=(replace(MOVED, failed=True),), runs=(run,))
    assert final_text(picture).count("failed") == 2
    for runs in ((run,), (run, run)):
        line = final_text(replace(picture, runs=runs, cancelled=True))
        assert line.count("cancelled") == 2
        assert "failed" not in line


def test_ray_data():
    run = DataRun("d", "Read -> Map", 1, 100.0, rows=7, tasks_done=3, tasks_active=2)
    assert "Ray Data Read -&gt; Map" in render_html(Picture(101.0, runs=(run,)))
    ended = replace(run, ended_at=102.0, tasks_active=0)
    assert final_text(Picture(110.0, runs=(ended,))) == "Ray Data: 3 tasks done, 7 rows, 2.0 s"
    assert "2 executions, 6 tasks" in final_text(Picture(110.0, runs=(ended, ended)))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.34, "0.3 s"), (-1, "0.0 s"), (59.6, "1 min 0 s"), (75, "1 min 15 s"), (7300, "2 h 1 min")],
)
def test_seconds(seconds, said):
    assert seconds_text(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "nearly done"),
        (3.3, "about 3 s left"),
        (47, "about 45 s left"),
        (245, "about 4 min left"),
        (275, "about 4 min 30 s left"),
    ],
)
def test_what_is_left_is_rounded(seconds, said):
    assert left_text(seconds) == said


def test_bytes():
    assert [bytes_text(n) for n in (0, 1023, 1024, 52428800)] == [
        "0 B",
        "1023 B",
        "1 KiB",
        "50 MiB",
    ]
