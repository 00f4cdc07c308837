"""`map_batches`: the right rows through Ray whatever happens on the way."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyspark.cloudpickle
import pytest
import ray
from machine import executor_jvms, wait_until
from ray.util.state import list_actors, list_tasks

import raydp_magic as rdm
from raydp_magic.engine.translate import translate
from raydp_magic.errors import BridgeError, UnsupportedTypeError, UsageError

for pickler in (ray.cloudpickle, pyspark.cloudpickle):  # workers lack this file
    pickler.register_pickle_by_value(sys.modules[__name__])

SUM = "id long, total long"


def actors(*names):
    """Live actors of these classes."""
    address = ray.get_runtime_context().gcs_address
    alive = list_actors(address=address, filters=[("state", "=", "ALIVE")], limit=1000)
    return [actor for actor in alive if actor.class_name in names]


def twice(batch):
    return {"id": batch["id"], "total": batch["id"] * 2}


def rows_of(frame):
    return [tuple(row) for row in frame.collect()]


def test_rows_come_back_in_their_order(spark):
    frame = spark.range(0, 10_000, 1, 3)
    out = rdm.map_batches(frame, twice, schema=SUM, batch_size=700)
    assert out.columns == ["id", "total"]
    assert rows_of(out) == [(n, 2 * n) for n in range(10_000)]
    assert out.where("id >= 9990").selectExpr("sum(total)").first()[0] == 2 * sum(
        range(9990, 10_000)
    )


def test_every_form_of_batch_and_more_or_fewer_rows(spark):
    frame = spark.range(0, 100, 1, 2)

    def pandas_twice(batch, factor, *, plus):
        assert isinstance(batch, pd.DataFrame)
        return batch[batch["id"] % 2 == 0].assign(total=lambda f: f["id"] * factor + plus)

    def arrow_pieces(batch):
        for start in range(0, batch.num_rows, 7):
            yield batch.slice(start, 7).append_column("total", batch["id"].slice(start, 7))
        yield {"id": [-1], "total": [0]}

    out = rdm.map_batches(
        frame,
        pandas_twice,
        schema=SUM,
        batch_format="pandas",
        fn_args=(3,),
        fn_kwargs={"plus": 1},
    )
    assert rows_of(out) == [(n, 3 * n + 1) for n in range(0, 100, 2)]
    out = rdm.map_batches(frame, arrow_pieces, schema=SUM, batch_format="pyarrow", batch_size=50)
    assert rows_of(out) == [
        *((n, n) for n in range(50)),
        (-1, 0),
        *((n, n) for n in range(50, 100)),
        (-1, 0),
    ]


def test_nested_types_and_names_with_dots(spark):
    frame = spark.sql("""
        SELECT id, CAST(id AS STRING) AS `a.b`, IF(id % 2 = 0, NULL, id) AS `c d`,
               CAST(id AS DECIMAL(20, 3)) AS dec, timestamp_seconds(id) AS at,
               array(id, NULL) AS list, map('k', id) AS dict,
               make_ym_interval(1, CAST(id AS INT)) AS months,
               named_struct('x', id, 'inner', named_struct('y', array(named_struct('z', id)))) AS deep
        FROM range(0, 50, 1, 3)
    """)

    def same(batch):
        assert batch.column_names[1] == "a.b"
        return batch

    out = rdm.map_batches(frame, same, schema=frame.schema, batch_format="pyarrow", batch_size=7)
    assert out.schema == frame.schema
    plain = "* EXCEPT (months)", "CAST(months AS STRING)"  # PySpark cannot collect these
    assert out.selectExpr(*plain).collect() == frame.selectExpr(*plain).collect()
    for batch_format in ("numpy", "pandas"):
        form = {"batch_format": batch_format, "batch_size": 7}
        out = rdm.map_batches(frame, lambda batch: batch, schema=frame.schema, **form)
        assert out.selectExpr(*plain).collect() == frame.selectExpr(*plain).collect()


def test_an_empty_frame_and_empty_partitions(spark):
    empty = spark.range(10).where("id < 0")
    out = rdm.map_batches(empty, twice, schema=SUM)
    assert rows_of(out) == []
    assert out.columns == ["id", "total"]
    few = spark.range(0, 10, 1, 5).where("id = 7")
    assert rows_of(rdm.map_batches(few, twice, schema=SUM)) == [(7, 14)]


def test_a_slow_batch_does_not_hold_up_the_others_of_its_task(spark, tmp_path):
    """The first batch waits for the last one's end, which no one-at-a-time would reach."""
    last = str(tmp_path / "last")

    def uneven(batch):
        if batch["id"][0] == 0:
            while not os.path.exists(last):
                time.sleep(0.02)
        elif batch["id"][-1] == 99:
            open(last, "w").close()
        return {"id": batch["id"], "total": batch["id"]}

    out = rdm.map_batches(spark.range(0, 100, 1, 1), uneven, schema=SUM, batch_size=10)
    assert rows_of(out) == [(n, n) for n in range(100)]


