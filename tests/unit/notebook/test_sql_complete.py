"""What is offered at the cursor (`|`) of half-typed SQL."""

from __future__ import annotations

import time

import pytest
import sqlglot

from raydp_magic.notebook.sql_complete import MOST, suggestions
from raydp_magic.notebook.sql_scope import place
from raydp_magic.notebook.table_names import tables_read

COLUMNS = {
    ("trips",): ["zone", "fare", "odd name", "back`tick", "date"],
    ("zones",): ["zone", "borough"],
    ("shop", "orders"): ["order_id"],
    ("my table",): ["x"],
}


class Names:
    def tables(self, database=None):
        return {None: ["trips", "zones", "my table"], "shop": ["orders"]}.get(database, [])

    def databases(self):
        return ["default", "shop"]

    def variables(self):
        return ["frame"]

    def columns(self, table):
        return COLUMNS.get(table, [])

    def functions(self):
        return ["!=", "and", "date_add", "factorial", "floor", "my_udf", "zip_with"]


def found(text, *kinds):
    before, _, after = text.partition("|")
    _, offered = suggestions(before, after, Names())
    return [
        s.text for s in offered if s.kind in (kinds or ("table", "column", "variable", "database"))
    ]


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT * FROM |", ["frame", "trips", "zones", "`my table`", "default", "shop"]),
        ("SELECT * FROM tr|", ["trips"]),
        ("SELECT * FROM TR|", ["trips"]),
        ("select * from `my|", ["`my table`"]),
        ("select * from trips t join z|", ["zones"]),
        ("SELECT * FROM trips, z|", ["zones"]),
        ("SELECT * FROM shop.|", ["orders"]),
        ("INSERT INTO z|", ["zones"]),
        ("DESCRIBE z|", ["zones"]),
        ("DROP TABLE z|", ["zones"]),
        ("SELECT f| FROM trips", ["fare"]),
        ("SELECT f|are FROM trips", ["fare"]),
        ("SELECT o| FROM trips", ["`odd name`"]),
        ("SELECT `o| FROM trips", ["`odd name`"]),
        ("SELECT `o|dd` FROM trips", ["`odd name`"]),
        ("SELECT `f| FROM trips", ["`fare`"]),
        ("SELECT back| FROM trips", ["`back``tick`"]),
        ("SELECT t.| FROM trips t", ["zone", "fare", "`odd name`", "`back``tick`", "date"]),
        ("SELECT t.f| FROM trips AS t JOIN zones z ON t.zone = z.zone", ["fare"]),
        ("SELECT * FROM trips t JOIN zones z ON t.zone = z.|", ["zone", "borough"]),
        ("SELECT T.b| FROM zones t", ["borough"]),
        ("SELECT z.| FROM trips t", []),
        ("SELECT `my table`.| FROM `my table`", ["x"]),
        ("SELECT shop.orders.| FROM shop.orders", ["order_id"]),
        (
            "SELECT | FROM trips t, zones z",
            ["zone", "fare", "`odd name`", "`back``tick`", "date", "borough", "t", "z"],
        ),
        ("SELECT count(f| FROM trips", ["fare"]),  # the bracket is not closed yet
        ("SELECT avg(f|) FROM trips WHERE 'a;b' = zone", ["fare"]),
        ("SELECT * FROM trips WHERE fare > 3 AND z|", ["zone"]),
        ("SELECT * FROM trips ORDER BY f|", ["fare"]),
        ("SELECT * FROM trips -- FROM zones\nWHERE b|", ["`back``tick`"]),
        ("SELECT a| FROM (SELECT avg(fare) AS average, zone z2 FROM trips) s", ["average"]),
        ("SELECT s.| FROM (SELECT *, 1 AS one FROM zones) s", ["zone", "borough", "one"]),
        ("SELECT s.| FROM (SELECT t.*, 1 one FROM zones z, `my table` t) s", ["x", "one"]),
        ("WITH c AS (SELECT fare * 2 AS twice FROM trips) SELECT tw| FROM c", ["twice"]),
        ("WITH c (p, q) AS (SELECT 1, 2) SELECT c.| FROM c", ["p", "q"]),
        ("WITH cc AS (SELECT 1) SELECT * FROM c|", ["cc"]),
        ("WITH a AS (SELECT 1 n), b AS (SELECT * FROM a) SELECT b.| FROM b", ["n"]),
        ("WITH RECURSIVE r AS (SELECT * FROM r) SELECT r.| FROM r", []),
        (
            "SELECT * FROM trips t WHERE EXISTS (SELECT 1 FROM zones WHERE b|)",
            ["borough", "`back``tick`"],
        ),
        ("SELECT zone FROM zones UNION SELECT f| FROM trips", ["fare"]),
        ("SELECT b| FROM zones UNION SELECT fare FROM trips", ["borough"]),
        ("SELECT part| FROM trips LATERAL VIEW explode(split(zone, ' ')) p AS part", ["part"]),
        ("SELECT 1 FROM zones; SELECT f| FROM trips; SELECT 2", ["fare"]),
        ("UPDATE zones SET b|", ["borough"]),
        ("SELECT * FROM range(10) r WHERE |", ["r"]),
        ("SELECT d| FROM trips", ["date"]),
        ("SELECT 'f| FROM trips", []),
        ("SELECT 1 -- f|", []),
        ("SELECT /* f|", []),
        ("", []),
        ("((((|", []),
        ("))))|", []),
        ("SELECT .|", []),
    ],
)
def test_names(sql, names):
    assert found(sql) == names


