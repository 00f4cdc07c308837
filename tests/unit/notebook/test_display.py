"""What is asked of Spark for a table."""

from __future__ import annotations

from raydp_magic.notebook.display import is_dataframe, preview


def test_fetches_no_more_than_asked(make_frame):
    log = []
    df = make_frame([("a", "int"), ("a", "binary")], [("1", "FF")] * 100, log)
    table = preview(df, 5)
    assert len(table.rows) == 5
    assert log[-2:] == [("limit", 5), ("collect", 5)]
    assert log[0][1] == (
        "substring(CAST(c0 AS STRING), 1, 1001) AS c0",
        "CASE WHEN length(c1) > 12 THEN concat(hex(substring(c1, 1, 12)), '... ', length(c1), ' bytes') ELSE hex(substring(c1, 1, 12)) END AS c1",
    )
    assert [column.numeric for column in table.columns] == [True, False]


def test_zero_rows_runs_nothing(make_frame):
    log = []
    assert preview(make_frame([("a", "int")], [("1",)], log), 0).caption == "1 column"
    assert log == []


def test_thousands_of_columns(make_frame):
    df = make_frame([(f"c{i}", "int") for i in range(3000)], [tuple("1" * 3000)])
    table = preview(df, 20)
    assert len(table.columns) == len(table.rows[0]) == 50
    assert "first 50 of 3,000 columns" in table.caption
    assert table.hint.endswith("name them, as in `SELECT c50, ...`; `.columns` lists all.")
    assert "; `wide.columns` lists all." in preview(df, 20, "wide").hint
    assert table.plan == ""  # takes long to make


def test_no_columns(make_frame):
    assert preview(make_frame([], [(), ()]), 20).caption == "2 rows, 0 columns"


def test_the_plan_comes_along(make_frame):
    df = make_frame([("a", "int")], [("1",)])
    df._explain_string = lambda mode: f"{mode} plan" + "x" * 10**6  # as Spark Connect's
    table = preview(df, 5)
    assert table.plan.startswith("formatted plan")
    assert len(table.plan) < 30_000


def test_rows_are_shown_where_there_is_no_plan(make_frame):
    df = make_frame([("a", "int")], [("1",)])
    df._explain_string = lambda mode: 1 / 0
    table = preview(df, 5)
    assert (table.plan, table.rows) == ("", (("1",),))


def test_is_dataframe_by_name(make_frame):
    assert is_dataframe(make_frame([], []))
    assert not is_dataframe([1])
