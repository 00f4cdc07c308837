"""RayDP's API and Ray's own Spark calls, on our cluster. One Ray of 4 CPUs."""

import gc
import subprocess
import sys
import time
import warnings

import pytest
from machine import Traces, alive_actors, wait_until

import raydp_magic as rdm
from raydp_magic import raydp
from raydp_magic.errors import AlreadyRunningError, DoesNotFitError, StartError, UsageError

PROGRAM = """
import ray
import raydp_magic.raydp as raydp
from raydp.utils import random_split

spark = raydp.init_spark(
    app_name="RayDP Example", num_executors=2, executor_cores=1, executor_memory="500MB"
)
df = spark.createDataFrame([("look",), ("spark",), ("look",), ("python",)], ["word"])
counts = df.groupBy("word").count()
assert {row["word"]: row["count"] for row in counts.collect()}["look"] == 2
assert len(random_split(df, [0.7, 0.3], seed=1)) == 2
ds1 = ray.data.from_spark(spark.range(0, 1000))
ds2 = ray.data.from_items([{"id": i} for i in range(1000)])
assert ds2.to_spark(spark).selectExpr("sum(id)").first()[0] == 499500
mine = ray.put("still there")
raydp.stop_spark(cleanup_data=False)
assert ds1.sum("id") == 499500
assert ray.get(mine) == "still there"
raydp.stop_spark()
print("done")
"""


@pytest.mark.spark35
def test_a_raydp_program_with_one_line_changed_starts_ray_itself_and_leaves_it_running(tmp_path):
    traces = Traces()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=tmp_path, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done"
    traces.gone(30)


@pytest.fixture(scope="module")
def ray4():
    import ray

    ray.init(
        num_cpus=4,
        resources={"big": 2},
        address="local",
        logging_level="ERROR",
        log_to_driver=False,
    )
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def spark(ray4, tmp_path_factory):
    """Half a CPU and a custom resource an executor, a Hive metastore, and keys without meaning."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        session = raydp.init_spark(
            "half",
            2,
            1,
            "512M",
            enable_hive=True,
            configs={
                "spark.ray.raydp_spark_executor.actor.resource.cpu": "0.5",
                "spark.ray.raydp_spark_executor.actor.resource.big": "1",
                "spark.ray.raydp_spark_master.actor.resource.CPU": "1",
                "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
            },
        )
    said = [str(warning.message) for warning in seen if warning.category is UserWarning]
    assert [text for text in said if "raydp_spark_master" in text and "no master actor" in text]
    assert [text for text in said if "hive-site.xml" in text]
    yield session
    raydp.stop_spark()


def test_executors_reserve_what_the_configs_say(spark, ray4):
    have, free = ray4.cluster_resources(), ray4.available_resources()
    assert have["CPU"] - free["CPU"] == 1
    assert free.get("big", 0) == 0
    assert have["memory"] - free["memory"] == 2 * 512 * 2**20
    assert spark.sparkContext.appName == "half"
    assert spark.sparkContext.defaultParallelism == 2


def test_a_second_init_is_refused_as_by_raydp(spark):
    with pytest.raises(AlreadyRunningError):
        raydp.init_spark("half", 2, 1, "512M")
    second = raydp.spark.SparkCluster("half", 2, 1, "512M", False, None)
    with pytest.raises(AlreadyRunningError):
        second.get_spark_session()
    second.stop()  # it has started nothing
    assert spark.range(3).count() == 3


def test_ray_s_own_calls(spark, ray4):
    """They do `import raydp`."""
    frame = spark.range(0, 1000, 1, 2).selectExpr("id", "CAST(id AS STRING) AS s")
    dataset = ray4.data.from_spark(frame)
    assert (dataset.count(), dataset.num_blocks()) == (1000, 2)
    # Ray 2.60 does not pass its newer override_num_blocks on.
    assert ray4.data.from_spark(frame, parallelism=5).num_blocks() == 5
    back = dataset.map_batches(lambda batch: batch, batch_format="pandas").to_spark(spark)
    assert back.columns == ["id", "s"]
    assert back.selectExpr("sum(id)", "count(DISTINCT s)").first() == (499500, 1000)
    empty = ray4.data.from_spark(frame.where("id < 0"))
    assert empty.to_spark(spark).dtypes == [("id", "bigint"), ("s", "string")]
    with pytest.raises(UsageError, match="parallelism=0"):
        raydp.spark.spark_dataframe_to_ray_dataset(frame, 0)


def test_conversions_by_raydp_s_names(spark, ray4):
    from pyspark import StorageLevel

    frame = spark.range(0, 100, 1, 2)
    owner = raydp.spark.get_raydp_master_owner(spark)
    dataset = raydp.spark.spark_dataframe_to_ray_dataset(frame, 4, owner)
    assert dataset.num_blocks() == 4
    blocks = dataset.to_arrow_refs()
    schema = dataset.schema()
    back = raydp.spark.ray_dataset_to_spark_dataframe(spark, schema, blocks, None)
    assert back.count() == 100
    pinned = raydp.spark.from_spark_recoverable(frame, StorageLevel.MEMORY_ONLY, parallelism=2)
    assert frame.is_cached
    assert pinned.count() == 100
    raydp.spark.release_spark_recoverable(frame)
    assert not frame.is_cached
    assert pinned.sum("id") == 4950


def test_an_owner_of_the_user_s_gets_the_blocks(spark, ray4):
    class Keeper:
        def add(self, refs):
            self.refs = refs
            return len(refs)

        def rows(self):
            return sum(table.num_rows for table in ray4.get(self.refs))

    keeper = ray4.remote(Keeper).options(name="mine", num_cpus=0).remote()
    owner = raydp.spark.PartitionObjectsOwner("mine", lambda actor, refs: actor.add.remote(refs))
    raydp.spark.spark_dataframe_to_ray_dataset(spark.range(0, 50, 1, 2), owner=owner)
    gc.collect()
    assert ray4.get(keeper.rows.remote()) == 50
    ray4.kill(keeper)


def test_hive(spark):
    assert spark.conf.get("spark.sql.catalogImplementation") == "hive"
    spark.sql("CREATE TABLE words (w STRING) STORED AS TEXTFILE")
    assert [row["tableName"] for row in spark.sql("SHOW TABLES").collect()] == ["words"]
    assert spark.table("words").count() == 0


def test_pandas_on_spark_is_converted_and_split(spark):
    from raydp_magic.raydp.utils import convert_to_spark, random_split

    frame = spark.range(100)
    assert convert_to_spark(frame) == (frame, True)
    odd = frame.pandas_api()
    converted, was_spark = convert_to_spark(odd)
    assert (converted.count(), was_spark) == (100, False)
    parts = random_split(odd, [1, 1], seed=3)
    assert sum(len(part) for part in parts) == 100
    assert type(parts[0]) is type(odd)


def test_stop_leaves_what_is_referred_to_and_frees_the_rest(spark, ray4):
    dataset = ray4.data.from_spark(spark.range(1000))
    raydp.stop_spark(cleanup_data=False)
    assert rdm.current() is None
    assert dataset.sum("id") == 499500
    assert ray4.is_initialized()
    assert [entry.rows for entry in rdm.ledger() if entry.rows == 1000]
    del dataset
    raydp.stop_spark()
    wait_until(lambda: not alive_actors("KeeperActor"), 20, rdm.ledger)
    wait_until(lambda: ray4.available_resources().get("CPU") == 4, 10)


def groups(state="CREATED"):
    import ray

    return {
        group: row
        for group, row in ray.util.placement_group_table().items()
        if row["state"] == state
    }


def bundles_in_use(group):
    """Indexes of the bundles that the executors' actors hold, from what Ray says they require."""
    names = [name for actor in alive_actors("ExecutorActor") for name in actor.required_resources]
    found = [name.split("_") for name in names if name.startswith("CPU_group_")]
    return sorted(int(parts[2]) for parts in found if len(parts) == 4 and parts[3] == group)


