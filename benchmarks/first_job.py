"""One measurement of `startup.py`, in a process of its own: start, first job, stop.

    python first_job.py raydp_magic|raydp RESULT.json

Ray is started before the clock. What a person waits for after that is counted: the imports of
the library and of Spark, the start, and one job that both executors could take part in. Runs in
RayDP's environment too, so it needs nothing but Ray and the library itself.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import ray

EXECUTORS, CORES, MEMORY = 2, 1, "1g"
RAY_CPUS = 4
EXPECTED = sum(range(1000))


def start_raydp_magic():
    import raydp_magic as rdm

    cluster = rdm.start(executors=EXECUTORS, cores=CORES, memory=MEMORY)
    return cluster.spark, cluster.stop


def start_raydp():
    import raydp

    spark = raydp.init_spark("benchmark", EXECUTORS, CORES, MEMORY)
    return spark, raydp.stop_spark


def measure(start) -> dict[str, float]:
    """Seconds from the call to a running session, and on to the first job's result."""
    began = time.perf_counter()
    spark, stop = start()
    started = time.perf_counter()
    [row] = spark.range(1000).selectExpr("sum(id) AS total").collect()
    ended = time.perf_counter()
    if row.total != EXPECTED:
        raise SystemExit(f"the first job gave {row.total}, not {EXPECTED}")
    java = spark.sparkContext._jvm.java.lang.System.getProperty("java.version")  # noqa: SLF001
    stop()
    return {
        "start_s": started - began,
        "first_job_s": ended - started,
        "total_s": ended - began,
        "java": java,
    }


def main() -> None:
    side, result = sys.argv[1:]
    start = {"raydp_magic": start_raydp_magic, "raydp": start_raydp}[side]
    before = time.perf_counter()
    ray.init(num_cpus=RAY_CPUS, log_to_driver=False)
    ray_s = time.perf_counter() - before
    measured = measure(start)
    ray.shutdown()
    versions = {name: version(name) for name in ("ray", "pyspark")}
    if side == "raydp":
        versions["raydp"] = version("raydp")
    found = {
        "side": side,
        "ray_init_s": ray_s,
        **measured,
        "python": platform.python_version(),
        "ray_auth_mode": os.environ.get("RAY_AUTH_MODE", ""),
        **versions,
    }
    Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
