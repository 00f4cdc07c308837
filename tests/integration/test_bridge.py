"""Spark <-> Ray: what arrives, who owns it, and that the driver never sees it."""

import datetime as dt
import decimal
import gc
import os
import sys
import threading

import psutil
import pytest
from machine import alive_actors, executor_jvms, no_job, objects_of_tables, wait_until

import raydp_magic as rdm
from raydp_magic.bridge.transfers import transfers
from raydp_magic.errors import BridgeError, NotRunningError, UnsupportedTypeError, UsageError

pytestmark = pytest.mark.spark35

EVERY_KIND = """
    SELECT id,
           CAST(id AS TINYINT) AS tiny, CAST(id AS SMALLINT) AS small, CAST(id AS INT) AS i,
           CAST(id AS FLOAT) AS f, id * 1.5 AS dec, id / 3 AS d, id % 2 = 0 AS flag,
           CAST(id AS STRING) AS s, CAST(CAST(id AS STRING) AS BINARY) AS b,
           date_add(DATE'2020-02-28', CAST(id AS INT)) AS day,
           timestamp_seconds(id) AS at, CAST(timestamp_seconds(id) AS TIMESTAMP_NTZ) AS at_ntz,
           IF(id % 3 = 0, NULL, id) AS maybe,
           array(id, NULL, id + 1) AS list,
           map('k', id) AS dict,
           named_struct('x', id, 'inner', named_struct('y', array(named_struct('z', id)))) AS deep
    FROM range(0, 50, 1, 3)
"""


def types_of(frame):
    """Names and types; whether nested values may be null is kept by Spark 4 only."""
    return [(field.name, field.dataType.simpleString()) for field in frame.schema]


def rows(frame):
    return sorted(frame.collect(), key=lambda row: row["id"])


def test_the_warm_up_makes_keepers_and_workers_and_reserves_nothing(cluster, ray4):
    while cluster.warm_up.is_alive():
        assert ray4.available_resources()["CPU"] == 2
        cluster.warm_up.wait(0.1)
    assert "ray.data" in sys.modules
    assert len(alive_actors("KeeperActor")) == 1
    for jvm in executor_jvms(cluster):
        commands = [child.cmdline() for child in psutil.Process(jvm).children()]
        assert ["pyspark.daemon" in command for command in commands] == [True]


def test_every_kind_of_column_goes_there_and_back(spark):
    frame = spark.sql(EVERY_KIND)
    back = rdm.to_spark(rdm.to_ray(frame))
    assert types_of(back) == types_of(frame)
    assert rows(back) == rows(frame)


def test_ray_reads_arrow_tables(spark, ray4):
    refs = rdm.to_refs(spark.sql(EVERY_KIND))
    tables = ray4.get(refs)
    assert sum(table.num_rows for table in tables) == 50
    row = tables[0].slice(1, 1).to_pylist()[0]
    assert row["id"] == 1
    assert row["dec"] == decimal.Decimal("1.5")
    assert row["day"] == dt.date(2020, 2, 29)
    assert row["at"].timestamp() == 1
    assert row["list"] == [1, None, 2]
    assert row["deep"] == {"x": 1, "inner": {"y": [{"z": 1}]}}


def test_a_dataset_computes(spark):
    dataset = rdm.to_ray(spark.range(1000))
    assert dataset.count() == 1000
    assert dataset.sum("id") == 499500
    assert dataset.filter(expr="id < 10").count() == 10


def test_a_sorted_frame_stays_sorted(spark):
    dataset = rdm.to_ray(spark.range(0, 1000, 1, 4).selectExpr("999 - id AS n").orderBy("n"))
    assert [row["n"] for row in dataset.take_all()] == list(range(1000))
    assert [row["n"] for row in rdm.to_spark(dataset).collect()] == list(range(1000))


def test_data_does_not_pass_the_driver(ray4):
    """With a driver that accepts 1 MB of results in all, 80 MB cross both ways."""
    if rdm.current() is not None:
        rdm.current().stop()
    with rdm.start(executors=2, conf={"spark.driver.maxResultSize": "1m"}) as small:
        frame = small.spark.range(0, 5_000_000, 1, 4).selectExpr("id", "CAST(id AS DOUBLE) AS x")
        dataset = rdm.to_ray(frame)
        back = rdm.to_spark(dataset)
        assert back.selectExpr("count(*)", "sum(id)").first() == (5_000_000, 12_499_997_500_000)


@pytest.fixture
def spark(request, ray4):
    """The module's cluster, started again when a test has replaced it."""
    return (rdm.current() or rdm.start(executors=2, cores=1, memory="1g")).spark


@pytest.fixture(scope="module", autouse=True)
def stop_at_the_end(ray4):
    yield
    if rdm.current() is not None:
        rdm.current().stop()


def test_empty_frames_keep_their_schema(spark):
    frame = spark.sql("SELECT 1 AS a, 'x' AS b, array(1) AS c WHERE false")
    dataset = rdm.to_ray(frame)
    assert dataset.count() == 0
    assert dataset.schema().names == ["a", "b", "c"]
    back = rdm.to_spark(dataset)
    assert back.count() == 0
    assert types_of(back) == types_of(frame)


def test_names_with_dots_and_spaces(spark):
    frame = spark.range(3).selectExpr("id AS `a.b`", "id AS `c d`", "id AS `é\"'`")
    back = rdm.to_spark(rdm.to_ray(frame))
    assert back.columns == ["a.b", "c d", "é\"'"]
    assert back.count() == 3


