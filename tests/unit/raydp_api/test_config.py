"""RayDP's arguments and config keys become those of `start`."""

import warnings

import pytest

from raydp_magic.errors import UsageError
from raydp_magic.raydp.config import hive_settings, translate
from raydp_magic.raydp.context import hive_site
from raydp_magic.raydp.once import say_once
from raydp_magic.spec import make_spec

EXECUTOR = "spark.ray.raydp_spark_executor.actor.resource"
GROUP = "66013d445aeb68d6b9d51a1380ed01000000"


def asked(memory="500M", **more):
    return translate("app", 2, 1, memory, **more)


def spec(memory="500M", **more):
    return make_spec(**asked(memory, **more).options)


def test_the_four_arguments():
    made = spec("4GB")
    assert (made.name, made.executors, made.cores, made.memory_mib) == ("app", 2, 1, 4096)
    assert asked().ignored == {}


@pytest.mark.parametrize(
    ("memory", "mib"), [("500M", 500), ("500 MB", 500), ("1g", 1024), (500 * 2**20, 500)]
)
def test_memory_is_read_as_raydp_reads_it(memory, mib):
    assert spec(memory).memory_mib == mib


def test_ray_reserves_what_raydp_reserves_and_overhead_when_asked():
    assert spec("500M").reserved_bytes == 500 * 2**20
    for overhead in ("256", "256m", 256):
        made = spec("500M", configs={"spark.executor.memoryOverhead": overhead})
        assert made.reserved_bytes == 756 * 2**20
    made = spec("500M", configs={f"{EXECUTOR}.memory": 600 * 2**20})
    assert made.reserved_bytes == 600 * 2**20


def test_resources_of_an_executor_in_both_spellings():
    made = spec(configs={f"{EXECUTOR}.cpu": "0.5", f"{EXECUTOR}.gpu": 1, f"{EXECUTOR}.big": "2"})
    assert made.reserved_cpus == 0.5
    assert made.gpus == 1
    assert made.resources == (("big", 2.0),)
    old = {"spark.ray.actor.resource.cpu": "2", "spark.ray.actor.resource.disk": 1}
    assert spec(configs=old).reserved_cpus == 2
    assert spec(configs=old).resources == (("disk", 1.0),)
    assert spec(configs={**old, f"{EXECUTOR}.cpu": 3}).reserved_cpus == 3
    assert 0 < spec(configs={f"{EXECUTOR}.cpu": "0"}).reserved_cpus < 0.001


def test_placement():
    assert spec(placement_group_strategy="SPREAD").placement_strategy == "SPREAD"
    made = spec(placement_group=GROUP, placement_group_bundle_indexes=[1])
    assert (made.placement_group, made.bundle_indexes) == (GROUP, (1,))
    keys = {"spark.ray.placement_group": GROUP, "spark.ray.bundle_indexes": "0,2"}
    assert spec(configs=keys).bundle_indexes == (0, 2)
    both = asked(placement_group=GROUP, placement_group_strategy="PACK")
    assert make_spec(**both.options).placement_group is None
    assert list(both.ignored) == ["placement_group"]
    assert spec(placement_group_bundle_indexes=[1]).bundle_indexes == ()


def test_settings_of_spark_go_through():
    made = spec(configs={"spark.sql.shuffle.partitions": 4, "spark.x": True})
    assert dict(made.conf) == {"spark.sql.shuffle.partitions": "4", "spark.x": "true"}
    made = spec(configs={"spark.driver.memory": "2g", "spark.ui.port": "4055"})
    assert (made.driver_memory_mib, made.ui_port, made.conf) == (2048, 4055, ())


def test_class_paths_are_joined():
    conf = asked(
        configs={
            "spark.preferClassPath": "/first/*",
            "raydp.executor.extraClassPath": "/more:",
            "spark.executor.extraClassPath": "/mine",
        }
    ).options["conf"]
    assert conf == {
        "spark.driver.extraClassPath": "/first/*",
        "spark.executor.extraClassPath": "/more:/first/*:/mine",
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("spark.ray.raydp_spark_master.actor.resource.CPU", 0),
        ("spark.ray.raydp_spark_master.resource.memory", 1),
        ("spark.ray.raydp_app_master.extraJavaOptions", "-Xmx1g"),
        ("spark.ray.raydp_recoverable_fetch.task.resource.CPU", 1),
        ("spark.log4j.config.file.name", "x.properties"),
        ("spark.javaagent", "x.jar"),
        ("spark.executor.memory", "9g"),
        ("spark.executor.instances", "9"),
        ("spark.master", "local"),
        ("spark.shuffle.service.enabled", True),
        ("spark.authenticate", "false"),
        ("raydp.something", "new"),
    ],
)
def test_what_has_no_meaning_is_taken_and_said(key, value):
    found = asked(configs={key: value})
    assert list(found.ignored) == [key]
    assert make_spec(**found.options) == spec()


def test_dynamic_allocation_is_said_once_for_all_its_settings():
    prefix = "spark.dynamicAllocation"
    several = {f"{prefix}.enabled": True, f"{prefix}.minExecutors": 1, f"{prefix}.maxExecutors": 9}
    for configs in (
        several,
        {f"{prefix}.enabled": "true"},
        {f"{prefix}.executorIdleTimeout": "9s"},
    ):
        found = asked(configs=configs)
        assert list(found.ignored) == [f"{prefix}.*"]
        assert "scale(n)" in found.ignored[f"{prefix}.*"]
        assert make_spec(**found.options) == spec()


def test_nothing_is_said_where_nothing_is_lost():
    harmless = {"spark.dynamicAllocation.enabled": "false", "spark.shuffle.service.enabled": False}
    assert asked(configs=harmless, fault_tolerant_mode=True).ignored == {}
    assert list(asked(fault_tolerant_mode=False).ignored) == ["fault_tolerant_mode=False"]


@pytest.mark.parametrize(
    "wrong",
    [
        {f"{EXECUTOR}.cpu": "much"},
        {"spark.ui.port": "http"},
        {"spark.ray.placement_group": GROUP, "spark.ray.bundle_indexes": "a"},
    ],
)
def test_what_cannot_be_read_is_refused_with_its_name(wrong):
    with pytest.raises(UsageError, match=r"spark\.(ray|ui)"):
        asked(configs=wrong)


def test_hive(tmp_path):
    assert hive_settings({"spark.x": "y"}, None) == {
        "spark.sql.catalogImplementation": "hive",
        "spark.x": "y",
    }
    mine = {"spark.driver.extraClassPath": "/mine"}
    assert hive_settings(mine, "/conf")["spark.driver.extraClassPath"] == "/conf:/mine"
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "hive-site.xml").touch()
    assert hive_site({"SPARK_HOME": str(tmp_path)}) == f"{tmp_path}/conf"
    assert hive_site({"HIVE_CONF_DIR": f"{tmp_path}/conf", "SPARK_CONF_DIR": "/no"}) is not None
    assert hive_site({"SPARK_HOME": "/no"}) is None


def test_a_thing_is_said_once():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(3):
            say_once("a thing of this test's")
    assert [str(warning.message) for warning in seen] == ["a thing of this test's"]
