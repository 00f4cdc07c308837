"""The bridge serves any SparkSession: local, standalone, Spark Connect; by Flight where it must."""

import os
import re
import subprocess
import sys

import pyarrow as pa
import pytest
from machine import wait_until
from pyarrow import flight
from standalone import LOOPBACK, free_port, listens, standalone_cluster

import raydp_magic as rdm
from raydp_magic.bridge.keepers import keepers


@pytest.fixture(scope="module", autouse=True)
def worker_python():
    """Plain PySpark runs `python3` from PATH: its workers are to be this environment's."""
    before = os.environ.get("PYSPARK_PYTHON")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    yield
    if before is None:
        del os.environ["PYSPARK_PYTHON"]
    else:
        os.environ["PYSPARK_PYTHON"] = before


SERVER = """
import sys
from pyspark.sql import SparkSession
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.plugins", "org.apache.spark.sql.connect.SparkConnectPlugin")
    .config("spark.connect.grpc.binding.address", "127.0.0.1")
    .config("spark.connect.grpc.binding.port", sys.argv[1])
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .getOrCreate()
)
sys.stdin.read()
"""


def there_and_back(spark):
    """What any session must do; returns the DataFrame that came back."""
    frame = spark.range(0, 1000, 1, 3).selectExpr(
        "id", "CAST(id AS STRING) AS `a.b`", "map('k', array(id, NULL)) AS deep"
    )
    dataset = rdm.to_ray(frame)
    assert dataset.count() == 1000
    assert dataset.sum("id") == 499500
    back = rdm.to_spark(dataset, spark=spark)
    assert back.schema.simpleString() == frame.schema.simpleString()
    assert [tuple(row) for row in back.collect()] == [tuple(row) for row in frame.collect()]
    empty = rdm.to_spark(rdm.to_refs(frame.where("id < 0")), spark=spark)
    assert empty.count() == 0
    assert empty.columns == ["id", "a.b", "deep"]
    return back


@pytest.fixture
def local(ray4):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.getOrCreate()
    yield session
    session.stop()


def test_a_plain_local_session(local):
    back = there_and_back(local)
    held = [entry for entry in rdm.ledger() if entry.direction == "ray -> spark"]
    assert len(held) == 2
    local.stop()
    assert not [entry for entry in rdm.ledger() if entry.direction == "ray -> spark"]
    del back


@pytest.fixture
def standalone(ray4, tmp_path):
    """A session on a standalone cluster of one worker, both of them PySpark's own."""
    from pyspark.sql import SparkSession

    with standalone_cluster(tmp_path) as url:
        session = (
            SparkSession.builder.master(url)
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", LOOPBACK)
            .config("spark.executor.memory", "600m")
            .getOrCreate()
        )
        yield session
        session.stop()


def no_sockets(monkeypatch):
    """As if Spark's workers were on machines without a Ray node: they find no keeper's socket."""
    monkeypatch.setattr(keepers, "sockets", lambda: {"elsewhere": "/nowhere/socket"})


TICKET = flight.Ticket(b'{"transfer": "x", "block": 0}')


def wants_the_token(client):
    for headers in ([], [(b"authorization", b"Bearer " + b"0" * 64)]):
        with pytest.raises(flight.FlightUnauthenticatedError, match="token"):
            client.do_get(TICKET, flight.FlightCallOptions(headers=headers)).read_all()


def test_a_standalone_cluster_on_ray_nodes_and_off_them(standalone, monkeypatch):
    back = there_and_back(standalone)
    with monkeypatch.context() as patched:
        no_sockets(patched)
        far = there_and_back(standalone)
        [door] = keepers.doors(tls=False)[0].values()
        with flight.FlightClient(door.location) as client:
            wants_the_token(client)
        rdm.release(far)
        with pytest.raises(Exception, match="were released"):
            far.count()
    assert back.count() == 1000


@pytest.fixture(scope="module")
def connect(ray4):
    """A Spark Connect session; its server is another process, as it would be elsewhere."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)],
        stdin=subprocess.PIPE,
        env=os.environ | {"PYSPARK_PYTHON": sys.executable},
    )
    try:
        wait_until(lambda: listens(port), 90)
        from pyspark.sql.connect.session import SparkSession

        session = SparkSession.builder.remote(f"sc://{LOOPBACK}:{port}").create()
        yield session
        session.stop()
    finally:
        server.stdin.close()
        server.wait(30)


def test_spark_connect(connect):
    there_and_back(connect)


def test_spark_connect_by_flight_with_tls_and_a_token(connect, monkeypatch):
    no_sockets(monkeypatch)
    frame = connect.range(0, 100_000, 1, 2).selectExpr("id", "repeat('x', 50) AS s")
    refs = rdm.to_refs(frame, block_bytes=1024 * 1024, tls=True)
    assert len(refs) > 2
    back = rdm.to_spark(refs, spark=connect, tls=True)
    assert back.selectExpr("sum(id)", "sum(length(s))").first() == (4999950000, 5_000_000)

    [door] = keepers.doors(tls=True)[0].values()
    assert re.match(r"grpc\+tls://", door.location)
    with flight.FlightClient(door.location, tls_root_certs=door.root) as client:
        wants_the_token(client)
    plain = door.location.replace("+tls", "+tcp")
    with flight.FlightClient(plain) as client, pytest.raises(pa.ArrowException):
        client.do_get(TICKET, flight.FlightCallOptions(timeout=5)).read_all()
