"""Show a Spark DataFrame: fetch a bounded number of rows as text, and publish them."""

from __future__ import annotations

import re
from typing import Any

from raydp_magic.engine.translate import translate
from raydp_magic.notebook.table import (
    MAX_COLUMNS,
    VALUE_WIDTH,
    Column,
    Preview,
    render_html,
    render_text,
)

_NUMBER = re.compile(r"(?:tinyint|smallint|int|bigint|float|double|decimal)\b")
_DATAFRAMES = frozenset(
    {
        "pyspark.sql.dataframe.DataFrame",
        "pyspark.sql.connect.dataframe.DataFrame",  # Spark Connect of 3.5 is a class apart
    }
)


def is_dataframe(value: object) -> bool:
    """Whether a value is a Spark DataFrame, told by its class's name: imports nothing."""
    return any(f"{k.__module__}.{k.__qualname__}" in _DATAFRAMES for k in type(value).__mro__)


def preview(df: Any, rows: int) -> Preview:
    """Fetch the first rows of a DataFrame.

    Values are cast to text by Spark, so that every type can be shown; columns are addressed by
    position, so that duplicate and dotted names are no trouble. One action, which stops at
    ``rows`` rows and cuts long values on the executor.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
        Classic or Spark Connect.
    rows : int
        How many at most; 0 runs nothing.

    Returns
    -------
    Preview
        The rows and the schema.
    """
    fields = df.schema.fields
    shown = fields[:MAX_COLUMNS]
    columns = tuple(_column(field) for field in shown)
    if df.isStreaming:
        note = "streaming DataFrame: start it with .writeStream to see rows"
        return Preview(columns, (), 0, len(fields), note)
    if not rows:
        return Preview(columns, (), 0, len(fields))
    if not fields:
        return Preview((), ((),) * df.limit(rows).count(), rows, 0)
    by_position = df.toDF(*(f"c{i}" for i in range(len(fields))))
    texts = [_text_of(f"c{i}", column.type) for i, column in enumerate(columns)]
    try:
        as_text = by_position.selectExpr(*texts)
    except Exception as error:
        if translate(error) is None:
            raise
        as_text = by_position.selectExpr(*(_castable(by_position, text) for text in texts))
    records = as_text.limit(rows).collect()
    return Preview(columns, tuple(tuple(record) for record in records), rows, len(fields))


def _column(field: Any) -> Column:
    type_ = field.dataType.simpleString()
    return Column(field.name, type_, _NUMBER.match(type_) is not None)


def _text_of(name: str, type_: str) -> str:
    """SQL text, not functions: the same for classic Spark and Spark Connect."""
    if type_ == "binary":
        return f"hex(substring({name}, 1, {VALUE_WIDTH // 2})) AS {name}"
    return f"substring(CAST({name} AS STRING), 1, {VALUE_WIDTH}) AS {name}"


def _castable(by_position: Any, text: str) -> str:
    """The expression, or a mark for a type that Spark does not cast to text."""
    name = text.rpartition(" AS ")[2]
    try:
        _ = by_position.selectExpr(text).schema
    except Exception as error:
        if translate(error) is None:
            raise
        return f"CASE WHEN {name} IS NOT NULL THEN '(not shown)' END AS {name}"
    return text


def show(df: Any, rows: int, *, statement: bool = False) -> None:
    """Display the first rows of a DataFrame.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
        What to show.
    rows : int
        How many at most; 0 shows the schema.
    statement : bool
        Whether it is what a SQL statement gave: then one without columns (CREATE VIEW) has
        simply been done.
    """
    from IPython.display import display

    if statement and not df.schema.fields:
        table = Preview((), (), 0, 0, "done: the statement has no result")
    else:
        table = preview(df, rows)
    display(
        {"text/plain": render_text(table), "text/html": render_html(table)},
        raw=True,
    )
