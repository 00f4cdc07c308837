"""However a kernel ends, nothing of ours stays; however it is interrupted, it stays usable."""

import functools
import json
import os
import re
import signal
import urllib.request

import pytest
from kernel import kernel
from machine import wait_until

START = "%load_ext raydp_magic\n%raydp_cluster start --executors 1"


@pytest.mark.parametrize("end", ["exit", "restart", "kill -9"])
def test_nothing_stays_when_the_kernel_ends(end, traces):
    with kernel() as k:
        k.run(START)
        k.run("import raydp_magic as rdm; refs = rdm.to_refs(spark.range(1000)); len(refs)")
        assert traces.left()
        if end == "exit":
            k.send("exit()")
        elif end == "restart":
            k.manager.restart_kernel(now=False)
        else:
            os.kill(k.pid, signal.SIGKILL)
        traces.gone(15)


def test_a_joined_ray_gets_its_cpus_back_after_kill_9(ray4, traces):
    address = ray4.get_runtime_context().gcs_address
    with kernel({"RAY_AUTH_MODE": os.environ.get("RAY_AUTH_MODE")}) as k:
        k.run(f"{START} --address {address}")
        wait_until(lambda: ray4.available_resources()["CPU"] == 3, 15)
        os.kill(k.pid, signal.SIGKILL)
        wait_until(lambda: ray4.available_resources().get("CPU") == 4, 15)
        traces.gone(15)
    assert ray4.get(ray4.remote(lambda: 7).remote()) == 7


def test_ray_shut_down_under_the_cluster_ends_it_and_says_so(traces):
    with kernel() as k:
        k.run(START)
        # At the worst moment: while the warm-up has calls to Ray ahead, which would start another.
        k.run(
            "import ray, sys, time, raydp_magic; warm_up = raydp_magic.current().warm_up\n"
            "while 'ray.data' not in sys.modules: time.sleep(0.01)\n"
            "ray.shutdown()\nwarm_up.wait(60)\nassert not warm_up.is_alive()"
        )
        said = functools.partial(k.fail, "%raydp_cluster status")
        wait_until(lambda: "Ray was shut down" in said().error["evalue"], 30)
        assert "False" in k.run("print(ray.is_initialized())").text
        traces.gone(15)


def test_the_user_s_own_spark_stop_is_a_stop(traces):
    with kernel() as k:
        k.run(START)
        k.run("%%raydp_sql\nSELECT 1")
        assert "Error in callback" not in k.run("spark.stop()").all_text
        assert "spark.stop()" in k.fail("%raydp_cluster status").error["evalue"]
        assert "Error in callback" not in k.run("%raydp_cluster start --executors 1").all_text
        assert "3" in k.run("spark.range(3).count()").all_text
        k.run("%raydp_cluster stop")
        traces.gone(15)


def test_interrupting_a_start_leaves_a_usable_kernel(traces):
    with kernel() as k:
        k.run("%load_ext raydp_magic")
        for phase in ("Ray ...", "Ray up, driver ..."):
            cell = k.send("%raydp_cluster start --executors 1")
            wait_until(functools.partial(_said, k, cell, phase), 90, phase)
            k.manager.interrupt_kernel()
            done = k.result(cell, 60)
            assert done.error is not None
            assert "KeyboardInterrupt" in done.error["ename"]
            traces.gone(15)
            assert "No raydp_magic cluster" in k.fail("%raydp_cluster status").error["evalue"]
        k.run("%raydp_cluster start --executors 1")
        assert "10" in k.run("spark.range(10).count()").all_text


def _said(k, cell, words):
    import queue

    try:
        message = k.client.get_iopub_msg(timeout=0.1)
    except queue.Empty:
        return False
    if message["parent_header"].get("msg_id") != cell:
        return False
    return words in str(message["content"])


SLEEP = "spark.range(4).rdd.map(lambda r: __import__('time').sleep(600))"
SLEEPING_ROWS = (
    "spark.range(4).rdd.map(lambda r: (__import__('time').sleep(600), 1)).toDF('a int, b int')"
)


@pytest.mark.parametrize(
    "job",
    [
        f"{SLEEP}.count()",
        f"import asyncio; await asyncio.sleep(0); {SLEEP}.count()",
        f"await asyncio.to_thread({SLEEP}.count)",
        f"%%raydp_spark\n{SLEEP}.count()",
        "%%raydp_sql\nSELECT sum(a.id * b.id * c.id) FROM range(1000000) a, range(1000000) b, range(1000000) c",
        f"rdm.to_ray({SLEEPING_ROWS})",
        f"{SLEEPING_ROWS}.toPandas()",
        f"%%raydp_spark\n{SLEEPING_ROWS}.toPandas()",
    ],
    ids=[
        "plain cell",
        "call after await",
        "awaited",
        "python cell",
        "sql cell",
        "bridge",
        "pandas",
        "pandas in a python cell",
    ],
)
def test_interrupting_a_job_cancels_it_and_the_next_cell_works(started, job):
    cell = started.send(job)
    wait_until(lambda: _active_jobs(started), 60, "the job is running")
    started.manager.interrupt_kernel()
    done = started.result(cell, 30)
    assert done.error is not None
    shown = "\n".join(done.error["traceback"])
    assert re.search("KeyboardInterrupt|CancelledError|interrupted", shown)
    assert "org.apache.spark" not in shown + done.text
    wait_until(lambda: not _active_jobs(started), 15, "the job was cancelled")
    assert "45" in started.run("spark.range(10).groupBy().sum('id').first()[0]").all_text


def test_ray_s_own_pages_answer_after_the_interrupts(started):
    """The stop button reaches the kernel's process group, in which Ray's dashboard is not."""
    url = started.run("print(rdm.current().ray.dashboard_url)").text.strip()
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.status == 200
    states = started.run(f"from ray.util.state import list_nodes; print(len(list_nodes('{url}')))")
    assert states.text.strip() == "1"


@pytest.fixture(scope="module")
def started():
    with kernel() as k:
        k.run(START)
        k.url = re.search(
            r"http://127\.0\.0\.1:\d+", k.run("print(spark.sparkContext.uiWebUrl)").text
        )[0]
        k.app = k.run("print(spark.sparkContext.applicationId)").text.strip()
        k.run("import raydp_magic as rdm")
        yield k


def _active_jobs(k):
    url = f"{k.url}/api/v1/applications/{k.app}/jobs?status=running"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return [job for job in json.load(answer) if job["numActiveTasks"]]
