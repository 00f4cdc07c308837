"""Tables of every shape cross; blocks are freed; lost executors cost no rows and leave no block."""

import os
import signal
import threading
import time

import pyarrow as pa
import pytest
from machine import executor_jvms, objects_of_tables, wait_until

import raydp_magic as rdm
from raydp_magic.bridge.keepers import keepers
from raydp_magic.errors import BridgeError, DataLostError, UsageError


@pytest.fixture(scope="module")
def spark(ray4):
    with rdm.start(executors=2, cores=1, memory="1g") as cluster:
        yield cluster.spark


@pytest.fixture
def nothing_stays(ray4, spark):
    """After the test the object store holds what it held before."""
    before = objects_of_tables(ray4)
    yield
    for entry in rdm.ledger():  # what Spark may still read
        rdm.release(entry)
    wait_until(lambda: not objects_of_tables(ray4) - before, 30, "blocks are freed")


def test_one_row_one_partition_and_empty_partitions(spark, nothing_stays):
    assert len(rdm.to_refs(spark.range(1))) == 1
    frame = spark.range(0, 8, 1, 8).where("id % 4 = 1")
    refs = rdm.to_refs(frame)
    assert len(refs) == 2
    assert [row.id for row in rdm.to_spark(refs).collect()] == [1, 5]


def test_a_table_without_columns_is_refused(spark):
    with pytest.raises(BridgeError, match="without columns"):
        rdm.to_refs(spark.range(3).select())
    with pytest.raises(BridgeError, match="without columns"):
        rdm.to_spark(pa.table({}))


def test_a_huge_partition_becomes_blocks_of_the_size_asked_for(spark, ray4, nothing_stays):
    frame = spark.range(0, 2_000_000, 1, 1).selectExpr("id", "rand(1) AS x")
    refs = rdm.to_refs(frame, block_bytes=8 * 1024 * 1024)
    sizes = [table.nbytes for table in ray4.get(refs)]
    assert len(refs) == 4
    assert max(sizes) < 9 * 1024 * 1024
    back = rdm.to_spark(refs)
    assert back.rdd.getNumPartitions() == 4
    assert (
        back.selectExpr("count(*)", "sum(id)").first()
        == frame.selectExpr("count(*)", "sum(id)").first()
    )
    with pytest.raises(UsageError, match="block_bytes"):
        rdm.to_refs(frame, block_bytes=0)
    del refs, back


def test_many_tiny_partitions(spark, nothing_stays):
    refs = rdm.to_refs(spark.range(0, 1000, 1, 1000))
    assert len(refs) == 1000
    back = rdm.to_spark(refs)
    assert back.selectExpr("count(*)", "sum(id)").first() == (1000, 499500)
    del refs, back


def test_a_wide_table(spark, nothing_stays):
    frame = spark.range(10).selectExpr("id", *(f"id + {n} AS c{n}" for n in range(4999)))
    back = rdm.to_spark(rdm.to_ray(frame))
    assert back.columns == frame.columns
    assert len(back.columns) == 5000
    assert back.selectExpr("sum(c4998)").first()[0] == 50025
    del back


def test_very_long_strings(spark, nothing_stays):
    frame = spark.range(0, 3, 1, 1).selectExpr("id", "repeat(CAST(id AS STRING), 100000000) AS s")
    refs = rdm.to_refs(frame)
    lengths = rdm.to_spark(refs).selectExpr("length(s)").collect()
    assert [row[0] for row in lengths] == [100_000_000] * 3
    del refs


def test_rows_larger_than_a_batch_allows_come_after_small_ones(spark, nothing_stays):
    arrow = "spark.sql.execution.arrow"
    keys = [f"{arrow}.maxRecordsPerBatch", f"{arrow}.maxBytesPerBatch"]
    before = [spark.conf.get(key) for key in keys]
    frame = spark.range(0, 30_000, 1, 3).selectExpr(
        "id", "repeat('x', IF(id BETWEEN 19000 AND 19100, 40000, 5)) AS s"
    )
    refs = rdm.to_refs(frame)
    lengths = "count(*)", "sum(id)", "sum(length(s))"
    assert rdm.to_spark(refs).selectExpr(*lengths).first() == frame.selectExpr(*lengths).first()
    assert [spark.conf.get(key) for key in keys] == before
    del refs


