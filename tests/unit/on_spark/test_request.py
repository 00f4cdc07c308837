"""What may be asked for of Ray on Spark, and what is made of it."""

from __future__ import annotations

import inspect

import pytest

from raydp_magic.errors import UsageError
from raydp_magic.on_spark import start_ray_on_spark
from raydp_magic.on_spark.request import (
    ALL_SLOTS,
    OnSparkSpec,
    make_on_spark_spec,
    node_counts,
    setup_arguments,
)
from raydp_magic.spec import make_spec


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ({}, (1, 1)),
        ({"worker_nodes": 3}, (3, 3)),
        ({"num_worker_nodes": 5}, (5, 5)),
        ({"worker_nodes": 2, "num_worker_nodes": 2}, (2, 2)),
        ({"max_worker_nodes": 4}, (4, 4)),
        ({"min_worker_nodes": 0, "max_worker_nodes": 4}, (0, 4)),
        ({"num_worker_nodes": ALL_SLOTS}, (ALL_SLOTS, ALL_SLOTS)),
    ],
)
def test_numbers_of_nodes(given, counts):
    spec = make_on_spark_spec(**given)
    assert (spec.min_nodes, spec.max_nodes) == counts


@pytest.mark.parametrize(
    ("given", "said", "hint"),
    [
        ({"worker_nodes": 0}, "worker_nodes=0: a whole number of at least 1", "worker_nodes=1"),
        ({"worker_nodes": "2"}, "worker_nodes='2'", "worker_nodes=1"),
        ({"min_worker_nodes": -1, "max_worker_nodes": 2}, "min_worker_nodes=-1", "try"),
        ({"worker_nodes": 2, "num_worker_nodes": 3}, "contradict", "fixed number"),
        ({"worker_nodes": 2, "max_worker_nodes": 3}, "contradict", "follows the load"),
        ({"min_worker_nodes": 2}, "without max_worker_nodes", "max_worker_nodes=3"),
        ({"min_worker_nodes": 3, "max_worker_nodes": 2}, "is more than", "exchange"),
        ({"min_worker_nodes": 1, "max_worker_nodes": -1}, "every task slot", "leave"),
        ({"cpus_per_node": 0}, "cpus_per_node=0", "cpus_per_node=1"),
        ({"gpus_per_node": 1}, "no GPUs to tasks in local mode", "head_gpus"),
        ({"memory_per_node": "lots"}, "memory_per_node='lots'", "512m"),
        ({"store_per_node": "20m"}, "less than 75 MiB", "1g"),
        ({"master": "k8s://host"}, "does not run on the master 'k8s://host'", "spark://HOST:PORT"),
        ({"conf": {"spark.master": "local"}}, "spark.master cannot be set", "master="),
        ({"conf": {"a": 1}}, "'a' is not a Spark setting", "spark."),
        ({"head_node_options": {"--block": None}}, "'--block' is not an option's", "some_option"),
        ({"idle_timeout_minutes": -1}, "idle_timeout_minutes=-1", "try"),
        ({"upscaling_speed": 0.5}, "upscaling_speed=0.5", "try"),
    ],
)
def test_wrong_requests(given, said, hint):
    with pytest.raises(UsageError) as caught:
        make_on_spark_spec(**given)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_counts_name_what_was_given():
    with pytest.raises(UsageError, match="num_worker_nodes and min_worker_nodes contradict"):
        node_counts(None, 2, 1, None)


def test_a_request_in_the_words_of_the_magic():
    spec = make_on_spark_spec(
        master="spark://h:7077",
        min_worker_nodes=1,
        max_worker_nodes=3,
        cpus_per_node=2,
        memory_per_node="2g",
        conf={"spark.executor.memory": "1g", "spark.my.password": "x"},
    )
    assert spec.describe() == (
        "--on-spark --master spark://h:7077 --min-worker-nodes 1 --max-worker-nodes 3 "
        "--cpus-per-node 2 --memory-per-node 2g --conf spark.executor.memory=1g "
        "--conf spark.my.password=***"
    )
    assert spec.in_words() == "head + 1 to 3 Ray nodes x 2 CPUs"
    assert make_on_spark_spec().in_words() == "head + 1 Ray node x 1 CPU"


def test_it_never_equals_a_cluster_of_ours():
    assert OnSparkSpec() != make_spec()
    assert make_on_spark_spec() == OnSparkSpec()


def test_setup_arguments_are_bytes_and_name_cpus_where_spark_can_give_them():
    standalone = setup_arguments(
        make_on_spark_spec(master="spark://h:1", cpus_per_node=2, memory_per_node="1g")
    )
    assert standalone["memory_worker_node"] == 1024**3
    assert (standalone["num_cpus_worker_node"], standalone["num_gpus_worker_node"]) == (2, 0)
    local = setup_arguments(make_on_spark_spec())
    assert "num_cpus_worker_node" not in local
    assert local["object_store_memory_worker_node"] is None


def test_the_signature_and_the_request_have_the_same_defaults():
    signature = {
        name: p.default for name, p in inspect.signature(start_ray_on_spark).parameters.items()
    }
    of_spec = {
        name: p.default for name, p in inspect.signature(make_on_spark_spec).parameters.items()
    }
    del of_spec["session"]  # found, not asked for
    assert of_spec == {name: signature[name] for name in of_spec}
