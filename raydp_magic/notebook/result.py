"""What a cell's result becomes with ``--to``, and how a converted one is announced."""

from __future__ import annotations

from typing import Any

from raydp_magic.errors import UsageError
from raydp_magic.notebook.display import is_dataframe


def convert(value: Any, to: str, maxrows: int | None = None) -> Any:
    """Turn a Spark DataFrame into what ``--to`` names.

    Parameters
    ----------
    value : object
        The cell's value.
    to : {"spark", "ray", "refs", "arrow", "pandas"}
        With "spark" any value stays as it is.
    maxrows : int, optional
        Convert this many rows at most; all by default.

    Raises
    ------
    UsageError
        When the value is no Spark DataFrame.
    """
    if to == "spark":
        return value
    if not is_dataframe(value):
        raise UsageError(
            f"--to {to} needs a Spark DataFrame, and the cell's value is {_kind(value)}",
            hint="end the cell with an expression that is a Spark DataFrame.",
        )
    if maxrows is not None:
        value = value.limit(maxrows)
    if to == "ray":
        from raydp_magic.bridge import to_ray

        return to_ray(value)
    if to == "refs":
        from raydp_magic.bridge import to_refs

        return to_refs(value)
    return value.toPandas() if to == "pandas" else _to_arrow(value)


def _to_arrow(df: Any) -> Any:
    if hasattr(df, "toArrow"):
        return df.toArrow()
    import pyarrow as pa  # Spark 3.5: its own collector, with the schema for an empty result
    from pyspark.sql.pandas.types import to_arrow_schema

    batches = df._collect_as_arrow()
    return pa.Table.from_batches(batches, schema=to_arrow_schema(df.schema))


def _kind(value: object) -> str:
    return "nothing" if value is None else f"of type {type(value).__name__}"


def check_bound(name: str, value: Any) -> None:
    """Refuse to bind ``-o NAME`` to nothing.

    Raises
    ------
    UsageError
        When the value is None.
    """
    if value is None:
        raise UsageError(
            f"--output {name}: the cell has no value",
            hint="end it with an expression (and no semicolon).",
        )


def announce(name: str, value: Any) -> str:
    """One line for a converted result that was bound to a name."""
    from raydp_magic.panel.amounts import plural

    if isinstance(value, list):
        what = "1 Ray object ref, an" if len(value) == 1 else f"{len(value)} Ray object refs, one"
        return f"{name} = {what} Arrow table{' each' if len(value) > 1 else ''}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        size = " x ".join(
            plural(n, what) for n, what in zip(shape, ("row", "column"), strict=False)
        )
        return f"{name} = {type(value).__module__.split('.')[0]} {type(value).__name__}, {size}"
    # Not repr(): a Ray Dataset's own runs it.
    rows, blocks = value.count(), value.num_blocks()
    return f"{name} = Ray Dataset, {plural(rows, 'row')} in {plural(blocks, 'block')}"