def test_executors_sit_in_the_bundles_that_were_asked_for(ray4):
    bundle = {"CPU": 1, "memory": 512 * 2**20}
    group = ray4.util.placement_group([bundle] * 3, strategy="PACK")
    ray4.get(group.ready())
    try:
        spark = raydp.init_spark(
            "grouped",
            2,
            1,
            "512M",
            placement_group=group,
            placement_group_bundle_indexes=[2, 0],
        )
        assert spark.range(100).count() == 100
        assert bundles_in_use(group.id.hex()) == [0, 2]
        cluster = rdm.current()
        first = cluster.slots()[0]
        ray4.kill(cluster.actors()[first.executor_id])
        wait_until(lambda: cluster.slots()[0].executor_id != first.executor_id, 30)
        wait_until(lambda: cluster.executors_up == 2, 30)
        assert bundles_in_use(group.id.hex()) == [0, 2]
        with pytest.raises(DoesNotFitError, match="2 executors in bundle 2"):
            cluster.scale(3)
        assert cluster.wanted == 2
        raydp.stop_spark()
        assert list(groups()) == [group.id.hex()]  # the user's stays
        with pytest.raises(UsageError, match="no bundle 3"):
            rdm.start(placement_group=group, bundle_indexes=[3])
        with pytest.raises(DoesNotFitError, match="in bundle 0") as caught:
            rdm.start(placement_group=group, memory="1g")
        assert '"memory": 1476395008' in str(caught.value)
    finally:
        raydp.stop_spark()
        ray4.util.remove_placement_group(group)
    wait_until(lambda: not groups(), 10)
    with pytest.raises(UsageError, match="has no placement group"):
        rdm.start(placement_group=group)


def test_a_strategy_makes_a_group_and_takes_it_away(ray4):
    wait_until(lambda: ray4.available_resources().get("CPU") == 4, 10)
    raydp.init_spark("packed", 2, 1, "512M", placement_group_strategy="STRICT_PACK")
    [(group, row)] = groups().items()
    assert row["strategy"] == "STRICT_PACK"
    assert bundles_in_use(group) == [0, 1]
    with pytest.raises(DoesNotFitError, match="start with executors=3"):
        rdm.current().scale(3)
    raydp.stop_spark()
    wait_until(lambda: not groups(), 10)
    wait_until(lambda: ray4.available_resources().get("CPU") == 4, 10)


def test_what_no_node_can_satisfy_fails_at_once_and_leaves_no_group(ray4):
    began = time.monotonic()
    with pytest.raises(DoesNotFitError, match="STRICT_SPREAD") as caught:
        raydp.init_spark("spread", 2, 1, "512M", placement_group_strategy="STRICT_SPREAD")
    assert time.monotonic() - began < 20
    assert "\n" not in caught.value.message
    assert not groups()
    assert not groups("PENDING")


def test_a_start_that_fails_leaves_no_group(ray4):
    with pytest.raises(StartError):
        raydp.init_spark(
            "broken",
            1,
            1,
            "512M",
            placement_group_strategy="PACK",
            configs={"spark.plugins": "no.such.Plugin"},
        )
    wait_until(lambda: not groups(), 10)
    assert not groups("PENDING")