class Model:
    """Counts its instances in a folder, and says in which process it ran."""

    def __init__(self, folder, *, offset):
        (Path(folder) / f"made-{os.getpid()}-{time.monotonic_ns()}").touch()
        self.offset = offset
        self.folder = Path(folder)

    def __call__(self, batch):
        mine = self.folder / f"busy-{os.getpid()}"
        mine.touch()
        busy = len(list(self.folder.glob("busy-*")))
        time.sleep(0.05)
        mine.unlink()
        size = len(batch["id"])
        return {
            "id": batch["id"],
            "total": batch["id"] + self.offset,
            "pid": np.full(size, os.getpid()),
            "busy": np.full(size, busy),
        }


POOLED = "id long, total long, pid long, busy long"


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_class_is_a_pool_of_actors_that_all_tasks_share(spark, ray4, tmp_path, concurrency):
    out = rdm.map_batches(
        spark.range(0, 400, 1, 4),
        Model,
        schema=POOLED,
        batch_size=10,
        concurrency=concurrency,
        fn_constructor_args=(str(tmp_path),),
        fn_constructor_kwargs={"offset": 5},
    )
    assert not list(tmp_path.iterdir())  # lazy
    assert actors("Pool", "Worker") == []
    rows = out.collect()
    assert [(row.id, row.total) for row in rows] == [(n, n + 5) for n in range(400)]
    assert max(row.busy for row in rows) <= concurrency
    assert len({row.pid for row in rows}) <= concurrency
    assert len(list(tmp_path.glob("made-*"))) <= concurrency
    wait_until(lambda: not actors("Pool", "Worker"), 30, "the pool ends with its last task")
    wait_until(lambda: ray4.available_resources().get("CPU") == 2, 15)


def test_concurrency_bounds_a_functions_tasks_everywhere(spark, tmp_path):
    def counted(batch, folder):
        mine = Path(folder) / f"busy-{os.getpid()}"
        mine.touch()
        busy = len(list(Path(folder).glob("busy-*")))
        time.sleep(0.05)
        mine.unlink()
        return {"id": batch["id"], "total": [busy] * len(batch["id"])}

    out = rdm.map_batches(
        spark.range(0, 100, 1, 4),
        counted,
        schema=SUM,
        batch_size=10,
        concurrency=1,
        fn_args=(str(tmp_path),),
    )
    assert rows_of(out) == [(n, 1) for n in range(100)]


def test_two_pools_in_one_query_take_turns(spark, tmp_path):
    """Each wants all the CPUs that Spark leaves: the first must give them to the second."""

    class Plus:
        def __call__(self, batch):
            return {"id": batch["id"] + 1}

    first = rdm.map_batches(spark.range(0, 1000, 1, 1), Plus, schema="id long", batch_size=100)
    second = rdm.map_batches(first, Plus, schema="id long", batch_size=100)
    assert [row.id for row in second.collect()] == list(range(2, 1002))


@pytest.mark.parametrize("kind", ["task", "actor"])
def test_a_killed_worker_does_not_change_the_answer(spark, tmp_path, kind):
    died = str(tmp_path / "died")

    def killed_once(batch):
        if 55 in batch["id"] and not os.path.exists(died):
            open(died, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"id": batch["id"], "total": batch["id"] * 2}

    class KilledOnce:
        def __call__(self, batch):
            return killed_once(batch)

    fn = killed_once if kind == "task" else KilledOnce
    out = rdm.map_batches(spark.range(0, 100, 1, 2), fn, schema=SUM, batch_size=10)
    assert rows_of(out) == [(n, 2 * n) for n in range(100)]
    assert os.path.exists(died)


@pytest.mark.parametrize("kind", ["task", "actor"])
def test_a_killed_executor_does_not_change_the_answer(cluster, spark, tmp_path, kind):
    began, gate = tmp_path / "began", tmp_path / "gate"

    def waits(batch):
        began.touch()
        while not gate.exists():
            time.sleep(0.02)
        return {"id": batch["id"], "total": batch["id"] * 2}

    class Waits:
        def __call__(self, batch):
            return waits(batch)

    def kill_one():
        wait_until(began.exists, 60)
        os.kill(min(executor_jvms(cluster)), signal.SIGKILL)
        wait_until(lambda: cluster.executors_up < 2, 30)
        gate.touch()

    fn = waits if kind == "task" else Waits
    out = rdm.map_batches(spark.range(0, 400, 1, 4), fn, schema=SUM, batch_size=20)
    killer = threading.Thread(target=kill_one)
    killer.start()
    rows = rows_of(out)
    killer.join()
    assert rows == [(n, 2 * n) for n in range(400)]
    wait_until(lambda: cluster.executors_up == 2, 60)


def test_a_failing_function_is_told_in_one_line(spark):
    def broken(batch):
        if 42 in batch["id"]:
            raise ValueError("no answer")
        return {"id": batch["id"]}

    out = rdm.map_batches(spark.range(0, 100, 1, 2), broken, schema="id long", batch_size=10)
    with pytest.raises(Exception, match="no answer") as caught:
        out.collect()
    assert 'raise ValueError("no answer")' in str(caught.value)
    told = translate(caught.value)
    assert isinstance(told, BridgeError)
    assert told.message == "the function of map_batches failed: ValueError: no answer"
    assert "in broken" in told.hint
    assert "test_map_batches.py" in told.hint