def test_other_ray_data_becomes_spark_frames(spark, ray4):
    import pandas as pd
    import pyarrow as pa

    assert rdm.to_spark(ray4.data.range(10)).selectExpr("sum(id)").first()[0] == 45
    assert rdm.to_spark(pa.table({"a": [1, 2]})).count() == 2
    pandas = pd.DataFrame({"a": [1.5, None], "b": ["x", None]})
    assert [tuple(row) for row in rdm.to_spark(pandas).collect()] == [(1.5, "x"), (None, None)]
    refs = [ray4.put(pandas), ray4.put(pa.table({"a": [2.5], "b": ["z"]}))]
    assert [row["b"] for row in rdm.to_spark(refs).collect()] == ["x", None, "z"]
    assert rdm.to_spark(refs[1]).count() == 1


@pytest.mark.parametrize("wrong", [5, "text", [1], [], None])
def test_what_is_no_ray_data_is_refused(spark, wrong):
    with pytest.raises(UsageError, match="cannot become a Spark DataFrame"):
        rdm.to_spark(wrong)


def test_what_cannot_cross_is_said_before_a_job_runs(spark):
    import pyarrow as pa
    import ray

    twice = spark.sql("SELECT 1 AS a, 2 AS a")
    with no_job(spark):
        with pytest.raises(BridgeError, match="'a'"):
            rdm.to_refs(twice)
        with pytest.raises(UnsupportedTypeError) as caught:
            rdm.to_spark(pa.table({"ok": [1], "wide": pa.array([None], pa.decimal256(50, 2))}))
        with pytest.raises(UsageError, match="holds int"):
            rdm.to_spark([ray.put(5)])
        with pytest.raises(UsageError, match="A Spark DataFrame is needed"):
            rdm.to_ray([1, 2])
    assert caught.value.column == "wide"
    assert caught.value.type.startswith("decimal256(50, 2)")


def test_the_ledger_follows_the_references(spark):
    import ray

    for entry in rdm.ledger():
        rdm.release(entry)
    dataset = rdm.to_ray(spark.range(1000))
    [entry] = rdm.ledger()
    assert (entry.direction, entry.rows, len(entry.nodes)) == ("spark -> ray", 1000, 1)
    assert entry.bytes == 8000
    back = rdm.to_spark(dataset)
    assert {e.direction for e in rdm.ledger()} == {"spark -> ray", "ray -> spark"}
    rdm.release(back)
    with pytest.raises(Exception, match="were released"):
        back.count()
    del dataset, back
    gc.collect()
    wait_until(lambda: not rdm.ledger(), 15)
    with pytest.raises(UsageError, match="holds nothing"):
        rdm.release("trips")
    assert ray.is_initialized()


def test_a_failed_conversion_leaves_nothing(spark, ray4, tmp_path):
    given = str(tmp_path / "a block was given")
    before = objects_of_tables(ray4)
    entries = len(rdm.ledger())

    def broken(batches):
        import os
        import time

        yield from batches
        while not os.path.exists(given):
            time.sleep(0.05)
        raise ValueError("on purpose")

    def mark():
        wait_until(lambda: [one for one in transfers() if one.ended_at is None and one.rows], 60)
        assert objects_of_tables(ray4) - before
        open(given, "w").close()

    watcher = threading.Thread(target=mark)
    watcher.start()
    frame = spark.range(0, 100_000, 1, 2).mapInArrow(broken, "id long")
    with pytest.raises(Exception, match="on purpose"):
        rdm.to_refs(frame, block_bytes=20_000)
    watcher.join()
    assert os.path.exists(given)
    wait_until(lambda: not objects_of_tables(ray4) - before, 30, "blocks are freed")
    assert len(rdm.ledger()) == entries
    assert rdm.to_ray(spark.range(10)).count() == 10


def test_what_is_derived_from_a_frame_that_came_from_ray(spark, ray4):
    for entry in rdm.ledger():
        rdm.release(entry)
    dataset = ray4.data.range(1000, override_num_blocks=4)
    back = rdm.to_spark(dataset, spark=spark.newSession())
    derived = back.where("id >= 990")
    derived.createOrReplaceGlobalTempView("from_ray")
    view = "global_temp.from_ray"
    del back, dataset
    gc.collect()
    [entry] = rdm.ledger()
    assert (entry.direction, entry.rows) == ("ray -> spark", 1000)
    assert [row.id for row in derived.collect()] == list(range(990, 1000))
    del derived  # and with it the session in which they were made
    gc.collect()
    assert rdm.ledger() == [entry]
    assert spark.table(view).selectExpr("sum(id)").first()[0] == 9945
    derived = spark.table(view).where("id = 999")
    assert derived.count() == 1
    rdm.release(entry)
    assert rdm.ledger() == []
    with pytest.raises(Exception, match=r"its blocks were released; make it again"):
        derived.collect()
    spark.catalog.dropGlobalTempView("from_ray")


def test_results_outlive_the_cluster(ray4, spark):
    import ray

    dataset = rdm.to_ray(spark.range(1000))
    rdm.release(dataset)  # strikes it from the ledger; the blocks are whoever's holds them
    rdm.current().stop()
    with pytest.raises(NotRunningError):
        rdm.to_spark(dataset)
    assert dataset.sum("id") == 499500
    with rdm.start(executors=1) as cluster:
        assert rdm.to_spark(dataset).count() == 1000
        del dataset
        gc.collect()
    assert ray.is_initialized()
    wait_until(lambda: not alive_actors("KeeperActor", "ExecutorActor"))
    assert cluster.kept == []
