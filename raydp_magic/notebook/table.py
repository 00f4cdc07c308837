"""A DataFrame's first rows as HTML and as text. Pure: strings in, strings out."""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass

MAX_COLUMNS = 50
TEXT_WIDTH = 40
HTML_WIDTH = 120
VALUE_WIDTH = 1000
"""Characters of one value that are fetched at all."""

NULL = "(null)"


@dataclass(frozen=True)
class Column:
    """One column: its name, Spark's type as text, and whether it holds numbers."""

    name: str
    type: str
    numeric: bool = False


@dataclass(frozen=True)
class Preview:
    """The first rows of a DataFrame, every value as text; None is SQL's NULL.

    Attributes
    ----------
    columns : tuple of Column
        The first :data:`MAX_COLUMNS` at most.
    rows : tuple of tuple of (str or None)
        One text a column.
    limit : int
        How many rows were asked for; 0 asked for the schema only.
    columns_total : int
        Columns of the DataFrame.
    note : str
        What is special about it, such as a statement without a result; empty otherwise.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]
    limit: int
    columns_total: int
    note: str = ""

    @property
    def caption(self) -> str:
        """How many rows and columns of how many are shown."""
        from raydp_magic.panel.amounts import format_count, plural

        if self.note:
            return self.note
        parts = []
        if self.limit:
            count = len(self.rows)
            full = count >= self.limit
            parts.append(
                f"showing {format_count(count)} of >= {plural(count, 'row')}"
                if full
                else plural(count, "row")
            )
        if self.columns_total > len(self.columns):
            parts.append(f"first {len(self.columns)} of {plural(self.columns_total, 'column')}")
        elif not self.limit or not self.columns:
            parts.append(plural(self.columns_total, "column"))
        return ", ".join(parts)

    @property
    def schema(self) -> str:
        """``name: type`` of the shown columns."""
        more = ", ..." if self.columns_total > len(self.columns) else ""
        return ", ".join(f"{c.name}: {_fold(c.type, 80)}" for c in self.columns) + more


def _fold(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _visible(text: str) -> str:
    """One line: control characters as their escapes, everything else as it is."""
    if text.isprintable():
        return text
    shown = []
    for char in text:
        invisible = unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")
        shown.append(char.encode("unicode_escape").decode() if invisible else char)
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
    if preview.limit and preview.columns:
        grid = [[_fold(_visible(c.name), TEXT_WIDTH) for c in preview.columns]]
        grid += [[_text_cell(value) for value in row] for row in preview.rows]
        widths = [max(map(_columns_wide, column)) for column in zip(*grid, strict=True)]
        lines += [_text_row(row, widths, preview.columns) for row in grid]
        lines.insert(1, "  ".join("-" * width for width in widths))
    lines.append(preview.caption)
    if preview.columns:
        lines.append(f"schema: {preview.schema}")
    return "\n".join(lines)


def _text_cell(value: str | None) -> str:
    if value is None:
        return NULL
    # A text that reads like our mark for NULL is quoted, so that the two stay apart.
    return repr(value) if value == NULL else _fold(_visible(value), TEXT_WIDTH)


def _text_row(cells: list[str], widths: list[int], columns: tuple[Column, ...]) -> str:
    padded = []
    for cell, width, column in zip(cells, widths, columns, strict=True):
        space = " " * (width - _columns_wide(cell))
        padded.append(space + cell if column.numeric else cell + space)
    return "  ".join(padded).rstrip()


# Styles are inline: JupyterLab drops a `<style>` of a notebook that it does not trust, as a saved
# one is for whoever gets it. Colours are the page's own, or see-through greys.
_CELL = "padding:2px 10px;white-space:nowrap;vertical-align:top"
_WORD, _NUMBER = f"{_CELL};text-align:left", f"{_CELL};text-align:right"
_GRID = "border-collapse:collapse;margin:0;font-size:13px"
_LINE = "background:none;border-bottom:1px solid rgba(127,127,127,"
_MUTED = "margin:4px 0;opacity:.75"
_PAGE = "var(--jp-layout-color0,Canvas)"
_EDGE = "rgba(127,127,127,.6)"
_SCROLLS = (
    # A shadow at an edge behind which there is more; covers that scroll along hide it at the ends.
    "overflow-x:auto;max-width:100%;"
    f"background:linear-gradient(to right,{_PAGE} 50%,transparent) 0 0/28px 100% no-repeat local,"
    f"linear-gradient(to left,{_PAGE} 50%,transparent) 100% 0/28px 100% no-repeat local,"
    f"linear-gradient(to right,{_EDGE},transparent) 0 0/14px 100% no-repeat scroll,"
    f"linear-gradient(to left,{_EDGE},transparent) 100% 0/14px 100% no-repeat scroll"
)


def render_html(preview: Preview) -> str:
    """Draw an HTML table that scrolls sideways and looks the same in anybody's page."""
    parts = ['<div style="font-size:13px">']
    if preview.limit and preview.columns:
        heads = "".join(
            f'<th scope="col" style="{_align(c)};font-weight:600" title="{html.escape(c.type)}">'
            f"{html.escape(_visible(c.name))}</th>"
            for c in preview.columns
        )
        parts.append(
            f'<div style="{_SCROLLS}"><table style="{_GRID}">'
            f'<thead><tr style="{_LINE}.7)">{heads}</tr></thead><tbody>'
        )
        for row in preview.rows:
            cells = "".join(map(_html_cell, row, preview.columns))
            parts.append(f'<tr style="{_LINE}.3)">{cells}</tr>')
        parts.append("</tbody></table></div>")
    parts.append(f'<p style="{_MUTED}">{html.escape(preview.caption)}</p>')
    if preview.columns:
        parts.append(
            f'<p style="{_MUTED}"><code>{html.escape(_visible(preview.schema))}</code></p>'
        )
    parts.append("</div>")
    return "".join(parts)


def _align(column: Column) -> str:
    return _NUMBER if column.numeric else _WORD


def _html_cell(value: str | None, column: Column) -> str:
    if value is None:
        return f'<td style="{_align(column)};opacity:.6;font-style:italic">null</td>'
    shown = _visible(value)
    title = f' title="{html.escape(value)}"' if len(shown) > HTML_WIDTH else ""
    text = html.escape(_fold(shown, HTML_WIDTH))
    return f'<td style="{_align(column)}"{title}>{text}</td>'
