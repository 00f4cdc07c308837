"""Progress under the cell that runs Spark jobs, and what an interrupt of a cell ends."""

import re
import time

import psutil
import pytest
from kernel import kernel
from machine import wait_until

SLOW = "spark.sparkContext.parallelize(range({n}), {n}).map(lambda i: __import__('time').sleep({s})).count()"


@pytest.fixture(scope="module")
def k():
    with kernel() as running:
        running.run("%load_ext raydp_magic\n%raydp_cluster start --executors 1 --cores 2")
        running.run("import threading, ray, raydp_magic as rdm\nsc = spark.sparkContext")
        running.run("rdm.to_ray(spark.range(10)).count()")  # workers are warm
        yield running


def last(cell):
    return cell.progress[-1]["text/plain"]


def test_a_plain_cell_s_job_is_shown_while_it_runs_and_is_one_line_in_the_end(k):
    cell = k.run(SLOW.format(n=8, s=0.7))
    bars = [data["text/plain"] for data in cell.progress[:-1]]
    assert any(re.search(r"Spark job \d+ \[=+-+\] [1-7]/8 tasks", bar) for bar in bars)
    assert 'role="progressbar"' in cell.progress[0]["text/html"]
    assert re.match(r"Spark: 1 job, 8 tasks, .*\d s$", last(cell))
    assert cell.progress[-1]["text/html"].count("<div") == 1


def test_short_jobs_show_nothing(k):
    assert k.run("spark.range(3).count()").progress == []


def test_jobs_of_a_cell_s_threads_are_the_cell_s(k):
    cell = k.run(
        f"def work(): {SLOW.format(n=4, s=0.8)}\n"
        "both = [threading.Thread(target=work) for _ in range(2)]\n"
        "[thread.start() for thread in both]; [thread.join() for thread in both]; None"
    )
    assert any("Spark 2 jobs [" in data["text/plain"] for data in cell.progress)
    assert last(cell).startswith("Spark: 2 jobs, 8 tasks")


def test_queued_cells_each_have_their_own(k):
    ids = [k.send(SLOW.format(n=n, s=0.5)) for n in (4, 6)]
    first, second = (k.result(one) for one in ids)
    assert last(first).startswith("Spark: 1 job, 4 tasks")
    assert last(second).startswith("Spark: 1 job, 6 tasks")


def test_stages_that_are_skipped_are_said(k):
    k.run("pairs = sc.parallelize(range(4), 2).map(lambda i: (i, 1)).reduceByKey(lambda a, b: a)")
    k.run("pairs.count()")
    cell = k.run("pairs.map(lambda i: __import__('time').sleep(1)).count()")
    assert "skipped: its result was there already" in "".join(
        data["text/html"] for data in cell.progress
    )
    assert "1 stage skipped" in last(cell)


def test_a_failed_job_is_said(k):
    cell = k.fail(
        "sc.parallelize(range(4), 4).map(lambda i: (__import__('time').sleep(0.6), 1 // 0)).count()"
    )
    assert re.search(r"1 job, 1 failed, .*tasks? failed", last(cell))


def test_sql_in_a_magic_cell_and_a_conversion(k):
    k.run(
        "frame = spark.createDataFrame(sc.parallelize(range(4), 4)"
        ".map(lambda i: (__import__('time').sleep(0.6), (i,))[1]), 'a int')"
    )
    cell = k.run("%%raydp_sql -o slow --to ray -q\nSELECT a FROM frame")
    assert "Bridge spark -&gt; ray" in "".join(data["text/html"] for data in cell.progress)
    assert re.search(r"Spark: 1 job.* · Bridge spark -> ray: 4 rows, 16 B", last(cell))


def test_ray_data_is_shown_in_the_same_place_without_bars_of_its_own(k):
    cell = k.run(
        "ray.data.range(8, override_num_blocks=8)"
        ".map_batches(lambda b: (__import__('time').sleep(0.4), b)[1], batch_size=None).take_all(); 1"
    )
    assert re.match(r"Ray Data: .*8 rows", last(cell))
    assert "Running Dataset" not in cell.text


def test_off_is_off(k):
    k.run("%config RaydpMagics.progress = 'off'")
    assert k.run(SLOW.format(n=4, s=0.6)).progress == []
    k.run("%config RaydpMagics.progress = 'auto'")
    assert k.run(SLOW.format(n=4, s=0.6)).progress


# Interrupt ---------------------------------------------------------------------------------------

