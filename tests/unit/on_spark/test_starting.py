"""What refuses a start of Ray on Spark before anything is started."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from raydp_magic.errors import ClusterError, UsageError
from raydp_magic.on_spark import attempt, start_ray_on_spark, starting
from raydp_magic.on_spark.request import make_on_spark_spec
from raydp_magic.on_spark.session import SparkExecutor


@pytest.fixture
def nothing_runs(monkeypatch):
    monkeypatch.setattr(starting, "live_session", lambda: None)
    monkeypatch.setattr(starting.ray_session, "is_connected", lambda: False)


def session(master="local[2]", **conf):
    settings = SimpleNamespace(get=lambda key, default=None: conf.get(key, default))
    context = SimpleNamespace(
        master=master, appName="a", applicationId="app-1", _jsc=object(), getConf=lambda: settings
    )
    return SimpleNamespace(sparkContext=context, conf=settings)


def test_a_ray_of_this_process_is_in_the_way(nothing_runs, monkeypatch):
    monkeypatch.setattr(starting.ray_session, "is_connected", lambda: True)
    with pytest.raises(ClusterError, match="connected to a Ray already") as caught:
        start_ray_on_spark()
    assert "ray.shutdown()" in caught.value.hint


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"conf": {"spark.a": "b"}}, "conf: without effect"),
        ({"driver_memory": "2g", "name": "mine"}, "driver_memory, name: without effect"),
        ({"ui_port": 4041, "conf": {}}, "ui_port: without effect"),
    ],
)
def test_what_a_session_that_lives_cannot_have_is_refused(nothing_runs, asked, named):
    with pytest.raises(UsageError, match=named) as caught:
        start_ray_on_spark(session(), **asked)
    assert "spark.stop()" in caught.value.hint


def test_what_is_as_usual_is_not_refused(nothing_runs, monkeypatch):
    monkeypatch.setattr(starting, "run_alone", lambda spec, make: spec)
    usual = {"driver_memory": "1g", "name": "raydp_magic", "ui_port": 0, "conf": None}
    assert start_ray_on_spark(session(), **usual).session == "app-1"


def test_no_time_is_no_timeout(nothing_runs):
    with pytest.raises(UsageError, match="timeout=0"):
        start_ray_on_spark(timeout=0)


def tried(spec, lent):
    return attempt.OnSparkAttempt(spec, lent, timeout=1.0, progress=None, on_stopped=lambda _: None)


def test_in_local_mode_a_node_has_what_a_task_has():
    two = session(**{"spark.task.cpus": "2"})
    assert tried(make_on_spark_spec(master="local[4]"), two)._with_local_cpus(two).node_cpus == 2
    asked = make_on_spark_spec(master="local[4]", cpus_per_node=3)
    with pytest.raises(UsageError, match=r"cpus_per_node=3.* has 2"):
        tried(asked, two)._with_local_cpus(two)


def test_what_was_found_of_spark_is_shown():
    spec = make_on_spark_spec(master="spark://h:1")
    found = attempt.as_found(spec, [SparkExecutor("0", "h", 2), SparkExecutor("1", "h", 4)], "2g")
    assert (found.executors, found.cores, found.memory_mib) == (2, 4, 2048)
    assert found.describe() == spec.describe()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            "Current active ray cluster on spark haven't shut down. Please call",
            "A Ray on Spark that was not started here runs in this process",
        ),
        ("cpu number is wrong\nmore", "Ray did not start on Spark: cpu number is wrong"),
    ],
)
def test_errors_of_rays_own_function_are_read(said, message):
    one = tried(make_on_spark_spec(), None)
    one._surroundings = SimpleNamespace(log_tail=lambda: ["a line"])
    outer = RuntimeError("Launch Ray-on-Spark cluster failed")
    outer.__cause__ = RuntimeError(said)
    error = one._from_ray(outer)
    assert error.message == message
