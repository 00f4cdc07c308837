"""A batch in the form a function wants, and what it returns as an Arrow table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from raydp_magic.bridge.arrow_values import readable
from raydp_magic.bridge.look import as_table, is_table
from raydp_magic.errors import BridgeError
from raydp_magic.ray_udf.failure import OutputError

if TYPE_CHECKING:
    from raydp_magic.ray_udf.request import BatchFormat


def to_batch(table: pa.Table, batch_format: BatchFormat) -> Any:
    """A batch as a dict of numpy arrays, a pandas frame, or the Arrow table itself."""
    if batch_format == "numpy":
        return {
            name: column.to_numpy()
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    return table.to_pandas() if batch_format == "pandas" else table


def to_table(output: Any, schema: pa.Schema) -> pa.Table:
    """What a function returned, in the schema that Spark wants.

    Parameters
    ----------
    output : mapping, table or iterator of these
        A mapping of column names to arrays or lists; a pandas, Polars or Arrow table.
    schema : pyarrow.Schema
        In Spark's types; columns are taken by name.

    Raises
    ------
    OutputError
        When it is none of these, or columns are missing, too many or of types that do not fit.
    """
    parts = output if isinstance(output, Iterator) else [output]
    batches = [batch for part in parts for batch in _batches(part, schema)]
    return pa.Table.from_batches(batches, schema=schema)


def _batches(part: Any, schema: pa.Schema) -> list[pa.RecordBatch]:
    if isinstance(part, Mapping):
        table = _from_columns(part, schema)
    elif is_table(part):
        try:
            table = as_table(part)
        except BridgeError as error:
            raise OutputError(error.message) from None
        _check_names(table.column_names, schema)
    else:
        raise OutputError(
            f"it returned {type(part).__name__}, not a dict of columns, a pandas or an Arrow table"
        )
    try:
        batches = list(readable(table, schema))
    except pa.ArrowException as error:
        raise OutputError(
            f"its columns do not have the types of the schema: {_line(error)}"
        ) from None
    for field in schema:
        if not field.nullable and table.column(field.name).null_count:
            raise OutputError(f"column {field.name!r} has nulls, which the schema rules out")
    return batches


def _from_columns(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    _check_names(list(columns), schema)
    arrays = []
    for field in schema:
        values = columns[field.name]
        if getattr(values, "ndim", 1) > 1:
            values = list(values)  # a column of arrays
        try:
            arrays.append(_array(values, field.type))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise OutputError(f"column {field.name!r}: {_line(error)}") from None
    lengths = {field.name: len(array) for field, array in zip(schema, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        raise OutputError(f"its columns have different lengths: {lengths}")
    return pa.Table.from_arrays(arrays, names=schema.names)


def _array(values: Any, wanted: pa.DataType) -> Any:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    try:
        return pa.array(values, type=wanted)
    except (pa.ArrowException, TypeError):
        return pa.array(values)  # of another type, which may be cast


def _check_names(names: list[str], schema: pa.Schema) -> None:
    missing = [name for name in schema.names if name not in names]
    more = [name for name in names if name not in schema.names]
    if missing or more:
        said = [f"it lacks {', '.join(map(repr, missing))}"] if missing else []
        said += [f"the schema has no {', '.join(map(repr, more))}"] if more else []
        raise OutputError(f"its columns are not those of the schema: {'; '.join(said)}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
