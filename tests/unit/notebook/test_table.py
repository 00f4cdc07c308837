"""The table of a DataFrame's first rows."""

from __future__ import annotations

import html
import re

import pytest

from raydp_magic.notebook.table import MAX_SCHEMA, Column, Preview, render_text
from raydp_magic.notebook.table_html import MAX_GRID, render_html

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


def test_what_has_no_text_of_its_own_is_told_from_texts_like_it():
    columns = (Column("x", "double", numeric=True), Column("s", "string"))
    values = [("NaN", "NaN"), (None, "null"), ("1", None), ("2", ""), ("3", "empty"), ("4", " ")]
    table = preview(*values, ("5", "(null)"), columns=columns)
    rows = render_text(table).splitlines()[2:9]
    assert [row.split(maxsplit=1)[1] for row in rows] == [
        *("NaN", "null", "(null)", "''", "empty", "' '", "'(null)'")
    ]
    page = render_html(table)
    marked = re.findall(r'font-style:italic">([^<]*)</span></td>', page)
    assert marked == ["NaN", "null", "null", "empty", "&#x27; &#x27;"]
    assert re.findall(r'text-align:left">([^<]*)</td>', page) == ["NaN", "null", "empty", "(null)"]


@pytest.mark.parametrize(
    ("table", "caption"),
    [
        (preview(*[("1", "a")] * 20), "showing the first 20 rows"),
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


def test_html_is_escaped():
    page = render_html(preview(("1", "<script>alert(1)</script>")))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("text-align:right") == 2  # the head and the number


def test_long_values_are_folded_and_open_without_a_script():
    page = render_html(preview(("1", "<b>\n" * 100), ("2", "y" * 1001)))
    first, second = re.findall(
        r"<td[^>]*><details><summary>(.*?)</summary>(.*?)</details>", page, re.DOTALL
    )
    assert html.unescape(first[0]) == ("<b>\\n" * 100)[:79] + "…"
    assert html.unescape(first[1]).count("<b>\n") == 100
    assert "the first 1,000 characters" not in first[1]
    assert "y" * 1000 + "…" in second[1]
    assert "y" * 1001 not in second[1]
    assert "the first 1,000 characters" in second[1]


def test_types_are_in_the_head():
    struct = Column("s", "struct<" + "a:bigint," * 20 + ">")
    page = render_html(preview(("1", "{}"), columns=(NAMES[0], struct)))
    heads = re.findall(r"<th (.*?)</th>", page)
    assert all('scope="col"' in head for head in heads)
    assert "id<br><span" in heads[0]
    assert ">bigint</span>" in heads[0]
    assert html.escape(struct.type) in heads[1].split(">")[0] + ">"  # whole, in the tooltip
    assert html.escape(struct.type[:29] + "…") in heads[1]
    assert "<caption" in page


@pytest.mark.parametrize("value", ["x" * 1001, "<" * 1001, "\x00" * 1001, "\U0001f600" * 1001])
def test_five_thousand_columns_of_long_values_are_a_page_of_bounded_size(value):
    columns = tuple(Column(f"column {i}" * 20, "struct<" * 500) for i in range(MAX_SCHEMA))
    shown, more = columns[:50], columns[50:]
    table = Preview(shown, ((value,) * 50,) * 1000, 1000, 5000, more_columns=more, plan="p" * 10**6)
    page = render_html(table)
    assert len(page.encode()) < 1.7 * MAX_GRID
    assert re.search(r"9\d\d more rows were fetched", page)
    assert re.search(r"\.\.\. 4,\d{3} more columns", page)
    assert "first 50 of 5,000 columns" in page
    assert len(render_text(table)) < 600_000


def test_plain_columns_are_all_in_the_schema():
    columns = tuple(Column(f"c{i}", "int", numeric=True) for i in range(MAX_SCHEMA))
    table = Preview(
        columns[:50], (("1",) * 50,), 20, 5000, more_columns=columns[50:], hint="Other: look"
    )
    page = render_html(table)
    assert "c999: int\n... 4,000 more columns" in page
    assert "Schema: 5,000 columns" in page
    assert "Other: look" in page
    assert len(page) < 60_000
    assert render_text(table).endswith("Other: look")


def test_schema_and_plan_are_a_click_away():
    page = render_html(Preview(NAMES, (("1", "a"),), 20, 2, plan="== Plan ==\n<Scan>"))
    assert "<summary>Schema: 2 columns</summary>" in page
    assert "id: bigint\nname: string" in page
    assert "<summary>Query plan</summary>" in page
    assert "== Plan ==\n&lt;Scan&gt;" in page
    assert " open>" not in page
    assert " open>" in render_html(Preview(NAMES, (), 0, 2))  # asked for the schema only


def test_html_needs_no_style_sheet():
    """JupyterLab drops a ``<style>`` of a notebook that it does not trust."""
    page = render_html(preview(("1", None)))
    assert "<style" not in page
    assert "class=" not in page
    cells = re.findall(r"<t[hd] [^>]*>", page)
    assert len(cells) == 4
    assert all("white-space:pre" in cell and "text-align:" in cell for cell in cells)
    assert "overflow:auto" in page  # large ones scroll, and a frame cuts them where they go on
    assert "scrollbar-width:thin" in page
    assert "gradient" not in page  # nothing lies over a text
    assert "z-index:1" in re.search(r"<th [^>]*>", page)[0]
    # A see-through cell would lose its line, and be drawn over the head under which it scrolls.
    assert "opacity" not in re.search(r'<td style="([^"]*)"><span', page)[1]


def test_control_characters_and_wide_ones_keep_the_lines():
    text = render_text(preview(("1", "a\nb\x1b[31m"), ("2", "日本")))
    assert "a\\nb\\x1b[31m" in text
    assert len(text.splitlines()) == 6


def test_names_are_escaped_too():
    column = Column("<b>a.b\n</b>", 'struct<x:int,"y">')
    page = render_html(preview(("1",), columns=(column,)))
    assert "<b>" not in page
    assert "&lt;b&gt;a.b\\n" in page
    assert "struct<x" not in page