def test_batches_of_the_person_s_own_functions_stay_as_they_are(spark, nothing_stays):
    def sizes(batches):
        import pyarrow as pa

        for batch in batches:
            yield pa.RecordBatch.from_pydict({"rows": [batch.num_rows]})

    frame = spark.range(0, 25_000, 1, 1).mapInArrow(sizes, "rows long")
    assert rdm.to_ray(frame).take_all() == [{"rows": n} for n in (10_000, 10_000, 5_000)]


def test_a_streaming_dataset_and_a_lazy_one(spark, ray4):
    lazy = ray4.data.range(1000, override_num_blocks=7).map_batches(lambda b: {"id": b["id"] * 2})
    assert rdm.to_spark(lazy).selectExpr("sum(id)").first()[0] == 999000


def kill_an_executor_when(cluster, condition):
    """From a thread: kill -9 one executor once the condition holds."""

    def run():
        wait_until(condition, 60)
        os.kill(min(executor_jvms(cluster)), signal.SIGKILL)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_an_executor_killed_half_way_costs_no_row_and_leaves_no_block(
    spark, ray4, nothing_stays, tmp_path
):
    mark = str(tmp_path)

    def slow(batches):
        for batch in batches:
            open(f"{mark}/{batch.column(0)[0].as_py()}", "w").close()
            time.sleep(0.3)
            yield batch

    frame = spark.range(0, 40_000, 1, 8).mapInArrow(slow, "id long")
    killer = kill_an_executor_when(rdm.current(), lambda: len(os.listdir(mark)) >= 3)
    refs = rdm.to_refs(frame, block_bytes=20_000)
    killer.join()
    ids = pa.concat_tables(ray4.get(refs)).column("id").to_pylist()
    assert ids == list(range(40_000))
    wait_until(lambda: rdm.current().executors_up == 2, 60)
    back = rdm.to_spark(refs)
    for name in os.listdir(mark):
        os.unlink(f"{mark}/{name}")
    killer = kill_an_executor_when(rdm.current(), lambda: len(os.listdir(mark)) >= 3)
    assert len(refs) > 6
    read = back.mapInArrow(slow, "id long")  # a mark and a pause for each block
    assert read.selectExpr("count(*)", "sum(id)").first() == (40_000, 799_980_000)
    killer.join()
    wait_until(lambda: rdm.current().executors_up == 2, 60)
    del refs, back


def test_a_keeper_that_dies_half_way_is_said_and_the_next_conversion_works(
    spark, ray4, nothing_stays, tmp_path
):
    mark = str(tmp_path / "begun")

    def slow(batches):
        open(mark, "w").close()
        for batch in batches:
            time.sleep(0.3)
            yield batch

    def kill():
        wait_until(lambda: os.path.exists(mark), 60)
        for keeper in keepers.known().values():
            ray4.kill(keeper)

    frame = spark.range(0, 80_000, 1, 4).mapInArrow(slow, "id long")
    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(DataLostError, match="keeper died"):
        rdm.to_refs(frame, block_bytes=20_000)
    killer.join()
    assert rdm.to_ray(frame).count() == 80_000


def test_a_task_that_fails_after_it_gave_blocks_leaves_one_copy(spark, ray4, nothing_stays):
    def fails_once(batches):
        from pyspark import TaskContext

        yield from batches
        context = TaskContext.get()
        if context.partitionId() % 2 == 0 and context.attemptNumber() == 0:
            raise ValueError("on purpose")

    frame = spark.range(0, 40_000, 1, 4).mapInArrow(fails_once, "id long")
    before = objects_of_tables(ray4)
    refs = rdm.to_refs(frame, block_bytes=20_000)
    assert pa.concat_tables(ray4.get(refs)).column("id").to_pylist() == list(range(40_000))
    kept = len(refs)
    wait_until(lambda: len(objects_of_tables(ray4) - before) == kept, 30, "copies are freed")
    del refs
