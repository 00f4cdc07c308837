"""What a function returned as an Arrow table in the schema that Spark wants. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from raydp_magic.bridge.arrow_values import readable
from raydp_magic.bridge.look import as_table, is_table
from raydp_magic.bridge.schema import check_names
from raydp_magic.errors import RaydpMagicError
from raydp_magic.ray_udf.failure import OutputError
from raydp_magic.ray_udf.output_values import (
    as_array,
    cast,
    does_not_fit,
    is_column,
    of_pandas,
)

if TYPE_CHECKING:
    from raydp_magic.ray_udf.batch_form import Unknown

_KINDS = "a dict of columns, a pandas, Polars or Arrow table"


def to_table(output: Any, schema: pa.Schema, unknown: Unknown | None = None) -> pa.Table:
    """What a function returned, in the schema that Spark wants.

    Parameters
    ----------
    output : mapping, table or iterator of these
        A mapping of column names to arrays or lists; a pandas, Polars or Arrow table.
    schema : pyarrow.Schema
        In Spark's types; columns are taken by name.
    unknown : list of (array, array), optional
        See `unknown_floats`: these arrays, returned as they are, have their NULLs.

    Raises
    ------
    OutputError
        When it is none of these, or columns are missing, too many or of types that do not fit.
    """
    parts = output if isinstance(output, Iterator) else [output]
    batches = [batch for part in parts for batch in _batches(part, schema, unknown or [])]
    return pa.Table.from_batches(batches, schema=schema)


def _batches(part: Any, schema: pa.Schema, unknown: Unknown) -> Iterator[pa.RecordBatch]:
    columns = _columns_of(part)
    _check_columns(list(columns), schema)
    arrays = [_column(columns[field.name], field, unknown) for field in schema]
    lengths = {field.name: len(array) for field, array in zip(schema, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        raise OutputError(
            f"its columns have different lengths: {lengths}",
            hint="each column needs one value a row.",
        )
    for field, array in zip(schema, arrays, strict=True):
        if not field.nullable and array.null_count:
            raise OutputError(
                f"column {field.name!r} has nulls, which the schema rules out",
                hint="fill them, or let the schema allow them.",
            )
    return readable(pa.Table.from_arrays(arrays, schema=schema), schema)


def _columns_of(part: Any) -> Mapping[str, Any]:
    """The columns by name."""
    if isinstance(part, Mapping):
        return part
    try:
        if of_pandas(part, "DataFrame"):
            names = [str(name) for name in part.columns]
            check_names(names)
            return {name: part.iloc[:, i] for i, name in enumerate(names)}
        if is_table(part):
            table = as_table(part)
            check_names(table.column_names)
            return dict(zip(table.column_names, table.columns, strict=True))
    except RaydpMagicError as error:
        raise OutputError(error.message, hint=error.hint) from None
    raise OutputError(
        f"it returned {type(part).__name__}, not {_KINDS}",
        hint='such as {"score": scores}; or yield several of them.',
    )


def _column(values: Any, field: pa.Field, unknown: Unknown) -> Any:
    if not is_column(values):
        raise OutputError(
            f"column {field.name!r} is one value, of type {type(values).__name__}",
            hint="each value of the dict is a column: a list or an array as long as the batch.",
        )
    nulls = next((nulls for array, nulls in unknown if array is values), None)
    try:
        array = as_array(values, field.type, nulls)
        return cast(array, field.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        line = " ".join(str(error).split())
        raise OutputError(
            f"column {field.name!r} does not go with the schema's {field.type}: {line}",
            hint=does_not_fit(values, field.type),
        ) from None


def _check_columns(names: list[str], schema: pa.Schema) -> None:
    missing = [name for name in schema.names if name not in names]
    more = [name for name in names if name not in schema.names]
    if missing or more:
        said = [f"it lacks {', '.join(map(repr, missing))}"] if missing else []
        said += [f"the schema has no {', '.join(map(repr, more))}"] if more else []
        raise OutputError(
            f"its columns are not those of the schema: {'; '.join(said)}",
            hint="return exactly the columns that `schema=` names.",
        )
