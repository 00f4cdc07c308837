"""What one table holds, in Spark's types, or why it cannot cross. Pure: no Ray, no Spark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from raydp_magic.bridge.arrow_types import (
    NoSparkTypeError,
    claims_no_nulls,
    readable_field,
    readable_type,
)
from raydp_magic.bridge.arrow_values import chunks_of, honest_field, plain, what_is_lost
from raydp_magic.bridge.schema import check_names
from raydp_magic.errors import BridgeError, UnsupportedTypeError, UsageError

ACCEPTED = (
    "a Ray Dataset, ObjectRefs of Arrow tables or frames, or a pyarrow, pandas or Polars table"
)
_ROW_COUNTER = "__bsp_stub"
"""Ray Data's placeholder in blocks without columns; Ray itself never shows it."""

_COLUMN = re.compile(r"column (.+?) with type (\w+)")
"""How pyarrow names the column of a pandas frame that it cannot convert."""


_REFUSALS = (pa.ArrowException, TypeError, ValueError, OverflowError)
"""What pyarrow and the frames raise for columns that have no Arrow form."""


@dataclass(frozen=True)
class Found:
    """What was seen in one object; `arrow` has its Arrow form when it has another."""

    schema: Any = None
    rows: int = 0
    size: int = 0
    arrow: tuple[Any, ...] = ()
    problem: Exception | None = None


def is_table(value: Any) -> bool:
    """Whether a value is a local table; Spark DataFrames have the same protocol, and are none."""
    if type(value).__module__.startswith("pyspark."):
        return False
    if isinstance(value, pa.ChunkedArray | pa.Array):
        return False
    has_protocol = hasattr(value, "__arrow_c_stream__") or isinstance(value, pa.RecordBatch)
    return has_protocol and type(value).__name__ != "Series"


def as_table(value: Any) -> Any:
    """Any table as an Arrow table.

    Raises
    ------
    UnsupportedTypeError
        When a pandas column has values of several types, or Python objects.
    BridgeError
        When two columns share a name, or it cannot become a table for another reason.
    """
    import pandas as pd

    if isinstance(value, pa.Table):
        return value
    if isinstance(value, pd.DataFrame):
        return _from_pandas(value)
    for name, dtype in getattr(value, "schema", {}).items() if _is_polars(value) else ():
        if str(dtype) == "Object":
            raise UnsupportedTypeError(name, "Object", hint="give it a type of its own first.")
    try:
        return pa.table(value)
    except _REFUSALS as error:
        raise _refused(value, error) from error


def _from_pandas(frame: Any) -> Any:
    frame = frame.set_axis([str(name) for name in frame.columns], axis="columns")
    check_names(list(frame.columns))
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except _REFUSALS as error:
        found = _COLUMN.search(str(error))
        if found is None:
            raise _refused(frame, error) from error
        raise UnsupportedTypeError(
            found[1],
            f"{found[2]} with values of several types, or Python objects",
            hint=f"give it one type first, e.g. `df[{found[1]!r}].astype(str)`.",
        ) from error


def _is_polars(value: Any) -> bool:
    return type(value).__module__.startswith("polars.")


def _refused(value: Any, error: Exception) -> BridgeError:
    return BridgeError(
        f"The {type(value).__name__} cannot become an Arrow table: {' '.join(str(error).split())}",
        hint="give the column that it names a plain type first.",
    )


def look_at(block: Any, *, truncate_timestamps: bool) -> Found:
    """Schema in Spark's types, rows and bytes of one block, or why it cannot cross."""
    if not is_table(block):
        what = type(block).__name__
        return Found(problem=UsageError(f"An ObjectRef holds {what}", hint=f"pass {ACCEPTED}."))
    try:
        table = as_table(block)
        columns = [
            (field, column)
            for field, column in zip(table.schema, table.columns, strict=True)
            if not (field.name == _ROW_COUNTER and pa.types.is_null(field.type))
        ]
        check_names([field.name for field, _ in columns])
        fields = [
            _crossing(field, column, truncate_timestamps=truncate_timestamps)
            for field, column in columns
        ]
    except BridgeError as error:
        return Found(problem=error)
    arrow = () if table is block else (table,)
    return Found(pa.schema(fields), table.num_rows, table.nbytes, arrow)


def _crossing(field: Any, column: Any, *, truncate_timestamps: bool) -> Any:
    """The field as Spark will read it, after a look at the values where they matter."""
    try:
        target = readable_type(field.type)
    except NoSparkTypeError as error:
        raise UnsupportedTypeError(
            field.name,
            f"{field.type} ({error})",
            hint=error.hint,
        ) from None
    lost = what_is_lost(column, target, truncate_timestamps=truncate_timestamps)
    if lost is not None:
        helps = what_is_lost(column, target, truncate_timestamps=True) is None
        cut = "`to_spark(data, truncate_timestamps=True)` drops what is finer than a microsecond."
        raise UnsupportedTypeError(
            field.name,
            f"{field.type}, and values that Spark's {target} cannot keep ({lost})",
            hint=cut if helps else "leave those rows out, or cast the column to a string.",
        )
    crossing = readable_field(field)
    if not claims_no_nulls(crossing):
        return crossing
    return honest_field(crossing, [plain(chunk) for chunk in chunks_of(column)])
