"""A table's first rows as HTML that needs no script and no style sheet. Pure."""

from __future__ import annotations

from html import escape

from raydp_magic.notebook.table import (
    TYPE_WIDTH,
    VALUE_WIDTH,
    Column,
    Preview,
    fold,
    visible,
)

HTML_WIDTH = 80
"""Characters of a value before it is folded."""
MAX_GRID = 1_000_000
"""Bytes of the rows, at most; those beyond are left out, and the table says so."""
MAX_SCHEMA_TEXT = 60_000
MAX_PLAN = 20_000

# Styles are inline: JupyterLab drops a `<style>` of a notebook that it does not trust, as a saved
# one is for whoever gets it. Colours are the page's own, or see-through greys.
_PAGE = "var(--jp-layout-color0,Canvas)"
_INK = "var(--jp-content-font-color1,CanvasText)"
_LINE = "border-bottom:1px solid rgba(127,127,127,"
_CELL = f"padding:2px 10px;white-space:pre;vertical-align:top;{_LINE}.3);text-align:"
_ROW = '<tr style="background:none">'  # not striped in one page and plain in another
_HEAD = (
    "padding:2px 10px;white-space:pre;vertical-align:top;font-weight:600;"
    f"position:sticky;top:0;z-index:1;background:{_PAGE};color:{_INK};{_LINE}.8);text-align:"
)
_TYPE = "font-weight:400;font-size:11px;opacity:.75"
_MARK = "opacity:.65;font-style:italic"
_GRID = "border-collapse:separate;border-spacing:0;margin:0;font-size:13px"
_CAPTION = "caption-side:top;text-align:left;padding:4px 10px;opacity:.75;white-space:nowrap"
_MUTED = "margin:4px 0;opacity:.75"
_OPENED = "white-space:pre-wrap;overflow-wrap:anywhere;min-width:240px;max-width:640px"
_PRE = (
    "margin:4px 0;padding:6px 10px;max-height:320px;overflow:auto;font-size:12px;color:inherit;"
    "background:rgba(127,127,127,.1);white-space:pre"
)
_SCROLLS = (
    # A frame that cuts what goes on behind it, and a scroll bar: nothing lies over a text.
    "overflow:auto;width:fit-content;max-width:100%;max-height:560px;box-sizing:border-box;"
    "border:1px solid rgba(127,127,127,.35);border-radius:4px;"
    "scrollbar-width:thin;scrollbar-color:rgba(127,127,127,.7) transparent"
)


def render_html(preview: Preview) -> str:
    """Draw an HTML table that scrolls and looks the same in anybody's page.

    Parameters
    ----------
    preview : Preview
        What to show.

    Returns
    -------
    str
        About :data:`MAX_GRID` bytes at most, whatever the rows hold.
    """
    parts = ['<div style="font-size:13px;color:var(--jp-content-font-color1,inherit)">']
    left_out = 0
    if preview.columns and (preview.limit or preview.rows):
        rows, left_out = _rows(preview)
        caption = (
            f'<span style="position:sticky;left:10px">{escape(visible(preview.caption))}</span>'
        )
        parts += [
            f'<div style="{_SCROLLS}" tabindex="0"><table style="{_GRID}">',
            f'<caption style="{_CAPTION}">{caption}</caption>',
            f"<thead>{_ROW}{''.join(map(_head, preview.columns))}</tr></thead>",
            f"<tbody>{''.join(rows)}</tbody></table></div>",
        ]
    else:
        parts.append(f'<p style="{_MUTED}">{escape(visible(preview.caption))}</p>')
    if left_out:
        parts.append(
            f'<p style="{_MUTED}">{left_out:,} more rows were fetched, too large to show here.</p>'
        )
    if preview.hint:
        parts.append(f'<p style="{_MUTED}">{escape(preview.hint)}</p>')
    if preview.columns:
        parts.append(_schema(preview))
    if preview.plan:
        parts.append(_fold_out("Query plan", _cut(preview.plan, MAX_PLAN)))
    parts.append("</div>")
    return "".join(parts)


def _rows(preview: Preview) -> tuple[list[str], int]:
    """Rows as long as there is room (the first always), and how many were left out."""
    drawn: list[str] = []
    room = MAX_GRID
    for row in preview.rows:
        text = f"{_ROW}{''.join(map(_cell, row, preview.columns))}</tr>"
        room -= len(text.encode())
        if drawn and room < 0:
            break
        drawn.append(text)
    return drawn, len(preview.rows) - len(drawn)


def _head(column: Column) -> str:
    type_ = visible(fold(column.type, TYPE_WIDTH))
    title = f' title="{escape(type_)}"' if len(type_) > 30 else ""
    return (
        f'<th scope="col" style="{_HEAD}{_align(column)}"{title}>'
        f"{escape(fold(visible(column.name), HTML_WIDTH))}"
        f'<br><span style="{_TYPE}">{escape(fold(type_, 30))}</span></th>'
    )


def _align(column: Column) -> str:
    return "right" if column.numeric else "left"


def _cell(value: str | None, column: Column) -> str:
    style = _CELL + _align(column)
    mark = _mark(value, column)
    if mark:
        return f'<td style="{style}"><span style="{_MARK}">{mark}</span></td>'
    assert value is not None
    shown = visible(value)
    if len(shown) <= HTML_WIDTH:
        return f'<td style="{style}">{escape(shown)}</td>'
    cut = len(value) > VALUE_WIDTH
    whole = visible(value[:VALUE_WIDTH], keep="\n") + ("…" if cut else "")
    end = f'<br><i style="opacity:.75">the first {VALUE_WIDTH:,} characters</i>' if cut else ""
    return (
        f'<td style="{style}"><details><summary>{escape(fold(shown, HTML_WIDTH))}</summary>'
        f'<div style="{_OPENED}">{escape(whole)}{end}</div></details></td>'
    )


def _mark(value: str | None, column: Column) -> str:
    """What stands for a value that has no text of its own; a text is never drawn like that."""
    if value is None:
        return "null"
    if not value:
        return "empty"
    if value.isspace():
        return escape(fold(repr(value), HTML_WIDTH))
    return "NaN" if value == "NaN" and column.has_nan else ""


def _schema(preview: Preview) -> str:
    from raydp_magic.panel.amounts import plural

    known = (*preview.columns, *preview.more_columns)
    lines: list[str] = []
    room = MAX_SCHEMA_TEXT
    for column in known:
        name = fold(visible(column.name), 2 * HTML_WIDTH)
        line = f"{name}: {visible(fold(column.type, TYPE_WIDTH))}"
        room -= len(line)
        if room < 0:
            break
        lines.append(line)
    missing = preview.columns_total - len(lines)
    if missing:
        lines.append(f"... {plural(missing, 'more column')}")
    title = f"Schema: {plural(preview.columns_total, 'column')}"
    opened = not preview.limit and not preview.rows
    return _fold_out(title, "\n".join(lines), opened=opened)


def _fold_out(title: str, text: str, *, opened: bool = False) -> str:
    return (
        f'<details style="{_MUTED}"{" open" if opened else ""}><summary>{escape(title)}</summary>'
        f'<pre tabindex="0" style="{_PRE}">{escape(visible(text, keep=chr(10)))}</pre></details>'
    )


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[:size] + "\n... (cut)"
