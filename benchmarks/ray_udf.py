"""`map_batches` beside a pandas UDF that does the same work.

    python benchmarks/ray_udf.py [--rounds 3] [--cases cheap,even,...] [--json FILE]

One process, a Ray of 4 CPUs, 2 executors of 1 core: Spark has 2 slots, Ray 2 CPUs left. Both sides
run the same query in turns (A B A B ...) after one warm-up each; the medians and their ratio
count. A row's cost is CPU time that is really spent (spun), or time that is waited. Nothing is
asserted about the time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pandas as pd
import ray
from contest import machine

import raydp_magic as rdm

RAY_CPUS, EXECUTORS = 4, 2
ROWS = 20_000
BATCH = 100
PARTITIONS = 8


def spin(seconds):
    """Spend CPU time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Model:
    """Takes two seconds of CPU to load."""

    def __init__(self):
        spin(2.0)

    def __call__(self, batch):
        spin(float(batch["micros"].sum()) / 1e6)
        return {"y": batch["micros"]}


@dataclass(frozen=True)
class Case:
    """The same work in two ways."""

    what: str
    frame: object
    pandas: object
    through_ray: object


def spinning(batch):
    spin(float(batch["micros"].sum()) / 1e6)
    return {"y": batch["micros"]}


def waiting(batch):
    time.sleep(float(batch["micros"].sum()) / 1e6)
    return {"y": batch["micros"]}


def adding(batch):
    return {"y": batch["micros"] + 1}


def as_pandas(function):
    """The function for `mapInPandas`, which gets batches of the same size."""

    def body(frames):
        for frame in frames:
            yield pd.DataFrame(function(frame))

    return lambda df: df.mapInPandas(body, "y long")


def with_model(df):
    def body(frames):
        model = Model()
        for frame in frames:
            yield pd.DataFrame(model(frame))

    return df.mapInPandas(body, "y long")


def through(fn, **options):
    return lambda df: rdm.map_batches(df, fn, schema="y long", batch_size=BATCH, **options)


def cases(spark):
    """All of them; `micros` is a row's cost."""
    even = spark.range(0, ROWS, 1, PARTITIONS).selectExpr("400L AS micros")
    # As data sorted by size or time is: nine tenths of the work in the first of eight partitions.
    first = ROWS // PARTITIONS
    uneven = spark.range(0, ROWS, 1, PARTITIONS).selectExpr(
        f"IF(id < {first}, 2880L, 46L) AS micros"
    )
    rows = spark.range(0, 2_000_000, 1, PARTITIONS).selectExpr("id AS micros")
    pandas_spin = as_pandas(spinning)
    return {
        "cheap": Case(
            "2 M rows, one addition",
            rows,
            as_pandas(adding),
            lambda df: rdm.map_batches(df, adding, schema="y long", batch_size=10_000),
        ),
        "even": Case("8 s of CPU, evenly", even, pandas_spin, through(spinning)),
        "uneven": Case(
            "8 s of CPU, 9/10 of it in 1 of 8 partitions", uneven, pandas_spin, through(spinning)
        ),
        "repartitioned": Case(
            "the same, repartitioned for the UDF",
            uneven,
            lambda df: pandas_spin(df.repartition(64)),
            through(spinning),
        ),
        "waiting": Case(
            "8 s of waiting, 20 at a time in Ray",
            even,
            as_pandas(waiting),
            through(waiting, num_cpus=0.1),
        ),
        "model": Case(
            "8 s of CPU, a model of 2 s to load, 8 tasks", even, with_model, through(Model)
        ),
    }


def timed(frame):
    began = time.perf_counter()
    frame.write.format("noop").mode("overwrite").save()
    return time.perf_counter() - began


def measure(case, rounds):
    took = {"pandas": [], "ray": []}
    for turn in range(rounds + 1):
        for side, make in (("pandas", case.pandas), ("ray", case.through_ray)):
            seconds = timed(make(case.frame))
            if turn:
                took[side].append(seconds)
    return took


def table(results):
    lines = ["| work | pandas UDF | `map_batches` | pandas / Ray |", "|---|--:|--:|--:|"]
    for what, took in results.items():
        one, other = median(took["pandas"]), median(took["ray"])
        lines.append(f"| {what} | {one:.1f} s | {other:.1f} s | {one / other:.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="after the warm-up (3)")
    parser.add_argument("--cases", help="all by default")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    asked = parser.parse_args()
    ray.init(num_cpus=RAY_CPUS, address="local", log_to_driver=False, logging_level="ERROR")
    conf = {"spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH)}
    with rdm.start(executors=EXECUTORS, cores=1, memory="1g", conf=conf) as cluster:
        known = cases(cluster.spark)
        wanted = asked.cases.split(",") if asked.cases else list(known)
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise SystemExit(f"no case {unknown[0]!r}; there are {', '.join(known)}")
        results = {}
        for name in wanted:
            # The cheap one as Spark comes: batches of 10,000 rows.
            size = 10_000 if name == "cheap" else BATCH
            cluster.spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", size)
            results[known[name].what] = measure(known[name], asked.rounds)
            print(f"{name}: {results[known[name].what]}", file=sys.stderr)
    ray.shutdown()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    print(f"{today}, {machine()}, median of {asked.rounds} after a warm-up\n\n{table(results)}")
    if asked.json:
        report = {"date": today, "machine": machine(), "measurements": results}
        asked.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
