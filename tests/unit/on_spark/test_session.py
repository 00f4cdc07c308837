"""The Spark below: its settings, and what ``ray.util.spark`` is made to read of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from raydp_magic.errors import UsageError
from raydp_magic.on_spark.request import make_on_spark_spec
from raydp_magic.on_spark.session import (
    check_lent,
    driver_host,
    own_settings,
    readable_memory,
    readable_session,
)


class Conf(dict):
    """As a session's settings: Spark's core ones are guarded."""

    GUARD = "spark.sql.legacy.setCommandRejectsSparkCoreConfs"

    def get(self, key, default="unset"):
        return super().get(key, default)

    def set(self, key, value):
        assert key == self.GUARD or self[self.GUARD] == "false"
        self[key] = value

    def unset(self, key):
        assert key == self.GUARD or self[self.GUARD] == "false"
        del self[key]


@pytest.mark.parametrize(
    ("text", "read"),
    [("512m", "512m"), ("2g", "2g"), ("600MB", "600m"), ("1024", "1g"), ("1.5g", "1536m")],
)
def test_memory_in_a_form_that_ray_reads(text, read):
    assert readable_memory(text) == read


def test_what_is_no_memory_is_named():
    with pytest.raises(UsageError, match=r"spark\.executor\.memory='much'"):
        readable_memory("much")


def test_a_session_is_readable_for_a_block_and_as_before_after_it():
    conf = Conf({"spark.executor.memory": "600MB", "spark.driver.host": "127.0.0.1"})
    before = dict(conf)
    with readable_session(SimpleNamespace(conf=conf), "10.0.0.1"):
        assert conf["spark.executor.memory"] == "600m"
        assert conf["spark.driver.host"] == "10.0.0.1"
    assert dict(conf) == before


def test_a_session_that_is_readable_is_not_touched():
    conf = Conf({"spark.driver.host": "10.0.0.1", Conf.GUARD: "true"})
    before = dict(conf)
    with readable_session(SimpleNamespace(conf=conf), "10.0.0.1"):
        assert dict(conf) == before
    assert dict(conf) == before


def test_settings_of_a_local_session():
    settings = own_settings(make_on_spark_spec(master="local[4]", cpus_per_node=2), "127.0.0.1")
    assert settings["spark.master"] == "local[4]"
    assert settings["spark.task.cpus"] == "2"
    assert "spark.authenticate" not in settings
    assert "spark.cores.max" not in settings


def test_settings_of_a_standalone_session_are_the_clusters_and_the_persons():
    spec = make_on_spark_spec(
        master="spark://h:7077",
        cpus_per_node=2,
        conf={"spark.executor.memory": "600MB", "spark.cores.max": 4},
    )
    settings = own_settings(spec, "10.0.0.1")
    assert settings["spark.executor.memory"] == "600m"
    assert settings["spark.cores.max"] == "4"
    assert settings["spark.driver.host"] == "10.0.0.1"
    assert "spark.task.cpus" not in settings


@pytest.mark.parametrize("master", ["local[*]", "spark://127.0.0.1:7077", "local-cluster[1,1,512]"])
def test_a_driver_stays_on_loopback_where_it_can(master):
    assert driver_host(master) == "127.0.0.1"


def session(master="local[2]", stopped=False):
    context = SimpleNamespace(master=master, _jsc=None if stopped else object())
    return SimpleNamespace(sparkContext=context)


def test_sessions_that_ray_can_be_put_on():
    check_lent(session(), None)
    check_lent(session(), "local[2]")


@pytest.mark.parametrize(
    ("lent", "master", "said"),
    [
        (session(stopped=True), None, "has been stopped"),
        (session(), "spark://h:1", r"with the master local\[2\] lives in this kernel, not spark"),
        (type("Session", (), {"__module__": "pyspark.sql.connect.session"})(), None, "driver"),
        (object(), None, "driver"),
    ],
)
def test_sessions_that_it_cannot(lent, master, said):
    with pytest.raises(UsageError, match=said):
        check_lent(lent, master)