@pytest.mark.parametrize(
    ("sql", "keyword"),
    [
        ("SEL|", "SELECT"),
        ("sel|", "select"),
        ("SELECT 1 FROM trips WH|", "WHERE"),
        ("SELECT 1 FROM trips t |", "WHERE"),
        ("SELECT zone FROM trips GRO|", "GROUP"),
        ("SELECT CAST(zone AS |", "STRING"),
        ("|", "SELECT"),
    ],
)
def test_keywords_as_a_fallback(sql, keyword):
    assert keyword in found(sql, "keyword")


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM |", "SELECT t.| FROM trips t", "SELECT | FROM trips", "SELECT `W|"]
)
def test_no_keywords_where_names_are_meant(sql):
    assert found(sql, "keyword") == []


@pytest.mark.parametrize(
    ("sql", "functions"),
    [
        ("SELECT f|", ["factorial", "floor"]),
        ("SELECT f| FROM trips", ["factorial", "floor"]),
        ("SELECT FL| FROM trips", ["FLOOR"]),
        ("SELECT Fl| FROM trips", ["floor"]),
        ("SELECT avg(fl|) FROM trips", ["floor"]),
        ("SELECT * FROM trips WHERE my|", ["my_udf"]),
        ("SELECT 1 FROM trips ORDER BY zone, zi|", ["zip_with"]),
        ("SELECT a| FROM trips", []),  # AND is a keyword
        ("SELECT !|", []),
        ("SELECT | FROM trips", []),  # half a thousand would hide the columns
        ("SELECT `f| FROM trips", []),
        ("SELECT t.f| FROM trips t", []),
        ("SELECT * FROM f|", []),
        ("SELECT fare f| FROM trips", []),  # an alias, or a keyword
        ("f|", []),
        ("SELECT 1; f|", []),
    ],
)
def test_functions_where_a_value_is_begun(sql, functions):
    assert found(sql, "function") == functions


def test_functions_stand_behind_columns_and_before_keywords():
    assert found("SELECT f| FROM trips", "column", "function", "keyword")[:4] == [
        *("fare", "factorial", "floor", "false"),
    ]
    assert found("SELECT da| FROM trips", "column", "function", "keyword") == [
        *("date", "date_add", "database", "databases"),
    ]


def test_an_alias_sees_its_own_tables_columns_only():
    sql = "SELECT a.| FROM trips a JOIN zones b ON a.zone = b.zone"
    assert "borough" not in found(sql)


STATEMENTS = (
    "SELECT t.zone, avg(t.fare) FROM trips t JOIN zones z ON t.zone = z.zone WHERE t.fare > 1",
    "SELECT * FROM trips, zones AS z ORDER BY 1",
    "WITH c AS (SELECT * FROM trips) SELECT * FROM c CROSS JOIN zones",
    "SELECT * FROM (SELECT zone FROM zones) s LEFT JOIN `my table` USING (zone)",
    "SELECT a FROM trips WHERE x IS DISTINCT FROM y",
    "SELECT EXTRACT(YEAR FROM `date`) FROM trips",
)


@pytest.mark.parametrize("sql", STATEMENTS)
def test_sees_the_tables_that_a_parser_sees(sql):
    """Where the statement is whole, SQLGlot knows its tables; those of the outer query are seen."""
    outer = sqlglot.parse_one(sql, read="spark")
    joined = [
        outer.args["from_"] if "from_" in outer.args else outer.args["from"],
        *outer.args.get("joins", ()),
    ]
    read = {j.this.name for j in joined if isinstance(j.this, sqlglot.exp.Table)}
    here = place(sql + " ")
    seen = {source.table[-1] for source in here.sources if source.table}
    assert seen == read & set(tables_read(sql))


@pytest.mark.parametrize("sql", STATEMENTS)
def test_no_cut_of_a_statement_is_too_much(sql):
    for cut in range(len(sql) + 1):
        suggestions(sql[:cut], sql[cut:], Names())
        suggestions(sql[:cut], "", Names())


def test_large_texts_and_catalogs_are_quick():
    names = Names()
    names.tables = lambda database=None: [f"t{i}" for i in range(100_000)]
    sql = "SELECT " + "(a + " * 5000 + "1 FROM trips JOIN "
    began = time.monotonic()
    assert len(suggestions(sql, " x" * 20_000, names)[1]) == MOST
    assert time.monotonic() - began < 2
