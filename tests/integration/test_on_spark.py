"""Ray on Spark: on local mode, on a standalone cluster, from a notebook; up, in use, and gone."""

import glob
import inspect
import os
import shutil
import subprocess
import sys
import urllib.request

import psutil
import pytest
from kernel import kernel
from machine import Traces, wait_until
from standalone import LOOPBACK, standalone_cluster

import raydp_magic as rdm
from raydp_magic.engine.driver import check_no_foreign_session
from raydp_magic.errors import (
    AlreadyRunningError,
    DoesNotFitError,
    NotRunningError,
    UsageError,
)
from raydp_magic.on_spark.request import make_on_spark_spec, setup_arguments
from raydp_magic.on_spark.surroundings import Surroundings
from raydp_magic.panel import render_text

QUICK = {"spark.executorEnv.RAY_ON_SPARK_RAY_WORKER_NODE_STARTUP_INTERVAL": "1"}
"""Ray lets ten seconds pass between two nodes of a machine."""


OURS = ("RAY_ADDRESS", "RAY_ON_SPARK_START_HOOK", "PATH")
"""Variables that must be as they were."""


class AllTraces(Traces):
    """Also of Ray's own folders for it."""

    def __init__(self):
        super().__init__()
        self.folders = set(glob.glob("/tmp/ray-*"))

    def left(self, ray=True):
        return super().left(ray) + sorted(set(glob.glob("/tmp/ray-*")) - self.folders)


@pytest.fixture(autouse=True)
def nothing_stays():
    before, variables = AllTraces(), [os.environ.get(name) for name in OURS]
    yield
    running = rdm.current()
    if running is not None:
        running.stop()
    before.gone(30)
    assert [os.environ.get(name) for name in OURS] == variables


def there_and_back(spark):
    frame = spark.range(0, 1000, 1, 2).selectExpr("id", "CAST(id AS STRING) AS s")
    dataset = rdm.to_ray(frame)
    doubled = dataset.map_batches(lambda batch: {"n": batch["id"] * 2}).take_all()
    assert sum(row["n"] for row in doubled) == 999_000
    back = rdm.to_spark(dataset)
    assert [tuple(row) for row in back.collect()] == [tuple(row) for row in frame.collect()]
    return dataset, back


def squares(ray, count=4):
    @ray.remote
    def square(x):
        return x * x

    return ray.get([square.remote(x) for x in range(count)])


def fit_one_worker(spark):
    from raydp_magic.train import XGBoostEstimator

    frame = spark.range(100).selectExpr("double(id) AS x", "double(id * 2) AS y")
    settings = {"objective": "reg:squarederror"}
    estimator = XGBoostEstimator(settings, label_column="y", num_boost_round=5)
    estimator.fit_on_spark(frame)
    assert estimator.history[-1]["train_loss"] < estimator.history[0]["train_loss"]


def test_what_is_asked_of_ray_is_what_its_function_takes():
    from ray.util.spark import cluster_init, setup_ray_cluster

    assert cluster_init._RAY_HEAD_STARTUP_TIMEOUT == 20  # what `launching.py` puts 0 for
    assert cluster_init.is_port_in_use
    known = inspect.signature(setup_ray_cluster).parameters
    assert setup_arguments(make_on_spark_spec(master="yarn")).keys() <= known.keys()


def test_rays_own_program_runs_and_prints_to_the_log():
    surroundings = Surroundings()
    try:
        program = shutil.which("ray", path=surroundings.variables([])["PATH"])
        command = [sys.executable, program, "--version"]  # as `ray.util.spark` runs it
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stdout + done.stderr == ""
        assert surroundings.log_tail()[-1].startswith("ray, version")
    finally:
        surroundings.close()


def test_a_request_without_room_is_refused_and_leaves_nothing():
    with pytest.raises(DoesNotFitError, match="no room for 3 Ray nodes x 1 CPUs") as caught:
        rdm.start_ray_on_spark(num_worker_nodes=3, master="local[2]")
    assert caught.value.fits == "--worker-nodes 2"
    assert rdm.current() is None


def test_the_decks_flow_on_local_mode_with_an_autoscaler(capfd):
    import ray

    asked = {
        "master": "local[3]",
        "min_worker_nodes": 0,
        "max_worker_nodes": 1,
        "idle_timeout_minutes": 0.05,
        "conf": QUICK,
    }
    handle = rdm.start_ray_on_spark(**asked)
    said = capfd.readouterr()
    assert said.out + said.err == ""
    assert rdm.current() is handle
    assert rdm.start_ray_on_spark(**asked) is handle
    with pytest.raises(AlreadyRunningError, match="--on-spark --master"):
        rdm.start()
    assert [room.is_head for room in handle.nodes()] == [True]

    assert not ray.is_initialized()
    ray.init()  # the deck's own call
    assert ray.get_runtime_context().gcs_address == handle.address
    assert squares(ray) == [0, 1, 4, 9]  # a node comes for the tasks
    assert [room.is_head for room in handle.nodes()] == [True, False]
    assert sum(node["Alive"] for node in ray.nodes()) == 2  # head + 1
    wait_until(lambda: len(handle.nodes()) == 1, 60, "the idle node did not go")
    with pytest.raises(UsageError, match="no live Ray node has that"):
        rdm.map_batches(handle.spark.range(5), lambda batch: batch, schema="id long")

    fit_one_worker(handle.spark)  # its node comes too

    ray.shutdown()  # only disconnects
    assert rdm.current() is handle
    assert rdm.to_ray(handle.spark.range(5)).count() == 5  # connects by itself
    snapshot = handle.status()
    assert [executor.id for executor in snapshot.executors] == ["driver"]

    session = handle.spark
    handle.stop()
    handle.stop()
    assert rdm.current() is None
    assert not ray.is_initialized()
    assert session.sparkContext._jsc is None  # it was ours
    with pytest.raises(NotRunningError):
        _ = handle.spark