def test_a_class_that_cannot_be_made_is_told_and_its_pool_ends(spark):
    class Broken:
        def __init__(self):
            raise OSError("no model")

        def __call__(self, batch):
            return batch

    out = rdm.map_batches(spark.range(10), Broken, schema="id long")
    with pytest.raises(Exception, match="OSError: no model"):
        out.collect()
    wait_until(lambda: not actors("Pool", "Worker"), 30)


def test_a_module_that_ray_lacks_is_told(spark, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def same(batch):\n    return batch\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_here

    out = rdm.map_batches(spark.range(10), only_here.same, schema="id long")
    with pytest.raises(Exception, match="a Ray worker cannot load it: ModuleNotFoundError"):
        out.collect()


def test_a_result_that_is_not_of_the_schema_is_told(spark):
    out = rdm.map_batches(spark.range(10), lambda batch: {"x": batch["id"]}, schema="id long")
    with pytest.raises(Exception, match="it lacks 'id'; the schema has no 'x'") as caught:
        out.collect()
    assert translate(caught.value).hint == "return exactly the columns that `schema=` names."


def test_what_is_not_wanted_any_more_does_not_run(spark, tmp_path):
    def counted(batch, folder):
        (Path(folder) / str(batch["id"][0])).touch()
        return batch

    frame = spark.range(0, 1_000_000, 1, 1)  # of rows enough that Python's buffers fill
    out = rdm.map_batches(
        frame, counted, schema="id long", batch_size=1000, fn_args=(str(tmp_path),)
    )
    assert [row.id for row in out.take(1)] == [0]
    wait_until(lambda: not tasks_running(), 30)
    assert 1 <= len(list(tmp_path.iterdir())) < 1000  # of 1000


def tasks_running():
    address = ray.get_runtime_context().gcs_address
    tasks = list_tasks(address=address, limit=10_000, raise_on_missing_output=False)
    applied = [task for task in tasks if task.name.rpartition(".")[2] == "apply"]
    assert applied
    return [task for task in applied if task.state not in ("FINISHED", "FAILED")]


class Endless:
    def __init__(self, began, nap):
        self.began, self.nap = began, nap

    def __call__(self, batch):
        endless(batch, self.began, self.nap)


def endless(batch, began, nap):
    began.touch()
    while True:
        time.sleep(nap)


@pytest.mark.parametrize(  # a long call of C's does not hear of an interrupt
    ("concurrency", "nap"), [(None, 0.05), (None, 600), (2, 600), ("pool", 600)]
)
def test_a_cancelled_job_gives_everything_back(spark, ray4, tmp_path, concurrency, nap):
    began = tmp_path / "began"
    how = {"fn": endless, "concurrency": concurrency, "fn_args": (began, nap)}
    if concurrency == "pool":
        how = {"fn": Endless, "concurrency": 2, "fn_constructor_args": (began, nap)}
    out = rdm.map_batches(spark.range(0, 100, 1, 2), schema="id long", batch_size=10, **how)

    def cancel():
        wait_until(began.exists, 60)
        spark.sparkContext.cancelAllJobs()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(Exception, match="cancelled"):
        out.collect()
    canceller.join()
    wait_until(lambda: not tasks_running(), 30)
    wait_until(lambda: ray4.available_resources().get("CPU") == 2, 15)
    wait_until(lambda: not actors("Pool", "Worker"), 30)


def test_what_can_never_run_is_refused_before_a_job_runs(spark):
    frame = spark.range(10)
    with pytest.raises(UsageError, match="asks for 3 CPU; this Ray has 4 CPU, and .* leave 2 CPU"):
        rdm.map_batches(frame, twice, schema=SUM, num_cpus=3)
    with pytest.raises(UsageError, match="asks for 1 CPU, 1 GPU"):
        rdm.map_batches(frame, twice, schema=SUM, num_gpus=1)
    with pytest.raises(UsageError, match="is no DDL"):
        rdm.map_batches(frame, twice, schema="id lung")
    with pytest.raises(UsageError, match="cannot be sent to Ray"):
        rdm.map_batches(frame, lambda batch: spark.sql("SELECT 1"), schema=SUM)
    with pytest.raises(UsageError, match="A Spark DataFrame is needed, not list"):
        rdm.map_batches([1], twice, schema=SUM)
    with pytest.raises(BridgeError, match="'id'"):
        rdm.map_batches(frame, twice, schema="id long, id long")
    with pytest.raises(UnsupportedTypeError):
        rdm.map_batches(frame, twice, schema="i interval")


def test_a_released_function_is_told(spark):
    out = rdm.map_batches(spark.range(10), twice, schema=SUM)
    assert out.count() == 10
    rdm.release(out)
    with pytest.raises(Exception, match="function was released"):
        out.count()
