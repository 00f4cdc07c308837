"""What progress under a cell costs: a job's time, and the CPU of the kernel and Spark's driver.

    python benchmarks/progress.py [--rounds 5] [--tasks 400] [--task-ms 100]

In a real kernel the same cell runs with `%config RaydpMagics.progress` 'auto' and 'off' in turns,
first one, then the other, the order changing from round to round. A cell's tasks sleep: its time
is the scheduler's, and CPU that is burnt beside it shows. CPU is the kernel's process and the
driver's JVM, from the cell's begin to its end. Nothing is asserted. Figure to reach: progress takes
under 1 % of one CPU and no more time than 'off' within the spread.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "integration"))

from kernel import Kernel, kernel  # noqa: E402 -- the tests' kernel


def cpu_seconds(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(spent.user + spent.system for spent in times)


def measure(
    k: Kernel, cell: str, kernel_process: psutil.Process, driver: list[psutil.Process]
) -> tuple[float, float, float, int]:
    """Wall seconds, CPU seconds of the kernel and of the driver, and updates of one run."""
    before = cpu_seconds([kernel_process]), cpu_seconds(driver)
    began = time.perf_counter()
    done = k.run(cell, timeout=600)
    wall = time.perf_counter() - began
    after = cpu_seconds([kernel_process]), cpu_seconds(driver)
    return wall, after[0] - before[0], after[1] - before[1], len(done.progress)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--task-ms", type=int, default=100)
    options = parser.parse_args()
    cell = (
        f"sc.parallelize(range({options.tasks}), {options.tasks})"
        f".map(lambda i: __import__('time').sleep({options.task_ms / 1000})).count()"
    )
    found: dict[str, list[tuple[float, float, float, int]]] = {"auto": [], "off": []}
    with kernel() as k:
        k.run("%load_ext raydp_magic\n%raydp_cluster start --executors 2 --cores 1")
        k.run("sc = spark.sparkContext")
        parent = psutil.Process(k.pid)
        driver = [p for p in parent.children() if "raydp_magic-driver" in " ".join(p.cmdline())]
        k.run(cell)  # warm
        for number in range(options.rounds):
            order = ("auto", "off") if number % 2 else ("off", "auto")
            for which in order:
                k.run(f"%config RaydpMagics.progress = {which!r}")
                found[which].append(measure(k, cell, parent, driver))
    print(f"{options.tasks} tasks of {options.task_ms} ms on 2 cores, {options.rounds} rounds")
    for which, runs in found.items():
        walls, kernels, drivers, updates = zip(*runs, strict=True)
        print(
            f"{which:>5}: {statistics.median(walls):6.2f} s ({min(walls):.2f}-{max(walls):.2f}), "
            f"CPU of the kernel {spread(kernels)}, of Spark's driver {spread(drivers)}, "
            f"{statistics.median(updates):.0f} updates"
        )
    on, off = (statistics.median(run[1] + run[2] for run in found[w]) for w in ("auto", "off"))
    wall = statistics.median(run[0] for run in found["auto"])
    print(f"progress: {100 * (on - off) / wall:.2f} % of one CPU while the cell runs")


def spread(values: tuple[float, ...]) -> str:
    return f"{statistics.median(values):.2f} s ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
