"""From the kernel's interrupt to the cell's end, for all that a cell may be doing.

    python benchmarks/interrupt.py [--rounds 3]

A real kernel runs each cell until its work is under way, is interrupted as by the stop button, and
the time until the kernel is idle again is taken. Work of Spark's is under way when its REST API
names active tasks; Ray's tasks have three seconds. Nothing is asserted. Figure to reach: 2 s.
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "integration"))

from kernel import Kernel, kernel  # noqa: E402 -- the tests' kernel

START = "%raydp_cluster start --executors 1"
SLEEP = "__import__('time').sleep(600)"
CELLS = {
    "a Spark job, Python": f"spark.range(4).rdd.map(lambda r: {SLEEP}).count()",
    "a Spark job, SQL": "%%raydp_sql\nSELECT sum(a.id * b.id * c.id) "
    "FROM range(1000000) a, range(1000000) b, range(1000000) c",
    "to_ray": f"rdm.to_ray(spark.range(4).rdd.map(lambda r: ({SLEEP}, 1)).toDF('a int, b int'))",
    "a Spark job after an await": "import asyncio\nawait asyncio.sleep(0)\n"
    f"spark.range(4).rdd.map(lambda r: {SLEEP}).count()",
}
RAY_CELLS = {
    f"{number:,} Ray tasks": f"sleep = ray.remote(num_cpus=0.1)(lambda: {SLEEP})\n"
    f"ray.get([sleep.remote() for _ in range({number})])"
    for number in (4, 10_000)
} | {
    "to_spark of a lazy Dataset": "rdm.to_spark(ray.data.range(4).map_batches("
    f"lambda b: {SLEEP} or b, batch_size=1)).count()",
}
PHASES = {
    "start, Ray coming up": "Ray ...",
    "start, driver coming up": "Ray up, driver ...",
    "start, executors coming up": "driver up, 0/1 executors",
}


def interrupted(k: Kernel, cell: str) -> float:
    began = time.perf_counter()
    k.manager.interrupt_kernel()
    done = k.result(cell, 120)
    assert done.error is not None, done.all_text
    return time.perf_counter() - began


def during_start(k: Kernel, words: str) -> float:
    cell = k.send(START)
    while True:
        try:
            message = k.client.get_iopub_msg(timeout=90)
        except queue.Empty:
            raise SystemExit(f"the start never said {words!r}") from None
        if message["parent_header"].get("msg_id") == cell and words in str(message["content"]):
            time.sleep(0.5)  # it says so before it begins
            return interrupted(k, cell)


def active_jobs(jobs: str) -> bool:
    with urllib.request.urlopen(f"{jobs}?status=running", timeout=10) as answer:
        return any(job["numActiveTasks"] for job in json.load(answer))


def until(jobs: str, *, active: bool) -> None:
    deadline = time.monotonic() + 90
    while active_jobs(jobs) != active:
        if time.monotonic() > deadline:
            raise SystemExit("Spark's jobs did not begin, or did not end")
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    found: dict[str, list[float]] = {}
    with kernel() as k:
        k.run("%load_ext raydp_magic\nimport raydp_magic as rdm")
        for name, words in PHASES.items():
            found[name] = [during_start(k, words) for _ in range(rounds)]
        k.run(START)
        k.run("import ray")
        k.run("rdm.to_spark(rdm.to_ray(spark.range(10))).count()")
        ask = "print(spark.sparkContext.uiWebUrl, spark.sparkContext.applicationId)"
        ui, app = k.run(ask).text.split()
        jobs = f"{ui}/api/v1/applications/{app}/jobs"
        for name, cell in (CELLS | RAY_CELLS).items():
            found[name] = []
            for _ in range(rounds):
                until(jobs, active=False)
                sent = k.send(cell)
                if name in CELLS:
                    until(jobs, active=True)
                else:
                    time.sleep(3)
                found[name].append(interrupted(k, sent))
            print(name, found[name], file=sys.stderr)
    print("| a cell that runs | interrupt to idle |\n|---|--:|")
    for name, took in found.items():
        print(f"| {name} | {statistics.median(took):.2f} s ({min(took):.2f} to {max(took):.2f}) |")


if __name__ == "__main__":
    main()
