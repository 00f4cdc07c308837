"""Which columns a model is fed with, and what a batch of them becomes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np

    Array = np.ndarray[Any, Any]

NUMBER = "number"
NUMBERS = "numbers"
UNKNOWN = "unknown"
"""Kinds of columns; any other kind is the name of a type that is no number."""

_FILL = "fill them, e.g. `df.fillna(0)`, or drop them: `df.dropna()`."


@dataclass(frozen=True)
class Features:
    """The feature columns, in one group for each input of the model.

    Attributes
    ----------
    groups : tuple of tuple of str
        Names of the columns of each input.
    types : tuple
        The type of each input, as its library or numpy calls it; None for ``float32``.
    """

    groups: tuple[tuple[str, ...], ...]
    types: tuple[Any, ...]

    @property
    def names(self) -> list[str]:
        """All columns, each once, in order."""
        return list(dict.fromkeys(name for group in self.groups for name in group))

    @classmethod
    def of(cls, columns: str | Sequence[str] | Sequence[Sequence[str]], types: Any = None) -> Any:
        """Read ``feature_columns`` and ``feature_types``.

        Parameters
        ----------
        columns : str, list of str or list of list of str
            One column; the columns of the only input, side by side; the columns of each input.
        types : type or list of type, optional
            One for all, one for each input, or (all the same) one for each column of an input.

        Raises
        ------
        UsageError
            When there are none, or the types do not go with them.
        """
        listed = [columns] if isinstance(columns, str) else list(columns or ())
        if not listed or not all(listed):
            raise UsageError(
                "No feature columns are given", hint='name them: feature_columns=["x1", "x2"].'
            )
        several = not isinstance(listed[0], str)
        if any(isinstance(part, str) == several for part in listed):
            raise UsageError(
                "feature_columns mixes names and lists of names",
                hint='one input: ["x1", "x2"]; several: [["x1", "x2"], ["z"]].',
            )
        groups = tuple(map(tuple, listed)) if several else (tuple(map(str, listed)),)
        return cls(groups, _types_of(groups, types))

    def arrays(self, batch: Mapping[str, Array], types: Sequence[str]) -> list[Array]:
        """The inputs of the model.

        Parameters
        ----------
        batch : mapping of str to array
            Columns by name; a value, or a list or array of values, for each row.
        types : sequence of str
            numpy's name of each input's type.

        Returns
        -------
        list of array
            One for each input. Of several columns, or of one that holds numbers:
            shape ``(rows, width)``; one that holds arrays keeps their shape.

        Raises
        ------
        UsageError
            Naming a column whose rows differ in width, or lack a value that the type needs.
        """
        return [_input(batch, group, kind) for group, kind in zip(self.groups, types, strict=True)]


def labels(batch: Mapping[str, Array], column: str, kind: str) -> Array:
    """The column to learn, shape ``(rows,)`` or, where it holds lists, ``(rows, width)``.

    Raises
    ------
    UsageError
        As :meth:`Features.arrays`; for a row without a label, which would make the whole model NaN.
    """
    return complete(as_array(batch[column], column, kind), column, what="label")


def complete(values: Array, column: str, *, what: str) -> Array:
    """An array as it is.

    Parameters
    ----------
    values : array
        Of the column.
    column : str
        Its name.
    what : str
        A word for the error: ``"label"`` or ``"weight"``.

    Raises
    ------
    UsageError
        When a row has no value.
    """
    import numpy as np

    if values.dtype.kind == "f" and bool(np.isnan(values).any()):
        raise UsageError(
            f"The {what} column {column!r} has rows without a value",
            hint="leave them out, e.g. `df.dropna(subset=[...])`.",
        )
    return values


def as_array(values: Array, column: str, kind: str) -> Array:
    """One column in a type; lists become rows of a matrix, lists of lists of a cube.

    Raises
    ------
    UsageError
        As :meth:`Features.arrays`.
    """
    import numpy as np

    try:
        values = _dense(values)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"Column {column!r} has rows of different widths, or without a value",
            hint="a model needs the same number of values in each row.",
        ) from error
    if values.dtype == object:
        values = np.array([np.nan if v is None else float(v) for v in values.flat]).reshape(
            values.shape
        )
    wanted = np.dtype(kind)
    if values.dtype.kind == "f" and wanted.kind in "iu" and bool(np.isnan(values).any()):
        raise UsageError(
            f"Column {column!r} has rows without a value, and {kind} has no word for that",
            hint=_FILL,
        )
    return values.astype(wanted, copy=False)


def check_whole(batch: Mapping[str, Array], names: Iterable[str]) -> None:
    """Raise when a column of whole numbers lacks values: NaN came in their place.

    Parameters
    ----------
    batch : mapping of str to array
        Columns by name.
    names : iterable of str
        Those of whole numbers.

    Raises
    ------
    UsageError
        Naming the first one.
    """
    import numpy as np

    for name in names:
        values = batch[name]
        if values.dtype.kind == "f" and bool(np.isnan(values).any()):
            raise UsageError(
                f"Column {name!r} has rows without a value, and whole numbers have no NaN",
                hint=_FILL,
            )


def whole_columns(schema: Any) -> tuple[str, ...]:
    """The columns of a Dataset's schema that hold whole numbers."""
    import pyarrow as pa

    def is_whole(kind: Any) -> bool:
        if isinstance(kind, pa.DataType):
            return bool(pa.types.is_integer(kind))
        return getattr(kind, "kind", None) in ("i", "u")  # of blocks of pandas

    pairs = zip(schema.names, schema.types, strict=True)
    return tuple(name for name, kind in pairs if is_whole(kind))


