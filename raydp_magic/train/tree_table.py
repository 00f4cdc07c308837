"""What a table becomes for gradient boosting: a matrix of numbers, NaN where a value is missing.

Plain NumPy and Arrow: workers, predictors and the kernel use the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class TreeColumns:
    """Which columns are what.

    Attributes
    ----------
    features : tuple of str
        In the order of the matrix' columns.
    label : str
        Target column.
    weight : str or None
        Column of row weights.
    categories : mapping of str to list
        The known values of each categorical feature, sorted; a value's place is its code.
    """

    features: tuple[str, ...]
    label: str
    weight: str | None = None
    categories: Mapping[str, list[Any]] = field(default_factory=dict)

    def matrix(self, table: pa.Table, dtype: str) -> np.ndarray[Any, Any]:
        """The features.

        Parameters
        ----------
        table : pyarrow.Table
            Rows with at least the feature columns.
        dtype : str
            NumPy's name of a float type.

        Returns
        -------
        numpy.ndarray
            Shape (rows, features). NaN for null, and for a category that was not known.
        """
        import numpy as np

        found = np.empty((table.num_rows, len(self.features)), dtype, order="F")
        for number, name in enumerate(self.features):
            known = self.categories.get(name)
            column = table.column(name)
            found[:, number] = numbers(column) if known is None else codes(column, known)
        return np.ascontiguousarray(found)

    def needed(self) -> list[str]:
        """Columns that training reads."""
        own = [*self.features, self.label, *([self.weight] if self.weight else ())]
        return list(dict.fromkeys(own))

    def of_arrays(self, batch: Mapping[str, Any], dtype: str) -> np.ndarray[Any, Any]:
        """As :meth:`matrix`, of NumPy arrays by name."""
        import pyarrow as pa

        table = pa.table({name: pa.array(batch[name]) for name in self.features})
        return self.matrix(table, dtype)

    def safe_names(self) -> list[str]:
        """The features' names for models, which refuse some signs that columns may have."""
        found: list[str] = []
        for name in self.features:
            safe = re.sub(r"[^\w.+*/=()%$#@!?&|~^;' -]", "_", name).replace(" ", "_")
            while safe in found:
                safe += "_"
            found.append(safe)
        return found

    def feature_types(self) -> list[str]:
        """XGBoost's letters: ``"c"`` for categorical, ``"q"`` for a quantity."""
        return ["c" if name in self.categories else "q" for name in self.features]


def numbers(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """A column of numbers, booleans or decimals as float64, NaN for null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    return pc.cast(column, pa.float64(), safe=False).to_numpy()  # type: ignore[no-any-return] # Arrow has no types


def codes(column: pa.ChunkedArray, known: list[Any]) -> np.ndarray[Any, Any]:
    """Places of values in a list of known ones as float64, NaN for null and unknown."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        return numbers(column)
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_decimal(column.type):  # of as many digits as these rows need
        place = {value: number for number, value in enumerate(known)}
        return np.array([place.get(value, np.nan) for value in column.to_pylist()], "float64")
    places = pc.index_in(column, value_set=pa.array(known, column.type))
    return pc.cast(places, pa.float64()).to_numpy()  # type: ignore[no-any-return] # Arrow has no types


def sorted_values(values: Iterable[Any]) -> list[Any]:
    """The categories of a column: its values without null and NaN, sorted, each once."""
    return sorted({value for value in values if value is not None and value == value})  # noqa: PLR0124 - NaN is the value that differs from itself


def distinct(table: pa.Table) -> pa.Table:
    """One row: the distinct values of each column, as a list."""
    import pyarrow as pa

    found = {}
    for name in table.column_names:
        values = table.column(name).unique()
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        found[name] = pa.array([values.to_pylist()], pa.list_(values.type))
    return pa.table(found)


def joined(tables: Iterable[pa.Table], columns: list[str]) -> pa.Table:
    """Many tables as one, these columns only."""
    import pyarrow as pa

    parts = [table.select(columns) for table in tables]
    if not parts:
        return pa.table({name: pa.nulls(0) for name in columns})
    return pa.concat_tables(parts, promote_options="permissive")
