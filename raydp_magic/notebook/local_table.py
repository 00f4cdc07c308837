"""First rows of a table in this process, Arrow's or pandas', as text. Imports neither."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from raydp_magic.notebook.display import BINARY_WIDTH
from raydp_magic.notebook.table import (
    MAX_COLUMNS,
    MAX_SCHEMA,
    VALUE_WIDTH,
    Column,
    Preview,
)

_NUMBER = re.compile(r"(?:u?int\d*|float\d*|double|halffloat|decimal\w*)\b", re.IGNORECASE)


def local_preview(table: Any, rows: int, title: str = "") -> Preview:
    """Take the first rows of a table.

    Parameters
    ----------
    table : pyarrow.Table or pandas.DataFrame
        Where they are.
    rows : int
        How many at most.
    title : str
        What to call it.
    """
    is_pandas = hasattr(table, "iloc")
    names = list(table.columns) if is_pandas else list(table.schema.names)
    types = list(table.dtypes) if is_pandas else list(table.schema.types)
    known = columns_of(names[:MAX_SCHEMA], types[:MAX_SCHEMA])
    shown = known[:MAX_COLUMNS]
    first = table.iloc[:rows] if is_pandas else table.slice(0, rows)
    by_column = [
        [value_text(value) for value in _values(first, i, is_pandas=is_pandas)]
        for i in range(len(shown))
    ]
    count = min(rows, len(table))
    return Preview(
        shown,
        tuple(zip(*by_column, strict=True)) if by_column else ((),) * count,
        rows,
        len(names),
        more_columns=known[MAX_COLUMNS:],
        title=title,
        rows_total=len(table),
    )


def columns_of(names: list[Any], types: list[Any]) -> tuple[Column, ...]:
    """Columns by their names and types."""
    texts = [(str(name), str(type_)) for name, type_ in zip(names, types, strict=True)]
    return tuple(Column(name, type_, _NUMBER.match(type_) is not None) for name, type_ in texts)


def _values(table: Any, index: int, *, is_pandas: bool) -> list[Any]:
    if not is_pandas:
        return [_plain(scalar) for scalar in table.column(index)]
    column = table.iloc[:, index]
    # A float's NaN is a number, any other missing value is none.
    missing = column.isna() & (column.dtype.kind != "f")
    return [None if gone else value for gone, value in zip(missing, column, strict=True)]


def _plain(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):  # a time that Python's own types cannot hold
        return str(getattr(scalar, "value", "(not shown)"))


def value_text(value: Any) -> str | None:
    """One value as text, cut to what is shown of it; None for a missing one."""
    if value is None:
        return None
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _binary(bytes(value))
    if hasattr(value, "tolist") and hasattr(value, "ndim"):  # an array of NumPy's
        value = value.tolist()
    if isinstance(value, (dict, list, tuple)):
        text = json.dumps(value, ensure_ascii=False, default=_in_json)
    else:
        text = str(value)
    return text[: VALUE_WIDTH + 1]


def _in_json(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return value_text(value)


def _binary(value: bytes) -> str:
    begin = value[:BINARY_WIDTH].hex().upper()
    return begin if len(value) <= BINARY_WIDTH else f"{begin}... {len(value)} bytes"