# A task says where it runs; one that is interrupted takes that away, one that is ended cannot.
TASKS = """
def while_it_runs(path):
    import os, time
    with open(path, 'w') as file:
        file.write(str(os.getpid()))
    try:
        for _ in range(STEPS):
            time.sleep(600 / STEPS)
    finally:
        os.unlink(path)
long = ray.remote(num_cpus=0.1)(while_it_runs)
"""


def runs(path):
    try:
        return psutil.pid_exists(int(path.read_text() or -1))
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (3000, "ray.get([long.remote(one) for one in (A, B)])"),
        (3000, "long.remote(A); long.remote(B)\n__import__('time').sleep(600)"),
        (
            1,
            "refs = [long.remote(one) for one in (A, B)]\ntry:\n    ray.get(refs)\nexcept KeyboardInterrupt: pass",
        ),
        (
            3000,
            "from concurrent.futures import ThreadPoolExecutor as Pool\nask = lambda one: ray.get(long.remote(one))\nlist(Pool(2).map(ask, (A, B)))",
        ),
    ],
    ids=["waited for", "forgotten", "swallowed, in a long call", "of the cell's threads"],
)
def test_an_interrupt_ends_the_cell_s_ray_tasks_and_no_other_cell_s(k, steps, code, tmp_path):
    kept, a, b = (tmp_path / name for name in ("kept", "a", "b"))
    k.run(f"KEPT, A, B, STEPS = {str(kept)!r}, {str(a)!r}, {str(b)!r}, {steps}\n{TASKS}")
    k.run("other = long.remote(KEPT)")
    cell = k.send(code)
    wait_until(lambda: runs(kept) and runs(a) and runs(b), 30, "the tasks run")
    began = time.monotonic()
    k.manager.interrupt_kernel()
    k.result(cell, 30)
    took = time.monotonic() - began
    wait_until(lambda: not runs(a) and not runs(b), 15, "the tasks were ended")
    assert runs(kept)
    assert took < 5
    k.run("ray.cancel(other, force=True)")
    assert "3" in k.run("spark.range(3).count()").all_text


def test_an_interrupt_of_ray_data_ends_it(k, tmp_path):
    mark = tmp_path / "runs"
    k.run(f"STEPS = 1\n{TASKS}")
    cell = k.send(
        "ray.data.range(1, override_num_blocks=1)"
        f".map_batches(lambda b: while_it_runs({str(mark)!r})).take_all()"
    )
    wait_until(lambda: runs(mark), 60, "it runs")
    k.manager.interrupt_kernel()
    assert k.result(cell, 30).error is not None
    wait_until(lambda: not runs(mark), 15, "its tasks were ended")


def test_an_interrupt_of_a_plain_cell_is_one_line(k):
    cell = k.send(f"slow = 1\n{SLOW.format(n=2, s=600)}")
    wait_for_progress(k, cell)
    k.manager.interrupt_kernel()
    error = k.result(cell, 30).error
    assert error["ename"] == "KeyboardInterrupt"
    assert error["traceback"] == [
        "Cell line 2: KeyboardInterrupt: stopped; what it had started is cancelled"
    ]
    own = k.fail("raise KeyboardInterrupt").error  # a person's own looks as ever
    assert "Traceback" in "\n".join(own["traceback"])


def test_an_interrupt_ends_jobs_of_the_cell_s_threads(k):
    cell = k.send(
        f"thread = threading.Thread(target=lambda: {SLOW.format(n=2, s=600)})\n"
        "thread.start(); thread.join()"
    )
    active = "print(list(sc.statusTracker().getActiveJobsIds()))"
    wait_for_progress(k, cell)
    k.manager.interrupt_kernel()
    k.result(cell, 30)
    wait_until(lambda: "[]" in k.run(active).text, 15, "the jobs were cancelled")


def wait_for_progress(k, cell):
    while True:
        message = k.client.get_iopub_msg(timeout=30)
        if (
            message["parent_header"].get("msg_id") == cell
            and message["msg_type"] == "display_data"
            and "Spark job" in str(message["content"])
        ):
            return


def test_after_a_stop_ray_data_has_its_own_bars_again(k):
    # As a value: what an interrupted thread of an earlier cell prints comes with any cell's text.
    bars = "ray.data.DataContext.get_current().enable_progress_bars"
    assert k.run(bars).displays[-1]["text/plain"] == "False"
    k.run("%raydp_cluster stop")
    assert k.run(bars).displays[-1]["text/plain"] == "True"
