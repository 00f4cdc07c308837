"""`map_batches`: the batches of a Spark DataFrame through Ray tasks or actors, and back."""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge import handoff, map_handoff
from raydp_magic.bridge.keepers import keepers, need_ray
from raydp_magic.bridge.ledger import TO_SPARK, record
from raydp_magic.bridge.route import connector
from raydp_magic.bridge.schema import (
    arrow_schema,
    as_wire,
    check_names,
    from_wire,
    target_arrow_schema,
    wire_schema,
)
from raydp_magic.cluster.fit import executor_resources
from raydp_magic.cluster.starting import peek
from raydp_magic.engine import ray_session
from raydp_magic.engine.translate import translate
from raydp_magic.errors import UsageError
from raydp_magic.ray_udf.mapper import Mapper
from raydp_magic.ray_udf.request import Code, Request, make_request
from raydp_magic.ray_udf.room import check_room, most_at_once, room_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

    from raydp_magic.ray_udf.request import BatchFormat


def map_batches(
    df: DataFrame,
    fn: Callable[..., Any],
    *,
    schema: StructType | str,
    batch_size: int = 4096,
    batch_format: BatchFormat = "numpy",
    concurrency: int | None = None,
    num_cpus: float = 1,
    num_gpus: float = 0,
    resources: Mapping[str, float] | None = None,
    fn_args: Sequence[Any] = (),
    fn_kwargs: Mapping[str, Any] | None = None,
    fn_constructor_args: Sequence[Any] = (),
    fn_constructor_kwargs: Mapping[str, Any] | None = None,
    tls: bool = False,
) -> DataFrame:
    """Run a function on the batches of a Spark DataFrame in Ray, beside Spark's executors.

    Lazy: batches stream from Spark's tasks into Ray and back when Spark computes the result.
    Rows stay in their order and partitions.

    Parameters
    ----------
    df : DataFrame
        Of any session, as for :func:`to_ray`.
    fn : callable or class
        A function of a batch, which runs in Ray tasks; or a class whose instances are called with
        a batch: each actor of a pool makes one. It returns a dict of columns, a pandas or an Arrow
        table of any number of rows, or yields several.
    schema : StructType or str
        Of the result, as Spark's type or its DDL: ``"id long, score double"``. Columns are taken
        by their names.
    batch_size : int
        Rows of a batch; the last of a partition may have fewer.
    batch_format : {"numpy", "pandas", "pyarrow"}
        ``"numpy"`` gives a dict of arrays. They may be read-only.
    concurrency : int, optional
        Most batches at a time, in the whole DataFrame. By default a function has no bound of its
        own, and a class as many actors as Ray has room for beside Spark's executors.
    num_cpus, num_gpus : float
        What each task or actor asks Ray for.
    resources : mapping of str to float, optional
        Custom resources that it asks for.
    fn_args, fn_kwargs
        More arguments of each call.
    fn_constructor_args, fn_constructor_kwargs
        Arguments of the class.
    tls : bool
        As for :func:`to_ray`.

    Returns
    -------
    DataFrame
        Its function is held until :func:`release` or the end of the Spark session.

    Raises
    ------
    UsageError
        A wrong argument; or Ray never has room for one batch beside Spark's executors.
    UnsupportedTypeError, BridgeError
        As for :func:`to_ray`, of either side's columns.
    """
    if not hasattr(df, "mapInArrow"):
        raise UsageError(
            f"A Spark DataFrame is needed, not {type(df).__name__}",
            hint="a Ray Dataset has `map_batches` of its own.",
        )
    request = make_request(
        fn,
        batch_size=batch_size,
        batch_format=batch_format,
        concurrency=concurrency,
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        resources=resources,
        constructor_args=fn_constructor_args,
        constructor_kwargs=fn_constructor_kwargs,
    )
    need_ray()
    result = _struct(df, schema)
    for names in (df.columns, result.names):
        check_names(names)
    time_zone = df.sparkSession.conf.get("spark.sql.session.timeZone") or "UTC"
    given = arrow_schema(df.schema, time_zone)
    code = Code(
        fn,
        tuple(fn_args),
        dict(fn_kwargs or {}),
        tuple(fn_constructor_args),
        dict(fn_constructor_kwargs or {}),
        batch_format,
        target_arrow_schema(result),
    )
    return _mapped(df, given, result, _beside_spark(request), code, tls=tls)


def _struct(df: DataFrame, schema: StructType | str) -> StructType:
    """The schema as a type; the session reads DDL, as any kind of session can."""
    from pyspark.sql.types import StructType

    if isinstance(schema, StructType):
        return schema
    if not isinstance(schema, str):
        raise UsageError(
            f"schema={schema!r}: a StructType or DDL is needed",
            hint="such as schema='id long, score double'.",
        )
    try:
        return df.sparkSession.createDataFrame([], schema).schema
    except Exception as error:
        why = translate(error)
        raise UsageError(
            f"schema={schema!r} is no DDL: {why.message if why else error}",
            hint="such as schema='id long, score double'.",
        ) from error


def _beside_spark(request: Request) -> Request:
    """Refuse what can never run; a pool gets its size."""
    nodes = ray_session.nodes()
    cluster = peek()
    coming = cluster.rooms_to_come() if cluster is not None else []
    slots = cluster.slots() if cluster is not None else []
    each = executor_resources(cluster.spec) if cluster is not None else {}
    room = room_beside(nodes, [(slot.node, each) for slot in slots if slot.node is not None])
    check_room(request.wants, nodes, room, pool=request.pool, coming=coming)
    if request.pool and request.concurrency is None:
        most = most_at_once(request.wants, [*room, *(node.total for node in coming)])
        return replace(request, concurrency=most or len(nodes))
    return request


def _mapped(
    df: DataFrame,
    given: Any,
    result: StructType,
    request: Request,
    code: Code,
    *,
    tls: bool,
) -> DataFrame:
    """Have the keepers hold the function, and make the DataFrame that uses it."""
    import ray

    try:
        ref = ray.put(code)
    except Exception as error:
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(
            f"The function cannot be sent to Ray: {line}",
            hint="it may use neither Spark's session or DataFrames, nor open files, locks or "
            "connections: make those inside of it.",
        ) from error
    transfer = uuid.uuid4().hex
    actors = keepers.on_all_nodes()
    mapper = Mapper(transfer, [ref], request)
    ray.get([actor.map_with.remote(transfer, mapper) for actor in actors.values()])
    handoff.by_value(map_handoff.__name__)
    body = partial(
        map_handoff.map_through,
        connect=connector(df.sparkSession, tls=tls, later=True),
        transfer=transfer,
        schema=given,
        batch_size=request.batch_size,
    )
    mapped = from_wire(as_wire(df).mapInArrow(body, wire_schema(result)), result)
    record(
        TO_SPARK,
        transfer=transfer,
        rows=None,
        size=None,
        nodes=frozenset(actors),
        object_ids=frozenset({ref.hex()}),
        value=mapped,
        session=df.sparkSession,
        what=getattr(code.fn, "__name__", type(code.fn).__name__).strip("<>"),
    )
    return mapped