def check_columns(
    names: Sequence[str], kinds: Mapping[str, str], *, what: str, table: str | None = None
) -> None:
    """Raise when columns are missing, or hold no numbers.

    Parameters
    ----------
    names : sequence of str
        The columns that are needed.
    kinds : mapping of str to str
        The kind of each column that is there.
    what : str
        A word for the error: ``"feature"`` or ``"label"``.
    table : str, optional
        What the person calls the data.

    Raises
    ------
    UsageError
        Naming the first such column.
    """
    for name in names:
        if name not in kinds:
            near = get_close_matches(name, kinds, 1, 0.7)
            known = ", ".join(list(kinds)[:12]) + (", ..." if len(kinds) > 12 else "")
            raise UsageError(
                f"There is no {what} column {name!r}{f' in {table}' if table else ''}",
                hint=f"did you mean {near[0]!r}?" if near else f"the columns are: {known}.",
            )
        kind = kinds[name]
        if kind == "vector":
            raise UsageError(
                f"The {what} column {name!r} holds Spark ML vectors",
                hint="make arrays of them: `pyspark.ml.functions.vector_to_array`.",
            )
        if kind not in (NUMBER, NUMBERS, UNKNOWN):
            raise UsageError(
                f"The {what} column {name!r} holds {kind}, and a model learns from numbers",
                hint="leave it out, or make numbers of it (a code for each value, a length, ...).",
            )


def _types_of(groups: tuple[tuple[str, ...], ...], types: Any) -> tuple[Any, ...]:
    if not isinstance(types, (list, tuple)):
        return (types,) * len(groups)
    if len(groups) > 1 and len(types) == len(groups):
        return tuple(types)
    columns = [name for group in groups for name in group]
    if len(types) != len(columns):
        raise UsageError(
            f"{len(types)} feature_types for {len(columns)} feature columns",
            hint="give one type for all, or one for each.",
        )
    found, at = [], 0
    for group in groups:
        mine = list(types[at : at + len(group)])
        at += len(group)
        if any(kind != mine[0] for kind in mine):
            raise UsageError(
                f"The columns {', '.join(group)} are one input and cannot have several types",
                hint='group them by type: feature_columns=[["x1", "x2"], ["z"]].',
            )
        found.append(mine[0])
    return tuple(found)


def _input(batch: Mapping[str, Array], group: tuple[str, ...], kind: str) -> Array:
    import numpy as np

    arrays = [as_array(batch[name], name, kind) for name in group]
    if len(arrays) == 1 and arrays[0].ndim > 1:
        return arrays[0]
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)


def stacked(parts: Iterable[Array]) -> Array:
    """Batches of a column as one array; lists become rows of a matrix."""
    import numpy as np

    return np.concatenate([_dense(part) for part in parts])


def _dense(values: Any) -> Array:
    """Arrays in an array, however deep, as one of more dimensions; ValueError when they differ."""
    import numpy as np

    found = np.asarray(values)
    if found.dtype != object or not any(np.ndim(v) > 0 for v in found.flat if v is not None):
        return found
    return np.stack([_dense(value) for value in found])
