"""More data than the object store holds: it spills, and little memory is needed."""

import pytest
from machine import PeakHandOff, PeakMemory, Traces

import raydp_magic as rdm

STORE = 150 * 1024 * 1024
BLOCK = 16 * 1024 * 1024
CORES = 2


@pytest.fixture(scope="module")
def small_ray():
    """A Ray whose object store is small."""
    import ray

    ray.init(
        num_cpus=4,
        address="local",
        object_store_memory=STORE,
        logging_level="ERROR",
        log_to_driver=False,
    )
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def spark(small_ray):
    before = Traces()
    with rdm.start(executors=2, cores=1, memory="1g") as cluster:
        yield cluster.spark
    before.gone(ray=False)


def test_more_than_the_object_store_holds(spark, small_ray):
    rows = 1_000_000
    columns = [f"id + {n} AS c{n}" for n in range(60)]
    frame = spark.range(0, rows, 1, 4).selectExpr(*columns)
    with (
        PeakMemory("KeeperActor") as keeper,
        PeakMemory("pyspark.daemon") as worker,
        PeakHandOff() as hand_off,
    ):
        dataset = rdm.to_ray(frame, block_bytes=BLOCK)
        assert dataset.size_bytes() > 3 * STORE
        back = rdm.to_spark(dataset)
        sums = [f"sum(c{n})" for n in range(60)]
        first = rows * (rows - 1) // 2
        assert list(back.selectExpr(*sums).first()) == [first + n * rows for n in range(60)]
    # At most three blocks at a time for each task, and what Python and Arrow keep for themselves.
    most = 3 * BLOCK + 32 * 1024 * 1024
    assert worker.most
    assert max(worker.most.values()) < most, worker.most
    assert keeper.most
    # The files through which blocks pass count as the keeper's: it has one of them, or maps it.
    assert hand_off.most > 0
    together = max(keeper.most.values()) + hand_off.most
    assert together < CORES * most, (keeper.most, hand_off.most)
