"""Two hosts: blocks stay where they are made, tasks run where their blocks are, every row once."""

import gc
import json
import os
import time
import urllib.request

import pyarrow as pa
import pytest
from machine import Traces, objects_of_tables, wait_until

import raydp_magic as rdm
from raydp_magic.bridge.references import locations
from raydp_magic.engine.proxied import rest_address
from raydp_magic.errors import DataLostError


@pytest.fixture(scope="module")
def two_nodes():
    """A head and a worker node: two raylets on this machine, with addresses as on two."""
    import ray
    from ray.cluster_utils import Cluster

    store = 200 * 1024 * 1024
    nodes = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": store}
    )
    second = nodes.add_node(num_cpus=2, object_store_memory=store, node_ip_address="127.0.0.2")
    ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    wait_until(lambda: len(ray.nodes()) == 2, 30)
    yield nodes, second
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture(scope="module")
def cluster(two_nodes):
    before = Traces()
    conf = {
        "spark.sql.adaptive.enabled": "false",  # it would join partitions of this size
        "spark.sql.shuffle.partitions": "8",
        "spark.speculation": "true",
        "spark.speculation.interval": "100ms",
        "spark.speculation.quantile": "0.1",
        "spark.speculation.minTaskRuntime": "1s",
    }
    with rdm.start(executors=2, placement_strategy="STRICT_SPREAD", conf=conf) as running:
        assert len(running.executor_places()) == 2
        yield running
    before.gone(ray=False)


def homes(refs):
    places = locations(refs)
    return [places[ref]["node_ids"][0] for ref in refs]


def on_both_nodes(folder):
    """A function for `mapInArrow` whose tasks wait until there was one on each node."""

    def same(batches):
        import os
        import time

        open(f"{folder}/{os.environ['RAYDP_MAGIC_NODE']}", "w").close()
        while len(os.listdir(folder)) < 2:
            time.sleep(0.02)
        yield from batches

    return same


def test_tasks_run_where_their_blocks_are_and_order_stays(cluster, tmp_path):
    spark = cluster.spark
    frame = spark.range(0, 80_000, 1, 8).selectExpr("79999 - id AS n").orderBy("n")
    refs = rdm.to_refs(frame.mapInArrow(on_both_nodes(str(tmp_path)), "n long"))
    assert [entry.nodes for entry in rdm.ledger()][-1] == set(homes(refs))
    assert len(set(homes(refs))) == 2
    back = rdm.to_spark(refs, spark=spark.newSession())  # another session of the application
    before = {stage["stageId"] for stage in stages(cluster)}
    assert [row.n for row in back.collect()] == list(range(80_000))
    [stage] = [stage for stage in stages(cluster) if stage["stageId"] not in before]
    node_of = {slot.executor_id: slot.node for slot in cluster.slots()}
    tasks = sorted(spark_says(cluster, f"stages/{stage['stageId']}/0/taskList"), key=by_index)
    assert [node_of[task["executorId"]] for task in tasks] == homes(refs)
    assert {task["taskLocality"] for task in tasks} == {"PROCESS_LOCAL"}


def by_index(task):
    return task["index"]


def stages(cluster):
    return spark_says(cluster, "stages")


def spark_says(cluster, path):
    base = rest_address(cluster.spark.sparkContext)
    with urllib.request.urlopen(f"{base}/{path}") as answer:
        return json.load(answer)


def slow_first_attempt(done):
    """A function for `mapInArrow` whose partition 3 ends when its second attempt has come so far."""

    def slow(batches):
        import os
        import time

        from pyspark import TaskContext

        yield from batches
        context = TaskContext.get()
        if context.partitionId() == 3 and context.attemptNumber() == 0:
            while not os.path.exists(done):  # then both attempts give their blocks
                time.sleep(0.05)
        elif context.partitionId() == 3:
            open(done, "w").close()

    return slow


def test_speculative_attempts_leave_every_row_once(cluster, tmp_path):
    import ray

    there, back = str(tmp_path / "there"), str(tmp_path / "back")
    before = objects_of_tables(ray)
    frame = cluster.spark.range(0, 40_000, 1, 4).mapInArrow(slow_first_attempt(there), "id long")
    refs = rdm.to_refs(frame, block_bytes=100_000)
    assert os.path.exists(there)
    ids = pa.concat_tables(ray.get(refs)).column("id").to_pylist()
    assert ids == list(range(40_000))
    count = len(refs)
    assert count == 4
    wait_until(lambda: len(objects_of_tables(ray) - before) == count, 30, "copies are freed")

    frame = rdm.to_spark(refs)
    read = frame.mapInArrow(slow_first_attempt(back), "id long")
    assert [row.id for row in read.collect()] == list(range(40_000))
    assert os.path.exists(back)
    del refs
    rdm.release(frame)
    wait_until(lambda: not objects_of_tables(ray) - before, 30, "blocks are freed")


def test_a_node_that_dies_is_told_as_lost_data(cluster, two_nodes, tmp_path):
    """Last in this file: it takes a node away."""
    nodes, second = two_nodes
    assert [node.alive for node in cluster.status().nodes] == [True, True]
    frame = cluster.spark.range(0, 1000, 1, 4)
    refs = rdm.to_refs(frame.mapInArrow(on_both_nodes(str(tmp_path)), "id long"))
    assert second.node_id in homes(refs)
    nodes.remove_node(second)
    with pytest.raises(DataLostError, match="A block is gone"):
        rdm.to_spark(refs)
    assert rdm.to_ray(cluster.spark.range(100)).count() == 100
    del refs
    gc.collect()  # the error's frames held them
    dead = wait_until(lambda: [n for n in cluster.status().nodes if n.death], 60)
    assert [(node.id, node.alive) for node in dead] == [(second.node_id, False)]
    assert abs(time.time() - dead[0].died_at) < 120  # Ray notices late
