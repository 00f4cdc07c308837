"""Tables that a statement reads: no CTE, no alias, no function, nothing that is written to."""

from __future__ import annotations

import pytest

from raydp_magic.notebook.table_names import defines_view, tables_read

CASES = {
    "SELECT 1": [],
    "SELECT * FROM flights": ["flights"],
    "select f.x from Flights f join weather as w using (origin)": ["Flights", "weather"],
    "SELECT * FROM a, b, (SELECT * FROM c) d": ["a", "b", "c"],
    "SELECT * FROM db.flights JOIN cat.db.t": [],
    "SELECT * FROM `odd name`": ["odd name"],
    "SELECT * FROM range(10)": [],
    "SELECT * FROM parquet.`/tmp/x`": [],
    "WITH t AS (SELECT * FROM a) SELECT * FROM t JOIN b": ["a", "b"],
    "WITH t AS (SELECT * FROM t) SELECT * FROM T": ["t"],
    "WITH t AS (SELECT 1), u AS (SELECT * FROM t) SELECT * FROM u": [],
    "WITH u AS (SELECT * FROM t), t AS (SELECT 1) SELECT * FROM u, t": ["t"],
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT * FROM r": [],
    "SELECT * FROM (WITH t AS (SELECT 1) SELECT * FROM t) x, t": ["t"],
    "SELECT (SELECT max(x) FROM a) FROM b WHERE EXISTS (SELECT 1 FROM c WHERE c.k = b.k)": [
        "b",
        "a",
        "c",
    ],
    "SELECT * FROM a UNION ALL SELECT * FROM b": ["a", "b"],
    "INSERT INTO target SELECT * FROM source": ["source"],
    "CREATE TABLE target AS SELECT * FROM source": ["source"],
    "CREATE OR REPLACE TEMP VIEW target AS SELECT * FROM source": ["source"],
    "SELECT * FROM a LATERAL VIEW explode(xs) t AS x": ["a"],
    "SELECT * FROM a TABLESAMPLE (10 PERCENT)": ["a"],
    "SELECT * FROM a PIVOT (sum(x) FOR y IN (1, 2))": ["a"],
    "SELECT 'FROM nothing' -- FROM comment\n FROM a": ["a"],
    "EXPLAIN FORMATTED SELECT * FROM a": ["a"],
    "DESCRIBE a": ["a"],
    "SELECT * FROM (a)": ["a"],
    "SELECT * FROM a JOIN (b CROSS JOIN c)": ["a", "b", "c"],
    "MERGE INTO x USING a ON x.k = a.k WHEN MATCHED THEN DELETE": ["a"],
    "INSERT INTO x TABLE a": ["a"],
    "INSERT INTO x (k, v) SELECT * FROM a": ["a"],
    "DELETE FROM x": [],
    "DROP TABLE x": [],
    "CACHE TABLE v AS SELECT * FROM a": ["a"],
    "SHOW TABLES": [],
    "SET spark.sql.shuffle.partitions = 4": [],
    "SELEKT * FORM": [],
    "": [],
}


@pytest.mark.parametrize(("statement", "expected"), CASES.items(), ids=CASES)
def test_tables_read(statement, expected):
    assert sorted(tables_read(statement)) == sorted(expected)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("CREATE OR REPLACE TEMP VIEW v AS SELECT * FROM a", True),
        ("CACHE TABLE v AS SELECT * FROM a", True),
        ("CREATE TABLE t AS SELECT * FROM a", False),
        ("SELECT * FROM a", False),
        ("SELEKT", False),
    ],
)
def test_views_keep_the_text(statement, expected):
    assert defines_view(statement) is expected
