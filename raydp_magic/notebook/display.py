"""Show a Spark DataFrame: fetch a bounded number of rows as text, and publish them."""

from __future__ import annotations

import re
from typing import Any

from raydp_magic.engine.translate import translate
from raydp_magic.notebook.table import (
    MAX_COLUMNS,
    MAX_SCHEMA,
    VALUE_WIDTH,
    Column,
    Preview,
    render_text,
)
from raydp_magic.notebook.table_html import MAX_PLAN, render_html

BINARY_WIDTH = 12
"""Bytes of a binary value that are shown."""
_PLANNED_COLUMNS = 500
"""Of a DataFrame that has more, no plan is drawn: making it takes long, and nobody reads it."""

_NUMBER = re.compile(r"(?:tinyint|smallint|int|bigint|float|double|decimal)\b")
_NESTED = re.compile(r"(?!.*\bmap<(?:struct|array|map)<)(?:struct|array|map)<", re.DOTALL)
"""Types that JSON shows with the names of their fields; its keys are plain values only."""
# Spark's own default for JSON cuts times to milliseconds, and leaves fields out that are null.
_JSON = (
    "map('ignoreNullFields', 'false', 'timestampFormat', 'yyyy-MM-dd HH:mm:ss[.SSSSSS]', "
    "'timestampNTZFormat', 'yyyy-MM-dd HH:mm:ss[.SSSSSS]')"
)
_DATAFRAMES = frozenset(
    {
        "pyspark.sql.dataframe.DataFrame",
        "pyspark.sql.connect.dataframe.DataFrame",  # Spark Connect of 3.5 is a class apart
    }
)


def is_dataframe(value: object) -> bool:
    """Whether a value is a Spark DataFrame, told by its class's name: imports nothing."""
    return any(f"{k.__module__}.{k.__qualname__}" in _DATAFRAMES for k in type(value).__mro__)


def preview(df: Any, rows: int, name: str = "") -> Preview:
    """Fetch the first rows of a DataFrame.

    Values are made text by Spark, so that every type can be shown; columns are addressed by
    position, so that duplicate and dotted names are no trouble. One action, which stops at
    ``rows`` rows and cuts long values on the executor.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
        Classic or Spark Connect.
    rows : int
        How many at most; 0 runs nothing.
    name : str
        A variable that holds it, for hints.

    Returns
    -------
    Preview
        The rows, the schema and the query plan.
    """
    fields = df.schema.fields
    known = tuple(_column(field) for field in fields[:MAX_SCHEMA])
    columns, more = known[:MAX_COLUMNS], known[MAX_COLUMNS:]

    def made(texts: tuple[tuple[str | None, ...], ...] = (), note: str = "") -> Preview:
        hint = "" if not more or note else _how_to_see_more(more[0].name, name)
        plan = _plan(df) if 0 < len(fields) <= _PLANNED_COLUMNS else ""
        limit = 0 if note else rows
        return Preview(columns, texts, limit, len(fields), note, more, plan, hint=hint)

    if df.isStreaming:
        return made(note="streaming DataFrame: start it with .writeStream to see rows")
    if not rows:
        return made()
    if not fields:
        return made(((),) * df.limit(rows).count())
    by_position = df.toDF(*(f"c{i}" for i in range(len(fields))))
    wanted = [_text_of(f"c{i}", column.type) for i, column in enumerate(columns)]
    as_text = _castable(by_position, [texts[0] for texts in wanted])
    if as_text is None:
        as_text = by_position.selectExpr(*(_first_castable(by_position, t) for t in wanted))
    return made(tuple(tuple(record) for record in as_text.limit(rows).collect()))


def _column(field: Any) -> Column:
    type_ = field.dataType.simpleString()
    return Column(field.name, type_, _NUMBER.match(type_) is not None)


def _how_to_see_more(column: str, frame: str) -> str:
    shown = column if column.isidentifier() else f"`{column.replace('`', '``')}`"
    return f"Other columns: name them, as in `SELECT {shown}, ...`; `{frame}.columns` lists all."


def _text_of(name: str, type_: str) -> list[str]:
    """SQL that makes a column text, the best first; the last one serves for every type.

    SQL, not functions: the same for classic Spark and Spark Connect.
    """
    as_cast = f"CAST({name} AS STRING)"
    best = [f"to_json({name}, {_JSON})", as_cast] if _NESTED.match(type_) else [as_cast]
    texts = [f"substring({text}, 1, {VALUE_WIDTH + 1})" for text in best]
    if type_ == "binary":
        begin = f"hex(substring({name}, 1, {BINARY_WIDTH}))"
        long = f"concat({begin}, '... ', length({name}), ' bytes')"
        texts = [f"CASE WHEN length({name}) > {BINARY_WIDTH} THEN {long} ELSE {begin} END"]
    texts.append(f"CASE WHEN {name} IS NOT NULL THEN '(not shown)' END")
    return [f"{text} AS {name}" for text in texts]


def _first_castable(by_position: Any, texts: list[str]) -> str:
    return next((t for t in texts[:-1] if _castable(by_position, [t]) is not None), texts[-1])


def _castable(by_position: Any, texts: list[str]) -> Any:
    """The columns as text; None where Spark has no such text for a type."""
    try:
        as_text = by_position.selectExpr(*texts)
        _ = as_text.schema  # Spark Connect looks only now
    except Exception as error:
        if translate(error) is None:
            raise
        return None
    return as_text


def _plan(df: Any) -> str:
    """The plan of ``df.explain("formatted")``, or nothing: it is a comfort. Runs no job."""
    try:
        if hasattr(df, "_explain_string"):  # Spark Connect
            text = df._explain_string(mode="formatted")  # noqa: SLF001 -- explain() only prints
        else:
            jvm = df.sparkSession.sparkContext._jvm  # noqa: SLF001 -- as above
            query = df._jdf.queryExecution()  # noqa: SLF001 -- as above
            text = jvm.PythonSQLUtils.explainString(query, "formatted")
    except Exception:  # noqa: BLE001 -- whatever it is, the rows are worth showing without it
        return ""
    return str(text)[: MAX_PLAN + 1].strip()


def show(df: Any, rows: int, *, statement: bool = False) -> None:
    """Display the first rows of a DataFrame that a cell of ours gives: it is `_spark` as well.

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
    if statement and not df.schema.fields:
        publish(Preview((), (), 0, 0, "done: the statement has no result"))
    else:
        publish(preview(df, rows, "_spark"))


def bundle(table: Preview) -> dict[str, str]:
    """A table in every form that a front end may want."""
    return {"text/plain": render_text(table), "text/html": render_html(table)}


def publish(table: Preview) -> None:
    """Display a table."""
    from IPython.display import display

    display(bundle(table), raw=True)
