"""One side of `bridge.py`, in a process of its own.

    python bridge_side.py raydp_magic|raydp RESULT.json CASE ROWS PARTITIONS RUNS PARQUET_RUNS

Starts 2 executors of 1 core, caches the case's table, and measures conversions of it, each
RUNS times after a warm-up; with ours also PARQUET_RUNS through files. Runs in RayDP's environment
too: it needs Ray and the library only.
"""

from __future__ import annotations

import contextlib
import gc
import json
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import ray

EXECUTORS, CORES, MEMORY = 2, 1, "4g"
RAY_CPUS = 4

TABLES = {
    "mixed": ["id", "rand(1) AS a", "rand(2) AS b", "rand(3) AS c", "CAST(id AS STRING) AS s"],
    "strings": ["id", *(f"repeat(CAST(id + {n} AS STRING), 4) AS s{n}" for n in range(4))],
    "nested": [
        "id",
        "array(id, id + 1, id + 2) AS list",
        "named_struct('x', rand(1), 'y', CAST(id AS STRING)) AS point",
    ],
    "wide": ["id", *(f"id + {n} AS c{n}" for n in range(200))],
}
SUMS = {
    "mixed": ["sum(id)", "sum(a)", "sum(b)", "sum(c)", "sum(length(s))"],
    "strings": ["sum(id)", *(f"sum(length(s{n}))" for n in range(4))],
    "nested": ["sum(id)", "sum(list[1])", "sum(point.x)", "sum(length(point.y))"],
    "wide": ["sum(id)", *(f"sum(c{n})" for n in range(200))],
}


class Ours:
    name = "raydp_magic"

    def start(self):
        import raydp_magic as rdm

        self.rdm = rdm
        return rdm.start(executors=EXECUTORS, cores=CORES, memory=MEMORY).spark

    def to_ray(self, df):
        return self.rdm.to_ray(df)

    def to_spark(self, dataset, spark):
        return self.rdm.to_spark(dataset, spark=spark)

    def let_go(self, frame):
        self.rdm.release(frame)


class Theirs:
    name = "raydp"

    def start(self):
        import raydp

        return raydp.init_spark("benchmark", EXECUTORS, CORES, MEMORY)

    def to_ray(self, df):
        return ray.data.from_spark(df).materialize()

    def to_spark(self, dataset, spark):
        return dataset.to_spark(spark)

    def let_go(self, frame):
        pass


def dropped(batches):
    """The floor: rows reach Python as Arrow and go no further."""
    import pyarrow as pa

    rows = sum(batch.num_rows for batch in batches)
    yield pa.RecordBatch.from_pydict({"rows": [rows]})


class Peak(threading.Thread):
    """Most memory of Spark's Python workers and of Ray's, above the start's.

    Counted is what is their own: neither files nor shared memory, where the data itself lies.
    """

    def __init__(self):
        super().__init__(daemon=True)
        self.ends = threading.Event()
        self.base, self.most = self._now(), 0

    def _now(self):
        total = 0
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or ())
            if ("pyspark" in line and "daemon" in line) or line.startswith("ray::"):
                with contextlib.suppress(OSError):  # it has ended
                    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
                    total += int(rollup.partition("Anonymous:")[2].split()[0]) * 1024
        return total

    def run(self):
        while not self.ends.wait(0.2):
            self.most = max(self.most, self._now() - self.base)

    def stop(self):
        self.ends.set()
        self.join()
        return self.most


def timed(runs, **calls):
    """Seconds of each call, in turns (A B A B ...), after one of each that is not counted."""
    took = {name: [] for name in calls}
    for turn in range(runs + 1):
        for name, call in calls.items():
            gc.collect()
            began = time.perf_counter()
            result = call()
            if turn:
                took[name].append(time.perf_counter() - began)
            del result
    return took


def main():
    library, result, case, *numbers = sys.argv[1:]
    rows, partitions, runs, parquet_runs = map(int, numbers)
    side = {"raydp_magic": Ours, "raydp": Theirs}[library]()
    ray.init(num_cpus=RAY_CPUS, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    spark = side.start()
    df = spark.range(0, rows, 1, partitions).selectExpr(*TABLES[case]).cache()
    expected = df.selectExpr(*SUMS[case]).first()
    small = spark.range(0, 100_000, 1, 2).selectExpr(*TABLES[case])

    began = time.perf_counter()
    side.to_ray(small).count()
    found = {"first_s": time.perf_counter() - began}

    floor = df.mapInArrow(dropped, "rows long").selectExpr("sum(rows)")
    peak = Peak()
    peak.start()
    found |= timed(runs, floor_s=floor.first, to_ray_s=lambda: side.to_ray(df))
    found["peak_bytes"] = peak.stop()
    dataset = side.to_ray(df)
    found["bytes"] = dataset.size_bytes()

    def aggregate():
        frame = side.to_spark(dataset, spark)
        values = frame.selectExpr(*SUMS[case]).first()
        side.let_go(frame)
        return values

    got = aggregate()
    for mine, theirs in zip(got, expected, strict=True):
        if abs(mine - theirs) > 1e-6 * abs(theirs):
            raise SystemExit(f"{library} brought back {got}, not {expected}")
    found |= timed(runs, to_spark_s=aggregate)

    if library == "raydp_magic" and parquet_runs:
        folder = tempfile.mkdtemp(dir="/dev/shm")
        try:
            found |= timed(parquet_runs, parquet_to_ray_s=lambda: through_parquet(df, folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    Path(result).write_text(json.dumps(found))


def through_parquet(df, folder):
    """The way that needs no bridge: Spark writes files, Ray Data reads them."""
    df.write.mode("overwrite").parquet(f"{folder}/table")
    return ray.data.read_parquet(f"{folder}/table").materialize()


if __name__ == "__main__":
    main()
