"""The table of a DataFrame's first rows."""

from __future__ import annotations

import re

import pytest

from raydp_magic.notebook.table import Column, Preview, render_html, render_text

NAMES = (Column("id", "bigint", numeric=True), Column("name", "string"))


def preview(*rows, limit=20, columns=NAMES, total=None, note=""):
    return Preview(columns, rows, limit, len(columns) if total is None else total, note)


def test_text_table():
    text = render_text(preview(("7", "a"), ("123", None)))
    assert text.splitlines() == [
        " id  name",
        "---  ------",
        "  7  a",
        "123  (null)",
        "2 rows",
        "schema: id: bigint, name: string",
    ]


def test_null_is_not_the_text_null():
    table = preview(("1", "null"), ("2", None), ("3", "(null)"))
    rows = render_text(table).splitlines()[2:5]
    assert [row.split()[1] for row in rows] == ["null", "(null)", "'(null)'"]
    page = render_html(table)
    assert page.count("font-style:italic") == 1
    assert page.count(">null</td>") == 2


@pytest.mark.parametrize(
    ("table", "caption"),
    [
        (preview(*[("1", "a")] * 20), "showing 20 of >= 20 rows"),
        (preview(("1", "a")), "1 row"),
        (preview(), "0 rows"),
        (preview(*[("1", "a")] * 1234, limit=9999), "1,234 rows"),
        (preview(limit=0), "2 columns"),
        (preview(limit=0, columns=(), note="done"), "done"),
        (preview((), (), columns=()), "2 rows, 0 columns"),
        (preview(("1", "a"), total=3000), "1 row, first 2 of 3,000 columns"),
    ],
)
def test_caption(table, caption):
    assert table.caption == caption
    assert caption in render_text(table)
    assert caption.replace(">", "&gt;") in render_html(table)


def test_html_is_escaped_and_long_values_folded():
    page = render_html(preview(("1", "<script>"), ("2", "x" * 500), columns=NAMES))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "x" * 119 + "…" in page
    assert f'title="{"x" * 500}"' in page
    assert page.count("text-align:right") == 3  # the head and two numbers


def test_html_needs_no_style_sheet():
    """JupyterLab drops a ``<style>`` of a notebook that it does not trust."""
    page = render_html(preview(("1", None)))
    assert "<style" not in page
    assert "class=" not in page
    cells = re.findall(r"<t[hd] [^>]*>", page)
    assert len(cells) == 4
    assert all("white-space:nowrap" in cell and "text-align:" in cell for cell in cells)
    assert "overflow-x:auto" in page  # wide ones scroll, and a shadow at the edge says so
    assert "linear-gradient" in page


def test_control_characters_and_wide_ones_keep_the_lines():
    text = render_text(preview(("1", "a\nb\x1b[31m"), ("2", "日本")))
    assert "a\\nb\\x1b[31m" in text
    assert len(text.splitlines()) == 6


def test_names_are_escaped_too():
    column = Column("<b>a.b\n</b>", 'struct<x:int,"y">')
    page = render_html(preview(("1",), columns=(column,)))
    assert "<b>" not in page
    assert "&lt;b&gt;a.b\\n" in page
