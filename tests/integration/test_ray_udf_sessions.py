"""`map_batches` and Ray in UDFs on Spark sessions that are not ours."""

import os

import pytest
from machine import wait_until
from test_sessions import connect, local, no_sockets, worker_python  # noqa: F401 - fixtures

import raydp_magic as rdm


def through_ray(session, **options):
    """Rows with a dotted name through Ray tasks, and through a pool; and a failure's words."""

    def plus(batch, amount):
        return {"id": batch["id"], "a.b": batch["a.b"] + amount}

    class Plus:
        def __init__(self, amount):
            self.amount = amount

        def __call__(self, batch):
            return plus(batch, self.amount)

    def fails(batch):
        raise ValueError("no answer")

    frame = session.range(0, 1000, 1, 3).selectExpr("id", "id * 2 AS `a.b`")
    schema = "id long, `a.b` long"
    expected = [(n, 2 * n + 5) for n in range(1000)]
    out = rdm.map_batches(frame, plus, schema=schema, batch_size=100, fn_args=(5,), **options)
    assert [tuple(row) for row in out.collect()] == expected
    pool = rdm.map_batches(
        frame,
        Plus,
        schema=schema,
        batch_size=100,
        concurrency=2,
        fn_constructor_args=(5,),
        **options,
    )
    assert [tuple(row) for row in pool.collect()] == expected
    nothing = rdm.map_batches(frame, lambda b: {n: b[n][:0] for n in b}, schema=schema, **options)
    assert nothing.collect() == []
    broken = rdm.map_batches(frame, fails, schema=schema, **options)
    with pytest.raises(
        Exception, match="the function of map_batches failed: ValueError: no answer"
    ):
        broken.collect()
    for one in (out, pool, nothing, broken):
        rdm.release(one)


def test_a_plain_local_session(local):  # noqa: F811 - a fixture
    through_ray(local)


def test_ray_in_the_udfs_of_a_plain_session(local, ray4):  # noqa: F811 - a fixture
    from pyspark.sql.functions import udf

    rdm.ray_in_udfs(local)

    @ray4.remote
    def square(x):
        return x * x

    @udf("string")
    def captured(x):
        import ray

        return f"{ray.get(square.remote(x))} {ray.get_runtime_context().gcs_address}"

    @udf("string")
    def bare(_):
        import ray

        ray.put(1)
        return ray.get_runtime_context().gcs_address

    address = ray4.get_runtime_context().gcs_address
    frame = local.range(0, 4, 1, 2)
    assert [row[0] for row in frame.select(bare("id")).collect()] == [address] * 4
    found = [row[0] for row in frame.select(captured("id")).collect()]
    assert found == [f"{n * n} {address}" for n in range(4)]


def test_spark_connect(connect):  # noqa: F811 - a fixture
    through_ray(connect)


@pytest.mark.parametrize("tls", [False, True])
def test_spark_connect_by_flight(connect, monkeypatch, tls):  # noqa: F811 - a fixture
    no_sockets(monkeypatch)
    through_ray(connect, tls=tls)


def test_a_cancelled_query_by_flight_gives_everything_back(connect, ray4, monkeypatch, tmp_path):  # noqa: F811
    import threading
    import time

    no_sockets(monkeypatch)
    began = tmp_path / "began"

    def endless(batch):
        began.touch()
        while True:
            time.sleep(0.05)

    out = rdm.map_batches(connect.range(0, 100, 1, 2), endless, schema="id long", batch_size=10)
    connect.addTag("endless")

    def cancel():
        wait_until(began.exists, 60)
        connect.interruptTag("endless")

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(Exception, match="(?i)cancel|interrupt"):
        out.collect()
    canceller.join()
    connect.removeTag("endless")
    wait_until(lambda: ray4.available_resources().get("CPU") == 4, 30)
    assert os.path.exists(began)
