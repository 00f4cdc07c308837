"""A loss that became NaN: said once, with the columns that it may come of."""

from __future__ import annotations

import math
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

MOST_ROWS = 100_000
"""So many rows of each worker's share are looked at."""


def warn_of_nan(
    unit: str,
    history: Sequence[Mapping[str, float]],
    shares: Mapping[str, Any],
    features: Sequence[str],
) -> None:
    """Warn the person's own line when a loss is NaN.

    Parameters
    ----------
    unit : str
        ``"epoch"`` or ``"round"``.
    history : sequence of mapping
        What was reported.
    shares : mapping of str to Dataset
        The workers' rows, by what they are called: ``"train-0"``.
    features : sequence of str
        The feature columns.
    """
    for table, prefix in (("train-", "train_loss"), ("evaluate-", "eval_loss")):
        at = first_nan(history, prefix)
        if at is not None:
            parts = [part for name, part in shares.items() if name.startswith(table)]
            said = nan_text(prefix, unit, at, columns_with_gaps(parts, features))
            warnings.warn(said, UserWarning, stacklevel=persons_level())
            return


def first_nan(history: Iterable[Mapping[str, float]], name: str) -> int | None:
    """The epoch in which a number was NaN for the first time."""
    return next((int(point["epoch"]) for point in history if math.isnan(point.get(name, 0))), None)


def nan_text(loss: str, unit: str, at: int, columns: Sequence[str]) -> str:
    """What is said.

    Parameters
    ----------
    loss, unit : str
        Which number is NaN, and what it is of.
    at : int
        Since when.
    columns : sequence of str
        Feature columns that lack values.
    """
    said = f"{loss} is NaN since {unit} {at}"
    if not columns:
        return f"{said}; a smaller learning rate or scaled features may help"
    named = ", ".join(map(repr, columns[:5])) + (", ..." if len(columns) > 5 else "")
    return (
        f"{said}: rows without a value in {named}; "
        "fill them, e.g. `df.fillna(0)`, or drop them: `df.dropna()`"
    )


def columns_with_gaps(parts: Iterable[Any], names: Sequence[str]) -> list[str]:
    """Those columns that have NULL or NaN among the first rows of some Datasets."""
    found: set[str] = set()
    for part in parts:
        rows = 0
        for table in part.iter_batches(batch_size=None, batch_format="pyarrow"):
            found.update(name for name in names if _has_gap(table.column(name)))
            rows += table.num_rows
            if rows >= MOST_ROWS:
                break
    return [name for name in names if name in found]


def _has_gap(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    while not column.null_count and (
        pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    ):
        column = pc.list_flatten(column)
    if column.null_count or not pa.types.is_floating(column.type):
        return bool(column.null_count)
    return bool(pc.any(pc.is_nan(column)).as_py())


def persons_level() -> int:
    """How far the person's own frame is from who calls this."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("raydp_magic."):
        level, frame = level + 1, frame.f_back
    return level
