"""Start, use, resize and stop Spark on Ray."""

import os
import pathlib
import re
import signal
import socket

import psutil
import pytest
from machine import executor_jvms, jvms_of, our_files, wait_until

import raydp_magic as rdm
from raydp_magic.errors import (
    AlreadyRunningError,
    DoesNotFitError,
    ForeignSparkError,
    NotRunningError,
    PortInUseError,
    StartError,
    UsageError,
)

pytestmark = pytest.mark.spark35


def test_spark_computes_on_the_executors(spark):
    assert spark.range(1000).selectExpr("sum(id)").first()[0] == 499500
    rows = spark.range(1000).selectExpr("id % 7 AS k").groupBy("k").count().orderBy("k").collect()
    assert [row["count"] for row in rows] == [143, 143, 143, 143, 143, 143, 142]


def test_python_workers_run(spark):
    import pandas as pd
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("long")
    def plus_one(s: pd.Series) -> pd.Series:
        return s + 1

    assert spark.sparkContext.parallelize(range(100), 4).map(lambda x: x * x).sum() == 328350
    assert spark.range(10).select(plus_one("id").alias("x")).groupBy().sum("x").first()[0] == 55


def test_both_executors_take_tasks(cluster, spark):
    def busy(numbers):
        import os
        import time

        time.sleep(0.5)
        yield os.getppid()  # a daemon of its own forks the workers of each executor

    assert len(set(spark.sparkContext.parallelize(range(8), 8).mapPartitions(busy).collect())) == 2


def test_ray_has_reserved_what_spark_uses(cluster, ray4):
    reserved = ray4.cluster_resources()["CPU"] - ray4.available_resources()["CPU"]
    assert reserved == 2
    memory = ray4.cluster_resources()["memory"] - ray4.available_resources()["memory"]
    assert memory == 2 * cluster.spec.reserved_bytes


def test_every_listener_is_on_loopback(cluster):
    assert len(jvms_of(cluster)) == 3
    for pid in jvms_of(cluster):
        for connection in psutil.Process(pid).net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip in ("127.0.0.1", "::1", "::ffff:127.0.0.1")


def test_the_secret_is_nowhere_to_be_read(cluster, spark):
    pid = next(iter(executor_jvms(cluster)))
    environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    [secret] = [
        v.split(b"=", 1)[1].decode() for v in environment if v.startswith(b"_SPARK_AUTH_SECRET=")
    ]
    assert len(secret) == 64

    seen = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
    seen += [f"{k}={v}" for k, v in spark.sparkContext.getConf().getAll()]
    seen += [f"{k}={v}" for k, v in os.environ.items()]
    seen += [repr(cluster), repr(cluster.spec), repr(cluster.status()), cluster.logs(lines=10_000)]
    import ray
    from ray.util.state import list_actors, list_tasks, list_workers

    address = ray.get_runtime_context().gcs_address
    seen += [
        repr(of(address=address, detail=True)) for of in (list_actors, list_tasks, list_workers)
    ]
    for folder in our_files():
        for root, _, names in os.walk(folder):
            for name in names:
                path = pathlib.Path(root, name)
                if path.is_file():
                    seen.append(path.read_bytes().decode(errors="replace"))
    session = pathlib.Path("/tmp/ray/session_latest/logs")
    seen += [p.read_text(errors="replace") for p in session.glob("*") if p.is_file()]
    rest = f"{spark.sparkContext.uiWebUrl}/environment/"
    import urllib.request

    seen.append(urllib.request.urlopen(rest).read().decode())
    assert not [text[:200] for text in seen if secret in text]


def test_relative_paths_are_the_user_s(spark):
    import uuid

    name = f"relative_{uuid.uuid4().hex}"
    spark.range(3).write.parquet(name)
    try:
        assert os.path.isdir(name)
        assert spark.read.parquet(name).count() == 3
    finally:
        import shutil

        shutil.rmtree(name)


def test_the_same_request_again_gives_the_running_cluster(cluster):
    assert rdm.start(executors=2, cores=1, memory="1024m") is cluster
    assert rdm.current() is cluster


def test_another_request_names_both(cluster):
    with pytest.raises(AlreadyRunningError) as caught:
        rdm.start(executors=3, cores=1, memory="1g")
    assert "--executors 2 --cores 1" in str(caught.value)
    assert "--executors 3 --cores 1" in str(caught.value)


def test_status_tells_nodes_and_executors(cluster, spark):
    spark.range(100).count()
    status = cluster.status()
    assert status.state == "running"
    assert status.executors_up == status.executors_wanted == 2
    assert [executor.state for executor in status.executors] == ["up", "up"]
    [node] = status.nodes
    assert (node.cpu_total, node.cpu_reserved, node.spark_executors) == (4, 2, 2)
    assert node.memory_used > 0
    assert node.store_total > 0
    assert wait_until(lambda: sum(e.completed_tasks for e in cluster.status().executors) > 0)


