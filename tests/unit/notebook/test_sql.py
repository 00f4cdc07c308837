"""The one statement of a SQL body."""

from __future__ import annotations

import pytest

from raydp_magic.errors import UsageError
from raydp_magic.notebook.sql import single_statement


@pytest.mark.parametrize(
    ("body", "statement"),
    [
        ("SELECT 1", "SELECT 1"),
        ("\nSELECT 1 ;\n-- end;\n", "\nSELECT 1 "),
        ("SELECT ';' -- ; \n, `a;b`, \"x;\"", "SELECT ';' -- ; \n, `a;b`, \"x;\""),
        ("SELECT 'it''s; fine', 'a\\';b';", "SELECT 'it''s; fine', 'a\\';b'"),
        ("SELECT r'\\' AS x;", "SELECT r'\\' AS x"),
        ("SELECT /* ; */ 1;;", "SELECT /* ; */ 1"),
        ("BEGIN SELECT 1; SELECT 2; END", "BEGIN SELECT 1; SELECT 2; END"),
        ("SELECT 'not closed", "SELECT 'not closed"),
    ],
)
def test_statement(body, statement):
    assert single_statement(body) == statement


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("SELECT 1;\nSELECT 2", "another begins in line 3 of the cell, `SELECT 2`"),
        ("-- nothing\n;", "holds no statement"),
    ],
)
def test_refused(body, said):
    with pytest.raises(UsageError, match=said):
        single_statement(body, 2)


def test_a_line_magics_statement_has_no_line():
    with pytest.raises(UsageError, match="another begins `SELECT 2`"):
        single_statement("SELECT 1; SELECT 2")