def tune_losses(folder):
    from ray import tune

    def trial(config):
        tune.report({"loss": (config["x"] - 2) ** 2})

    tuner = tune.Tuner(
        trial,
        param_space={"x": tune.grid_search([1, 2])},
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
    )
    return {result.metrics["loss"] for result in tuner.fit()}


@pytest.fixture
def their_session(tmp_path, monkeypatch):
    """A person's own session on a standalone cluster."""
    from pyspark.sql import SparkSession

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    here = f"-Djava.io.tmpdir={tmp_path}"
    with standalone_cluster(tmp_path, cores=3) as url:
        settings = QUICK | {
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.host": LOOPBACK,
            "spark.driver.extraJavaOptions": here,
            "spark.executor.extraJavaOptions": here,
            "spark.local.dir": str(tmp_path),
            "spark.executor.memory": "600MB",
        }
        builder = SparkSession.builder.master(url).appName("theirs")
        for key, value in settings.items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
        yield session
        session.stop()
        check_no_foreign_session()  # ends its JVM as well


def test_ray_inline_in_a_program_on_a_standalone_cluster(their_session, tmp_path):
    import ray

    # Over the DataFrame in memory, and no file between.
    with rdm.start_ray_on_spark(worker_nodes=2) as handle:
        assert handle.spark is their_session
        ray.init()  # the deck's own call
        assert sum(node["Alive"] for node in ray.nodes()) == 3  # head + 2
        assert tune_losses(tmp_path) == {0, 1}
        assert urllib.request.urlopen(handle.dashboard_url, timeout=10).status == 200
        _kept = there_and_back(their_session)
        snapshot = handle.status()
        assert snapshot.ray_lost_at is None
        assert len(snapshot.nodes) == 3
        assert [executor.id for executor in snapshot.executors] == ["0"]
        assert {entry.direction for entry in snapshot.ledger} == {"spark -> ray", "ray -> spark"}
        assert {"Ray node 1", "Ray node 2"} <= {
            j.description.partition(":")[0] for j in snapshot.jobs
        }
        assert "1/1 executors" in render_text(snapshot)
        assert snapshot.actions == handle.actions
        assert "--- ray ---" in handle.logs()
        with pytest.raises(UsageError, match="not scaled by executors"):
            handle.scale(3)
    assert not ray.is_initialized()
    assert their_session.range(10).count() == 10  # theirs goes on
    assert their_session.conf.get("spark.executor.memory") == "600MB"

    # And again, on the same session.
    grows = {"min_worker_nodes": 0, "max_worker_nodes": 1, "idle_timeout_minutes": 0.05}
    with rdm.start_ray_on_spark(**grows) as handle:
        assert [room.is_head for room in handle.nodes()] == [True]
        assert squares(ray) == [0, 1, 4, 9]  # a node comes for the tasks
        wait_until(lambda: len(handle.nodes()) == 1, 60, "the idle node did not go")
    assert their_session.range(10).count() == 10


@pytest.fixture
def master(tmp_path):
    with standalone_cluster(tmp_path, cores=2) as url:
        yield url


def test_from_a_notebook_whose_kernel_is_killed(master, tmp_path):
    before = AllTraces()
    with kernel() as nb:
        nb.run("%load_ext raydp_magic")
        line = f"%raydp_cluster start --on-spark --master {master}"
        line += f" --conf spark.executor.extraJavaOptions=-Djava.io.tmpdir={tmp_path}"
        said = nb.run(line).all_text
        assert "is ready: head + 1 Ray node x 1 CPU" in said
        assert "Ray dashboard: http://" in said
        assert "Already running" in nb.run(line).all_text
        nb.run("import ray; ray.init(); assert len(ray.nodes()) == 2")
        shown = nb.run("%%raydp_sql -o few --to ray\nSELECT id FROM range(5)").all_text
        assert "5 rows" in shown
        text = nb.run("%raydp_cluster status").text
        assert f"--on-spark --master {master}" in text
        assert "few" in text
        refused = nb.fail("%raydp_cluster scale 3").error["traceback"]
        assert any("not scaled by executors" in part for part in refused)
        psutil.Process(nb.pid).kill()
        before.gone(60)
