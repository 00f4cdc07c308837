"""Make the class archives: a small Spark application whose JVMs write down what they loaded.

Runs in a process of its own, ``python -m raydp_magic.engine.archive_maker``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from raydp_magic.engine import launch
from raydp_magic.engine.archive import archive_path
from raydp_magic.engine.driver import DriverJvm, worker_python
from raydp_magic.engine.java import JavaHome, find_java, supported_for
from raydp_magic.engine.spark_home import find_spark
from raydp_magic.errors import StartError
from raydp_magic.spec import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

REGISTER_SECONDS = 120.0
WRITE_SECONDS = 180.0


def make() -> list[Path]:
    """Make both archives unless they are there; returns their paths.

    Raises
    ------
    StartError
        When a JVM ended early or wrote no archive.
    """
    spark = find_spark()
    java = find_java(supported=supported_for(spark.version))
    wanted = {role: archive_path(java, spark, role) for role in ("driver", "executor")}
    if all(path.is_file() for path in wanted.values()):
        return list(wanted.values())
    folder = wanted["executor"].parent
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder / "lock"):
        if all(path.is_file() for path in wanted.values()):
            return list(wanted.values())  # somebody else made them meanwhile
        drafts = {role: path.with_name(f"draft-{role}") for role, path in wanted.items()}
        for path in [*drafts.values(), *(p for w in wanted.values() for p in _older(w))]:
            path.unlink(missing_ok=True)
        try:
            _record(java, spark, {role: str(path) for role, path in drafts.items()})
        except subprocess.TimeoutExpired as error:
            raise StartError("A JVM took too long to write its class archive") from error
        for role, draft in drafts.items():
            if not draft.is_file():
                raise StartError(f"Java {java.version} wrote no class archive for the {role}")
            draft.replace(wanted[role])
    return list(wanted.values())


def _older(path: Path) -> list[Path]:
    """Archives of the same Java and Spark releases from an earlier installation."""
    return list(path.parent.glob(f"{path.name.rpartition('-')[0]}-*"))


def _record(java: JavaHome, spark: launch.SparkHome, drafts: dict[str, str]) -> None:
    spec = ClusterSpec(executors=1)
    secret = launch.Secret(secrets.token_hex(32))
    driver = DriverJvm(
        spec,
        java=java,
        spark=spark,
        host=launch.LOOPBACK,
        secret=secret,
        archive=launch.Archive(drafts["driver"], record=True),
    )
    try:
        session = driver.open_session(REGISTER_SECONDS)
        executor = _executor(
            driver, spec, java=java, spark=spark, secret=secret, draft=drafts["executor"]
        )
        deadline = time.monotonic() + REGISTER_SECONDS
        while not driver.registered_executors():
            if executor.poll() is not None or time.monotonic() > deadline:
                raise StartError("the executor of the archive's application did not start")
            time.sleep(0.1)
        _exercise(session, driver.dir.folder("data"))
        session.stop()
        executor.wait(WRITE_SECONDS)
        driver.close_input()
        driver.process.wait(WRITE_SECONDS)
    finally:
        driver.stop()


def _executor(
    driver: DriverJvm,
    spec: ClusterSpec,
    *,
    java: JavaHome,
    spark: launch.SparkHome,
    secret: str,
    draft: str,
) -> subprocess.Popen[bytes]:
    local_dir = driver.dir.folder("executor")
    argv = launch.executor_command(
        java,
        spark,
        spec,
        driver.address(),
        executor_id="0",
        host=launch.LOOPBACK,
        log4j=driver.dir.file("executor-log4j2.properties", launch.log4j_text()),
        local_dir=local_dir,
        archive=launch.Archive(draft, record=True),
    )
    env = launch.spark_environment(
        os.environ, java, spark, host=launch.LOOPBACK, local_dir=local_dir, python=worker_python()
    )
    env[launch.SECRET_VARIABLE] = secret
    process = subprocess.Popen(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=local_dir,
        start_new_session=True,
    )
    driver.dir.register_group(process.pid)
    return process


def _exercise(session: SparkSession, folder: str) -> None:
    """Load what a usual first minute loads: SQL, a shuffle, Parquet, Arrow, Python workers."""
    frame = session.range(0, 1000, 1, 2).selectExpr(
        "id", "id % 7 AS k", "rand() AS x", "cast(id AS string) AS s", "array(id) AS a"
    )
    frame.selectExpr("sum(id)").collect()
    frame.groupBy("k").agg({"x": "avg", "s": "max"}).orderBy("k").collect()
    frame.join(frame.withColumnRenamed("x", "y").select("id", "y"), "id").count()
    frame.write.parquet(f"{folder}/frame")
    session.read.parquet(f"{folder}/frame").createOrReplaceTempView("frame")
    session.sql("SELECT k, count(*) AS n, avg(x) AS x FROM frame GROUP BY k").toPandas()

    def same(batches: Iterator[Any]) -> Iterator[Any]:
        yield from batches

    frame.select("id", "s").mapInArrow(same, "id long, s string").collect()


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Wait for our turn; the lock goes with the process, however that ends."""
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _end_with_input() -> None:
    """The process that wanted the archives has ended: so do we, and our reaper cleans up."""
    while os.read(0, 4096):  # not sys.stdin: its lock would abort an interpreter that ends
        pass
    os._exit(0)


def main() -> None:
    """Entry point; ``--background`` has a low priority and ends with its standard input."""
    if "--background" in sys.argv:
        os.nice(10)  # not less: its JVMs must also end in time
        threading.Thread(target=_end_with_input, daemon=True).start()
    make()


if __name__ == "__main__":
    main()