def test_logs(cluster):
    assert "executor 0" in cluster.logs("0")
    assert "--- driver ---" in cluster.logs()
    with pytest.raises(UsageError, match="No executor '99'"):
        cluster.logs("99")


def test_an_executor_s_two_streams_are_apart(cluster, spark):
    def speak(_):
        import os

        os.write(1, b"printed by a task\n")
        os.write(2, b"from a task\n")

    spark.sparkContext.parallelize(range(4), 4).foreach(speak)
    for words in ("from a task", "printed by a task"):  # Spark sends both to its standard error
        wait_until(lambda words=words: words in cluster.logs(stream="stderr"), 15)
    # A JVM tells what its threads do on its standard output.
    os.kill(min(executor_jvms(cluster)), signal.SIGQUIT)
    wait_until(lambda: "Full thread dump" in cluster.logs(lines=5000, stream="stdout"), 15)
    assert "Full thread dump" not in cluster.logs(lines=5000, stream="stderr")
    assert "by a task" not in cluster.logs(lines=5000, stream="stdout")


def test_scaling_up_and_down_keeps_cached_data(cluster, spark, ray4):
    frame = spark.range(0, 1000, 1, 4).selectExpr("id", "uuid() AS random").cache()
    before = {row["id"]: row["random"] for row in frame.collect()}
    cluster.scale(3)
    wait_until(lambda: cluster.executors_up == 3, 60)
    cluster.scale(1)
    wait_until(lambda: len(cluster.slots()) == 1, 60)
    wait_until(lambda: ray4.available_resources()["CPU"] == 3, 15)
    assert {row["id"]: row["random"] for row in frame.collect()} == before
    cluster.scale(2)
    wait_until(lambda: cluster.executors_up == 2, 60)
    with pytest.raises(UsageError):
        cluster.scale(0)
    with pytest.raises(DoesNotFitError):
        cluster.scale(50)
    frame.unpersist()


def test_stop_gives_everything_back(ray4):
    """Last in this file: it ends the module's cluster and makes others."""
    cluster = rdm.current()
    jvms = jvms_of(cluster)
    cluster.stop()
    cluster.stop()
    assert rdm.current() is None
    assert not [pid for pid in jvms if psutil.pid_exists(pid)]
    wait_until(lambda: ray4.available_resources().get("CPU") == 4, 10)
    from ray.util.state import list_actors

    address = ray4.get_runtime_context().gcs_address
    assert not list_actors(address=address, filters=[("state", "=", "ALIVE")])
    assert ray4.is_initialized()
    assert cluster.status().state == "stopped"
    with pytest.raises(NotRunningError):
        _ = cluster.spark


def test_a_port_in_use_is_said(ray4, traces):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=str(port)):
            rdm.start(ui_port=port)
    assert not traces.left(ray=False)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("spark.plugins", "no.such.Plugin", "no.such.Plugin"),
        ("spark.executor.heartbeatInterval", "nonsense", "nonsense|Time must be"),  # by release
    ],
)
def test_a_setting_that_spark_refuses_is_one_line_and_a_hint(ray4, traces, key, value, says):
    with pytest.raises(StartError) as caught:
        rdm.start(executors=1, conf={key: value})
    message, hint = str(caught.value).splitlines()
    assert re.search(says, message)
    assert hint.startswith("Hint: look ")
    assert key in hint or value in message
    traces.gone(ray=False)


def test_start_without_waiting_and_the_user_s_own_spark_stop(ray4, traces):
    cluster = rdm.start(executors=2, wait=False)
    assert cluster.spark.range(10).count() == 10
    cluster.spark.stop()
    wait_until(lambda: rdm.current() is None, 15)
    # Ray is still taking back the CPUs of the first, which are not somebody else's.
    with rdm.start(executors=2) as again:
        assert again.problems == []
    traces.gone(ray=False)
    wait_until(lambda: ray4.available_resources().get("CPU") == 4, 10)


def test_a_foreign_session_is_left_alone(ray4, traces):
    from pyspark.sql import SparkSession

    foreign = (
        SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    )
    try:
        with pytest.raises(ForeignSparkError, match="spark.stop"):
            rdm.start()
        assert foreign.range(3).count() == 3
    finally:
        foreign.stop()
    with rdm.start(executors=1) as cluster:  # after its end ours starts, in a JVM of its own
        assert cluster.spark.range(3).count() == 3
    traces.gone(ray=False)
