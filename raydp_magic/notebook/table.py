"""A DataFrame's first rows, and how they read as plain text. Pure: strings in, strings out."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

MAX_COLUMNS = 50
MAX_SCHEMA = 1000
"""Columns whose types are looked at, at most; a table shows :data:`MAX_COLUMNS` of them."""
TEXT_WIDTH = 40
VALUE_WIDTH = 1000
"""Characters of one value that are shown at all; one more is fetched, to know that it was cut."""
TYPE_WIDTH = 400
MAX_TEXT = 500_000
"""Characters of a plain table: rows beyond are left out."""

NULL = "(null)"
_FLOATS = ("float", "double", "halffloat", "float16", "float32", "float64")


@dataclass(frozen=True)
class Column:
    """One column: its name, its type as text, and whether it holds numbers."""

    name: str
    type: str
    numeric: bool = False

    @property
    def has_nan(self) -> bool:
        """Whether `NaN` is a number here and not a text."""
        return self.type in _FLOATS


@dataclass(frozen=True)
class Preview:
    """The first rows of a table, every value as text; None is SQL's NULL.

    Attributes
    ----------
    columns : tuple of Column
        Those shown, the first :data:`MAX_COLUMNS` at most.
    rows : tuple of tuple of (str or None)
        One text a column.
    limit : int
        How many rows were asked for; 0 asked for the schema only.
    columns_total : int
        Columns of the table.
    note : str
        What is special about it, such as a statement without a result; empty otherwise.
    more_columns : tuple of Column
        Further columns of the schema, whose values are not shown; not always all.
    plan : str
        The query plan; empty when it is not known.
    title : str
        What kind of thing it is, where it is no Spark DataFrame.
    rows_total : int, optional
        Rows of the table, where they are known without counting.
    hint : str
        How to see more.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]
    limit: int
    columns_total: int
    note: str = ""
    more_columns: tuple[Column, ...] = ()
    plan: str = ""
    title: str = ""
    rows_total: int | None = None
    hint: str = ""

    @property
    def caption(self) -> str:
        """How many rows and columns of how many are shown."""
        from raydp_magic.panel.amounts import plural

        parts = [self.title] if self.title else []
        if self.note:
            return ", ".join([*parts, self.note])
        if self.limit:
            parts.append(self._rows_shown())
        if self.columns_total > len(self.columns):
            parts.append(f"first {len(self.columns)} of {plural(self.columns_total, 'column')}")
        elif not self.limit or not self.columns:
            parts.append(plural(self.columns_total, "column"))
        return ", ".join(parts)

    def _rows_shown(self) -> str:
        from raydp_magic.panel.amounts import format_count, plural

        count = len(self.rows)
        if self.rows_total is not None and count < self.rows_total:
            return f"showing {format_count(count)} of {plural(self.rows_total, 'row')}"
        if self.rows_total is None and count >= self.limit:
            return f"showing the first {plural(count, 'row')}"
        return plural(count, "row")

    @property
    def schema(self) -> str:
        """``name: type`` of the shown columns."""
        more = ", ..." if self.columns_total > len(self.columns) else ""
        return ", ".join(f"{visible(c.name)}: {fold(c.type, 80)}" for c in self.columns) + more


def fold(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


def visible(text: str, keep: str = "") -> str:
    """Control characters, and those that turn the writing around, as escapes; the rest as it is."""
    if text.isprintable():
        return text
    shown = []
    for char in text:
        hidden = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in keep
        shown.append(char.encode("unicode_escape").decode() if hidden else char)
    return "".join(shown)


def _columns_wide(text: str) -> int:
    """Terminal columns: East Asian wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def render_text(preview: Preview) -> str:
    """Draw a table of plain text, numbers to the right."""
    lines = []
    if preview.columns and (preview.limit or preview.rows):
        most = max(1, MAX_TEXT // (len(preview.columns) * (TEXT_WIDTH + 2)))
        grid = [[fold(visible(c.name), TEXT_WIDTH) for c in preview.columns]]
        grid += [[_text_cell(value) for value in row] for row in preview.rows[:most]]
        widths = [max(map(_columns_wide, column)) for column in zip(*grid, strict=True)]
        lines += [_text_row(row, widths, preview.columns) for row in grid]
        lines.insert(1, "  ".join("-" * width for width in widths))
        if len(preview.rows) > most:
            lines.append(f"... {len(preview.rows) - most:,} more rows were fetched")
    lines.append(preview.caption)
    if preview.columns:
        lines.append(f"schema: {preview.schema}")
    if preview.hint:
        lines.append(preview.hint)
    return "\n".join(lines)


def _text_cell(value: str | None) -> str:
    if value is None:
        return NULL
    # What reads like our mark for NULL, or like nothing at all, is quoted: they stay apart.
    if value == NULL or not value or value.isspace():
        return fold(repr(value), TEXT_WIDTH)
    return fold(visible(value[: TEXT_WIDTH + 1]), TEXT_WIDTH)  # no more of it is shown


def _text_row(cells: list[str], widths: list[int], columns: tuple[Column, ...]) -> str:
    padded = []
    for cell, width, column in zip(cells, widths, columns, strict=True):
        space = " " * (width - _columns_wide(cell))
        padded.append(space + cell if column.numeric else cell + space)
    return "  ".join(padded).rstrip()
