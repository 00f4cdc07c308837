"""What one table holds, in Spark's types, or why it cannot cross. Pure: no Ray, no Spark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from raydp_magic.bridge.arrow_types import (
    NoSparkTypeError,
    honest_field,
    readable_field,
    readable_type,
    what_is_lost,
)
from raydp_magic.errors import UnsupportedTypeError, UsageError

ACCEPTED = (
    "a Ray Dataset, ObjectRefs of Arrow tables or frames, or a pyarrow, pandas or Polars table"
)
_COLUMN = re.compile(r"column (.+?) with type (\w+)")
"""How pyarrow names the column of a pandas frame that it cannot convert."""


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
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


def as_table(value: Any) -> Any:
    """Any table as an Arrow table.

    Raises
    ------
    UnsupportedTypeError
        When a pandas column has values of several types, or Python objects.
    """
    import pandas as pd
    import pyarrow as pa

    if isinstance(value, pa.Table):
        return value
    if not isinstance(value, pd.DataFrame):
        return pa.table(value)
    value = value.set_axis([str(name) for name in value.columns], axis="columns")
    try:
        return pa.Table.from_pandas(value, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        found = _COLUMN.search(str(error))
        name = found[1] if found else "?"
        raise UnsupportedTypeError(
            name,
            f"{found[2] if found else 'object'} with values of several types, or Python objects",
            hint=f"give it one type first, e.g. `df[{name!r}].astype(str)`.",
        ) from error


def look_at(block: Any, *, truncate_timestamps: bool) -> Found:
    """Schema in Spark's types, rows and bytes of one block, or why it cannot cross."""
    import pyarrow as pa

    if not is_table(block):
        what = type(block).__name__
        return Found(problem=UsageError(f"An ObjectRef holds {what}", hint=f"pass {ACCEPTED}."))
    try:
        table = as_table(block)
        fields = [
            _crossing(field, column, truncate_timestamps=truncate_timestamps)
            for field, column in zip(table.schema, table.columns, strict=True)
        ]
    except UnsupportedTypeError as error:
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
            hint="cast it first, e.g. with `Dataset.map_batches` and `pyarrow.compute.cast`.",
        ) from None
    lost = what_is_lost(column, target, truncate_timestamps=truncate_timestamps)
    if lost is not None:
        raise UnsupportedTypeError(
            field.name,
            f"{field.type}, and values that Spark's {target} cannot keep ({lost})",
            hint="`to_spark(data, truncate_timestamps=True)` drops what is finer than a "
            "microsecond.",
        )
    return readable_field(honest_field(field, column))
