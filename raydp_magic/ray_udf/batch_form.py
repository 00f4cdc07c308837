"""A batch in the form that a function wants. Pure.

The forms differ in what they can say. numpy's numbers know no NULL, and pandas has one word, NaN,
for NaN and NULL. So a column that a form's usual type cannot hold comes in a wider one; which is
written down in docs/ray_in_spark.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kind

if TYPE_CHECKING:
    from raydp_magic.ray_udf.request import BatchFormat

EXACT = 2**53
"""Whole numbers up to here are exact as doubles."""

Unknown = list[tuple[Any, Any]]
"""Arrays of floats that a function is given, and of each where its column is NULL."""


def to_batch(table: pa.Table, batch_format: BatchFormat) -> Any:
    """A batch as a dict of numpy arrays, a pandas frame, or the Arrow table itself."""
    if batch_format == "pyarrow":
        return table
    columns = zip(table.column_names, table.columns, strict=True)
    if batch_format == "numpy":
        return {name: _to_numpy(column) for name, column in columns}
    frame = table.to_pandas()
    for name, column in columns:
        series = _exact_series(column)
        if series is not None:
            frame[name] = series
    return frame


def unknown_floats(batch: Any, table: pa.Table) -> Unknown:
    """Where NaN stands for NULL in a batch of arrays: ask before a function changes the batch."""
    if not isinstance(batch, dict):
        return []
    return [
        (batch[name], column.is_null().to_numpy())
        for name, column in zip(table.column_names, table.columns, strict=True)
        if column.null_count and batch[name].dtype.kind == "f"
    ]


def _to_numpy(column: Any) -> Any:
    if kind.is_nested(column.type):
        if _numbers_unknown(column):
            return _objects(column).to_numpy()
        return column.to_pandas().to_numpy()  # numpy's own days inside of lists do not come back
    if kind.is_integer(column.type) and column.null_count and not _fit_doubles(column):
        return column.to_pandas(integer_object_nulls=True).to_numpy()
    return column.to_numpy()


def _exact_series(column: Any) -> Any:
    """A column as pandas' usual types cannot hold it; None where they can."""
    import numpy as np
    import pandas as pd

    if kind.is_nested(column.type):
        return _objects(column) if _numbers_unknown(column) else None
    unknown = kind.is_integer(column.type) and column.null_count
    if unknown or (kind.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py()):
        usual = np.dtype(column.type.to_pandas_dtype()).name
        nullable = pd.api.types.pandas_dtype(usual.capitalize())  # int64 -> Int64
        return column.to_pandas(types_mapper=lambda _: nullable)
    return None


def _objects(column: Any) -> Any:
    """Nested values as Python's own lists, tuples and dicts, with None."""
    import pandas as pd

    return pd.Series(column.to_pylist(), dtype=object)


def _fit_doubles(column: Any) -> bool:
    ends = pc.min_max(column).as_py().values()
    return all(abs(end or 0) <= EXACT for end in ends)


def _numbers_unknown(column: Any) -> bool:
    """Whether numbers inside of nested values are NULL: they would become floats, or NaN."""
    return any(_unknown_inside(chunk.drop_null()) for chunk in column.chunks)


def _unknown_inside(array: Any) -> bool:
    if kind.is_struct(array.type):
        parts = array.flatten()
    elif kind.is_map(array.type):
        parts = [array.items]
    else:
        parts = [array.flatten()]
    return any(
        _unknown_inside(part.drop_null())
        if kind.is_nested(part.type)
        else part.null_count and (kind.is_integer(part.type) or kind.is_floating(part.type))
        for part in parts
    )
