"""A cell's display from its first look to the line that stays, over a stand-in for Spark's REST API."""

from __future__ import annotations

import json
import threading
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from raydp_magic.notebook import cell_progress
from raydp_magic.notebook.cell_progress import CellProgress

TAG = "raydp_magic-cell-1-in-3"
cell = ContextVar("cell")


@pytest.fixture(autouse=True)
def looking_ends_soon(monkeypatch):
    """And within its own test."""
    monkeypatch.setattr(cell_progress, "_LINGER", 0.05)
    yield
    until(lambda: not looking())


def looking():
    return any(t.name == "raydp_magic-progress" for t in threading.enumerate())


@pytest.fixture
def spark():
    """Its jobs and stages are what a test puts into `jobs` and `stages`."""
    told = SimpleNamespace(jobs=[], stages=[], asked=[])

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            told.asked.append(self.path)
            name, _, query = self.path.rpartition("/app-1/")[2].partition("?")
            kind, _, number = name.partition("/")
            rows = getattr(told, kind)
            if query == "status=running":
                rows = [row for row in rows if row["status"] == "RUNNING"]
            if number and kind == "jobs":
                rows = next((row for row in rows if row["jobId"] == int(number)), None)
            if rows is None:
                self.send_error(404)
                return
            body = json.dumps(rows).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    told.context = SimpleNamespace(
        uiWebUrl=f"http://127.0.0.1:{server.server_port}", applicationId="app-1"
    )

    def close():
        server.shutdown()
        thread.join()
        server.server_close()

    told.close = close
    yield told
    if thread.is_alive():
        close()


def job(status, **more):
    now = datetime.fromtimestamp(time.time() - 2, UTC).strftime("%Y-%m-%dT%H:%M:%S.000GMT")
    row = {"jobId": 1, "name": "x", "status": status, "stageIds": [], "jobTags": [TAG]}
    return row | {"numTasks": 4, "numCompletedTasks": 1, "submissionTime": now} | more


@pytest.fixture
def shell():
    shown = []

    def publish(data, metadata, *, transient, update):
        shown.append((cell.get(None), data["text/plain"], transient["display_id"], update))

    return SimpleNamespace(kernel=True, display_pub=SimpleNamespace(publish=publish), shown=shown)


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_display_in_the_cell_s_context_ends_as_one_line(shell, spark):
    progress = CellProgress(shell, lambda: True)
    spark.jobs = [job("RUNNING"), job("RUNNING", jobId=2, jobTags=["another cell's"])]
    cell.set("this cell")
    progress.begin(spark.context, TAG)
    until(lambda: shell.shown)
    spark.jobs = [job("SUCCEEDED", numCompletedTasks=4)]
    progress.end(cancelled=False)
    first, *_, last = shell.shown
    assert first[1].startswith("Spark job 1 [=====---------------] 1/4 tasks")
    assert last[1].startswith("Spark: 1 job, 4 tasks")
    assert {one[0] for one in shell.shown} == {"this cell"}
    assert len({one[2] for one in shell.shown}) == 1
    assert [one[3] for one in shell.shown] == [False] + [True] * (len(shell.shown) - 1)


def test_no_more_tasks_run_than_the_cluster_has_cores(shell, spark, monkeypatch):
    monkeypatch.setattr(cell_progress, "task_slots", lambda: 2)
    progress = CellProgress(shell, lambda: True)
    spark.jobs = [job("RUNNING", numActiveTasks=3)]
    progress.begin(spark.context, TAG)
    until(lambda: shell.shown)
    assert "1/4 tasks, 2 running" in shell.shown[0][1]
    spark.jobs = [job("SUCCEEDED", numCompletedTasks=4)]
    progress.end(cancelled=False)


def test_jobs_that_a_thread_leaves_running_are_shown_until_they_end(shell, spark):
    progress = CellProgress(shell, lambda: True)
    spark.jobs = [job("RUNNING")]
    progress.begin(spark.context, TAG)
    progress.end(cancelled=False)
    until(lambda: shell.shown)
    assert "1/4 tasks" in shell.shown[0][1]
    spark.jobs = [job("FAILED", numFailedTasks=1)]
    until(lambda: "1 failed" in shell.shown[-1][1])


def test_jobs_whose_driver_is_gone_have_failed(shell, spark):
    progress = CellProgress(shell, lambda: True)
    spark.jobs = [job("RUNNING")]
    progress.begin(spark.context, TAG)
    until(lambda: shell.shown)
    spark.close()
    progress.end(cancelled=False)
    assert shell.shown[-1][1].startswith("Spark: 1 job, 1 failed, 1 task")
    until(lambda: not looking())


def test_a_job_that_spark_has_forgotten_is_not_followed_for_ever(shell, spark):
    progress = CellProgress(shell, lambda: True)
    spark.jobs = [job("RUNNING"), job("RUNNING", jobId=2)]
    progress.begin(spark.context, TAG)
    until(lambda: shell.shown)
    spark.jobs = [job("SUCCEEDED", jobId=2, numCompletedTasks=4)]
    progress.end(cancelled=False)
    assert shell.shown[-1][1].startswith("Spark: 1 job, 4 tasks")
    until(lambda: not looking())


def test_what_the_next_cell_converts_is_not_the_last_one_s(shell, spark):
    from raydp_magic.bridge.transfers import under_way

    progress = CellProgress(shell, lambda: True)
    spark.jobs = [job("RUNNING")]
    progress.begin(spark.context, TAG)
    with under_way("mine", "spark -> ray", "a") as transfer:
        transfer.done(5, 40)
    until(lambda: shell.shown)
    progress.end(cancelled=False)  # a thread's job goes on
    time.sleep(0.01)
    with under_way("the next cell's", "spark -> ray", "b") as transfer:
        transfer.done(7, 70)
    spark.jobs = [job("SUCCEEDED", numCompletedTasks=4)]
    until(lambda: not looking())
    assert "5 rows" in shell.shown[-1][1]
    assert "7 rows" not in shell.shown[-1][1]


def test_a_cell_that_ends_at_once_shows_nothing_and_the_looking_ends(shell, spark):
    progress = CellProgress(shell, lambda: True)
    progress.begin(spark.context, TAG)
    progress.end(cancelled=False)
    until(lambda: spark.asked)
    until(lambda: not looking())
    assert len(spark.asked) == 1
    assert shell.shown == []


def test_off_asks_nothing(shell, spark):
    progress = CellProgress(shell, lambda: False)
    spark.jobs = [job("RUNNING")]
    progress.begin(spark.context, TAG)
    progress.end(cancelled=False)
    assert not looking()
