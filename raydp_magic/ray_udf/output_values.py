"""The values of one column that a function returned, in the type that Spark wants. Pure.

pyarrow is stricter with its own arrays than with Python's and numpy's values: 1.5 becomes 1 when
a list of whole numbers is asked for, NaN becomes true. None of that happens here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kind

from raydp_magic.bridge.arrow_types import is_list
from raydp_magic.bridge.arrow_values import chunks_of, convert
from raydp_magic.ray_udf.batch_form import EXACT


def as_array(values: Any, wanted: pa.DataType, nulls: Any = None) -> Any:
    """Any values as an Arrow array, of the type that is wanted or one to cast.

    Parameters
    ----------
    values : array, series or sequence
        Of one column.
    wanted : pyarrow.DataType
        In Spark's types.
    nulls : numpy.ndarray, optional
        Where a NaN is NULL.

    Raises
    ------
    pyarrow.ArrowException, TypeError, ValueError, OverflowError
        When a value does not fit.
    """
    import numpy as np

    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    if getattr(values, "ndim", 1) > 1:
        return _nested(values, wanted)
    if isinstance(values, Iterator):
        values = list(values)
    options: dict[str, Any] = {}
    if nulls is not None:
        options["mask"] = nulls & np.isnan(values)  # it may have been filled meanwhile
    elif of_pandas(values, "Series") and values.dtype == object:
        # By ourselves: pyarrow would also take NaN inside of lists for NULL.
        values, options["mask"] = values.to_numpy(), values.isna().to_numpy()
    array = _typed(values, wanted, options)
    if kind.is_floating(array.type) and (kind.is_integer(wanted) or kind.is_boolean(wanted)):
        return _whole(array, wanted)
    return array


def _typed(values: Any, wanted: pa.DataType, options: dict[str, Any]) -> Any:
    if kind.is_integer(wanted) or kind.is_boolean(wanted) or kind.is_date(wanted):
        return pa.array(values, **options)  # by themselves, so that the cast can check them
    if kind.is_nested(wanted) and not _all_whole(values, wanted):
        raise ValueError("a value inside is no whole number")
    try:
        return pa.array(values, type=wanted, **options)
    except (pa.ArrowException, TypeError):
        return pa.array(values, **options)  # of another type, which may be cast


def _nested(values: Any, wanted: pa.DataType) -> Any:
    """An array of several dimensions as lists of lists: the first are the rows."""
    import numpy as np

    values = np.asanyarray(values)
    for _ in values.shape[1:]:
        wanted = wanted.value_type if is_list(wanted) else wanted
    array = as_array(values.reshape(-1), wanted)
    for axis in range(values.ndim - 1, 0, -1):
        count, size = int(np.prod(values.shape[:axis])), values.shape[axis]
        offsets = pa.array(np.arange(count + 1) * size, pa.int32())
        array = pa.ListArray.from_arrays(offsets, array)
    return array


def cast(array: Any, wanted: pa.DataType) -> Any:
    """A column in the type that is wanted, with every value that it had.

    Raises
    ------
    pyarrow.ArrowException, ValueError
        When a value does not fit.
    """
    if kind.is_boolean(wanted) and (kind.is_integer(array.type) or kind.is_floating(array.type)):
        known = pc.is_in(array.drop_null(), pa.array([0, 1], array.type))
        if pc.any(pc.invert(known)).as_py():
            raise ValueError("there are other numbers than 0 and 1")
    if kind.is_date(wanted) and kind.is_timestamp(array.type):
        local = array if array.type.tz is None else pc.local_timestamp(array)
        if pc.any(pc.not_equal(pc.floor_temporal(local, unit="day"), local)).as_py():
            raise ValueError("there are times of day")
    chunks = [convert(chunk, wanted) for chunk in chunks_of(array)]
    return pa.chunked_array(chunks, type=wanted)


def does_not_fit(values: Any, wanted: pa.DataType) -> str:
    """What to do about values that do not fit."""
    shape = getattr(values, "shape", ())
    if len(shape) > 1 and not is_list(wanted):
        return "it has an array in each row: `.ravel()` makes an array of n x 1 flat."
    if has_text(values) and not (kind.is_string(wanted) or kind.is_large_string(wanted)):
        return "it has texts: convert them in the function, or let the schema say string."
    if kind.is_integer(wanted):
        return (
            "whole numbers that are exact: `.round().astype('int64')`, nullable `Int64` in "
            "pandas; or let the schema say double."
        )
    if kind.is_date(wanted):
        return "drop the time of day first, or let the schema say timestamp."
    return "convert it in the function, or change its type in the schema."


def is_column(values: Any) -> bool:
    """Whether it may be the values of a column: not one value alone, nor a text."""
    if isinstance(values, (str, bytes, Mapping)) or getattr(values, "ndim", 1) == 0:
        return False
    return isinstance(values, Iterable)


def has_text(values: Any) -> bool:
    """Whether the first value that there is is a text."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return bool(kind.is_string(values.type) or kind.is_large_string(values.type))
    return isinstance(next((value for value in values if value is not None), None), str)


def of_pandas(value: Any, name: str) -> bool:
    """Whether it is a Series or a DataFrame of pandas, which is not imported for the question."""
    return any(
        base.__name__ == name and base.__module__.partition(".")[0] == "pandas"
        for base in type(value).__mro__
    )


def _whole(array: Any, wanted: pa.DataType) -> Any:
    """Floats for whole numbers: NaN is NULL, and what doubles cannot tell apart is refused."""
    array = array.cast(pa.float64())
    if kind.is_integer(wanted) and pc.any(pc.greater(pc.abs(array), float(EXACT))).as_py():
        raise ValueError("floats beyond 2**53 are not exact")
    return pc.if_else(pc.is_nan(array), pa.scalar(None, pa.float64()), array)


def _all_whole(values: Any, wanted: pa.DataType) -> bool:
    """Whether no value is a fraction where a whole number is wanted, at any depth."""
    if kind.is_integer(wanted):
        if getattr(getattr(values, "dtype", None), "kind", "O") in "iub":
            return True
        return all(value is None or _is_whole(value) for value in values)
    if not _has_integers(wanted):
        return True
    there: list[Any] = [value for value in values if value is not None]
    if kind.is_struct(wanted):
        rows = [row if isinstance(row, Mapping) else dict(row) for row in there]
        return all(_all_whole([row.get(f.name) for row in rows], f.type) for f in wanted)
    if kind.is_map(wanted):
        pairs = [row.items() if isinstance(row, Mapping) else row for row in there]
        return all(
            _all_whole([key for key, _ in row], wanted.key_type)
            and _all_whole([item for _, item in row], wanted.item_type)
            for row in pairs
        )
    return all(_all_whole(value, wanted.value_type) for value in there)


def _is_whole(value: Any) -> bool:
    import numpy as np

    return not isinstance(value, (float, np.floating, Decimal)) or value % 1 == 0


def _has_integers(wanted: pa.DataType) -> bool:
    if kind.is_nested(wanted):
        return any(_has_integers(wanted.field(i).type) for i in range(wanted.num_fields))
    return bool(kind.is_integer(wanted))
