"""How Spark's workers reach the keepers, and where tasks should run: decided for each session."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge import flight_client, handoff
from raydp_magic.bridge.keepers import keepers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import DataFrame, SparkSession


def is_connect(session: Any) -> bool:
    """Whether a session is Spark Connect's: it has no JVM here, and its workers are anywhere."""
    return ".connect." in type(session).__module__


def workers_are_here(session: Any) -> bool:
    """Whether all Python workers of a session run on Ray nodes: ours do, and those of ``local[*]``.

    Our own clusters have the master ``local-cluster[0, ...]``; the keepers of their nodes are
    known for the jobs of this moment.
    """
    return not is_connect(session) and session.sparkContext.master.startswith("local")


def connector(
    session: Any, *, tls: bool, homes: Sequence[str] | None = None, later: bool = False
) -> Callable[[int], Any]:
    """What a task calls to reach a keeper; keepers must be running.

    Parameters
    ----------
    session : SparkSession
        Whose workers will call it.
    tls : bool
        Encrypt what goes to keepers on other machines.
    homes : sequence of str, optional
        For each block the node that has it, for blocks that are read whenever Spark computes.
    later : bool
        The tasks run whenever Spark computes, with any keeper.
    """
    handoff.by_value(flight_client.__name__)
    sockets = keepers.sockets()
    lazy = later or homes is not None
    may_come_later = lazy and len(sockets) > 1  # executors on nodes that join
    if workers_are_here(session) and not may_come_later:
        return partial(handoff.connect, sockets=sockets)
    found, token = keepers.doors(tls=tls)
    nodes = list(found)
    return partial(
        flight_client.connect_anywhere,
        sockets=sockets,
        doors=[(door.location, door.root) for door in found.values()],
        homes=None if homes is None or len(nodes) == 1 else tuple(map(nodes.index, homes)),
        token=token,
    )


def numbered_partitions(session: SparkSession, hosts: Sequence[Sequence[str]]) -> DataFrame:
    """A DataFrame of one column with a row a partition: 0, 1, 2, ...

    Parameters
    ----------
    session : SparkSession
        Where to make it.
    hosts : sequence of sequence of str
        For each partition, where Spark should rather run it (Spark's names of its executors'
        hosts, or ``executor_HOST_ID``); empty where it does not matter.
    """
    count = len(hosts)
    if is_connect(session) or not any(hosts):
        return session.range(0, count, 1, count)
    return _with_locations(session, hosts)


def _with_locations(session: SparkSession, hosts: Sequence[Sequence[str]]) -> DataFrame:
    """Spark's own `makeRDD` with location preferences, which PySpark has no word for."""
    from pyspark.sql import DataFrame

    context = session.sparkContext
    jvm: Any = context._jvm
    gateway: Any = context._gateway
    to_seq = jvm.org.apache.spark.api.python.PythonUtils.toSeq
    row = jvm.org.apache.spark.sql.RowFactory.create
    pairs = jvm.java.util.ArrayList()
    places: dict[tuple[str, ...], Any] = {}  # each call into the JVM takes its while
    for number, names in enumerate(map(tuple, hosts)):
        if names not in places:
            places[names] = to_seq(list(names))
        value = gateway.new_array(jvm.java.lang.Object, 1)
        value[0] = number
        pairs.add(jvm.scala.Tuple2(row(value), places[names]))
    tag = jvm.scala.reflect.ClassTag.apply(jvm.java.lang.Class.forName("org.apache.spark.sql.Row"))
    rdd = context._jsc.sc().makeRDD(to_seq(pairs), tag).toJavaRDD()
    schema = jvm.org.apache.spark.sql.types.StructType().add("id", "int")
    return DataFrame(session._jsparkSession.createDataFrame(rdd, schema), session)
