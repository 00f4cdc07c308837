"""How many rows Spark gives Python at a time.

From 4.1 on Spark bounds an Arrow batch by bytes (`spark.sql.execution.arrow.maxBytesPerBatch`), and
to do so asks the batch for its size before every row: more than half of a conversion's time
(docs/benchmarks.md). So we bound it ourselves where a row's size is cheap to tell: by the number of
rows, and by a column that says of a row whether it is larger than such a batch allows. If one
is, the conversion runs again with Spark's own bound. The same when the plan runs Python functions
of the person's, whose batches the settings would cut as well.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import DataType, StructType

ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"
BYTES = "spark.sql.execution.arrow.maxBytesPerBatch"
NO_LIMIT = 2**31 - 1
"""The value of `BYTES` with which Spark asks no batch for its size."""

BATCH_BYTES = 64 * 1024 * 1024
"""As Spark's own bound."""
ROWS_OF_ANY_SIZE = 4096
"""Rows of a batch whose rows differ in size, so that a row may have 16 KiB."""
FEW_ROWS = 64
"""Rows of a batch of large rows on a Spark that does not bound the bytes (before 4.1)."""
MOST_NODES = 200
"""Of a plan: each takes some calls into the JVM to look at."""
MOST_PARTS = 200
"""Longer sums of sizes cost more than they save."""

_WIDTHS = {
    "boolean": 1,
    "tinyint": 1,
    "smallint": 2,
    "int": 4,
    "bigint": 8,
    "float": 4,
    "double": 8,
    "date": 4,
    "timestamp": 8,
    "timestamp_ntz": 8,
    "void": 0,
}


@dataclass(frozen=True)
class Batches:
    """How a DataFrame's rows are cut into batches.

    Attributes
    ----------
    rows : int
        Most rows of a batch.
    bound_bytes : bool
        Whether Spark has to watch the bytes, too.
    too_large : str or None
        SQL that is true for a row with which such a batch could be too large.
    """

    rows: int
    bound_bytes: bool
    too_large: str | None = None


def cut(schema: StructType) -> Batches | None:
    """How to cut rows without asking for their sizes; None when these are not cheap to tell.

    Parameters
    ----------
    schema : StructType
        Of columns ``c0``, ``c1``, ...
    """
    found = _sum((field.dataType, f"c{number}") for number, field in enumerate(schema))
    if found is None:
        return None
    fixed, parts = found
    if len(parts) > MOST_PARTS:
        return None
    if not parts:
        return Batches(max(1, BATCH_BYTES // max(fixed, 1)), bound_bytes=False)
    rows = min(ROWS_OF_ANY_SIZE, max(1, BATCH_BYTES // 2 // max(fixed, 1)))
    most = BATCH_BYTES // rows - fixed
    return Batches(rows, bound_bytes=False, too_large=f"{' + '.join(parts)} > {most}")


def cut_by_spark(session: SparkSession) -> Batches:
    """Leave it to Spark to bound the bytes, or do with few rows where it cannot."""
    bounds = _setting(session, BYTES) is not None
    return Batches(NO_LIMIT if bounds else FEW_ROWS, bound_bytes=True)


def _sum(columns: Iterable[tuple[DataType, str]]) -> tuple[int, list[str]] | None:
    """`_size` of several together; None when that of one is not cheap."""
    fixed = 0
    parts: list[str] = []
    for spark_type, path in columns:
        found = _size(spark_type, path)
        if found is None:
            return None
        fixed += found[0]
        parts += found[1]
    return fixed, parts


def _size(spark_type: DataType, path: str) -> tuple[int, list[str]] | None:
    """Bytes that every row has, and SQL for those that differ; None when that is not cheap."""
    from pyspark.sql import types as t

    if isinstance(spark_type, (t.StringType, t.BinaryType)):
        return 4, [f"coalesce(octet_length({path}), 0)"]
    if isinstance(spark_type, t.StructType):
        quoted = [f"{path}.`{field.name.replace('`', '``')}`" for field in spark_type]
        return _sum((f.dataType, name) for f, name in zip(spark_type, quoted, strict=True))
    if isinstance(spark_type, (t.ArrayType, t.MapType)):
        items = (
            [spark_type.elementType]
            if isinstance(spark_type, t.ArrayType)
            else [spark_type.keyType, spark_type.valueType]
        )
        found = _sum((item, path) for item in items)
        if found is None or found[1]:
            return None
        return 4, [f"greatest(size({path}), 0) * {found[0]}L"]
    own = _width(spark_type)
    return None if own is None else (own, [])


def _width(spark_type: DataType) -> int | None:
    from pyspark.sql import types as t

    if isinstance(spark_type, t.DecimalType):
        return 16
    if isinstance(spark_type, (t.DayTimeIntervalType, t.YearMonthIntervalType)):
        return 8
    return _WIDTHS.get(spark_type.simpleString())


_lock = threading.Lock()
_borrowed: WeakKeyDictionary[Any, tuple[int, dict[str, str | None]]] = WeakKeyDictionary()


@contextmanager
def applied(batches: Batches, session: SparkSession) -> Iterator[None]:
    """Have queries of this session cut their rows so; the person's settings come back after."""
    with _lock:
        users, before = _borrowed.get(session) or (0, _settings(session))
        _borrowed[session] = (users + 1, before)
    try:
        with _lock:
            session.conf.set(ROWS, min(batches.rows, _rows(before[ROWS])))
            size = before[BYTES]
            if size is not None:
                session.conf.set(BYTES, size if batches.bound_bytes else NO_LIMIT)
        yield
    finally:
        with _lock:
            users, before = _borrowed.pop(session)
            if users > 1:
                _borrowed[session] = (users - 1, before)
            else:
                for key, value in before.items():
                    if value is not None:
                        session.conf.set(key, value)


def _settings(session: SparkSession) -> dict[str, str | None]:
    return {key: _setting(session, key) for key in (ROWS, BYTES)}


def _setting(session: SparkSession, key: str) -> str | None:
    """What applies now; None for what this Spark does not know."""
    with suppress(Exception):
        return session.conf.get(key)
    return None


def _rows(setting: str | None) -> int:
    """Most rows of a batch by the person's wish: also what their own functions are given."""
    rows = int(setting or 0)
    return rows if rows > 0 else NO_LIMIT


def runs_python(df: DataFrame) -> bool:
    """Whether a plan has a Python function besides the last one: batches are its, too.

    Also true when that is not known: for a very large plan, and for Spark Connect's.
    """
    if not hasattr(df, "_jdf"):
        return True
    waiting = [df._jdf.queryExecution().executedPlan()]
    functions = 0
    for _ in range(MOST_NODES):
        if not waiting:
            return functions > 1
        node = waiting.pop()
        name = node.nodeName()
        functions += any(word in name for word in ("Python", "InArrow", "InPandas"))
        if name == "AdaptiveSparkPlan":
            waiting.append(node.inputPlan())
        elif name.startswith("InMemoryTableScan"):
            waiting.append(node.relation().cachedPlan())
        for others in (node.children(), node.subqueries()):
            waiting += [others.apply(number) for number in range(others.size())]
    return True
