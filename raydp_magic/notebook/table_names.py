"""Which tables a SQL statement reads, by a parser. Pure."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def tables_read(statement: str) -> list[str]:
    """Names of the tables and views that a statement reads, as written, each once.

    Only names of one part count (``flights``, not ``db.flights``); common table expressions,
    aliases, table functions and the table that is written to do not. A statement that the parser
    does not know has none: Spark itself says what is wrong with it.

    Parameters
    ----------
    statement : str
        One statement in Spark's SQL.

    Returns
    -------
    list of str
        In the order of their first use.
    """
    import sqlglot
    from sqlglot import exp

    with _quiet():
        try:
            tree = sqlglot.parse_one(statement, read="spark")
        except sqlglot.errors.SqlglotError:
            return []
    names = [
        table.name
        for table in tree.find_all(exp.Table, bfs=False)
        if isinstance(table.this, exp.Identifier)
        and not table.args.get("db")
        and isinstance(table.parent, (exp.From, exp.Join))
        and not _is_cte(table)
    ]
    return list(dict.fromkeys(names))


def _is_cte(table: Any) -> bool:
    """Whether the name is a common table expression's that is visible here."""
    from sqlglot import exp

    below, node = table, table.parent
    while node is not None:
        clause = node.args.get("with_") or node.args.get("with")
        if clause is not None and below is not clause:
            if table.name.lower() in map(_alias, clause.expressions):
                return True
        elif isinstance(node, exp.With) and _seen_inside(node, below, table.name):
            return True
        below, node = node, node.parent
    return False


def _seen_inside(clause: Any, definition: Any, name: str) -> bool:
    """A definition sees those before it, and itself when the clause is recursive."""
    index = next(i for i, cte in enumerate(clause.expressions) if cte is definition)
    seen = clause.expressions[: index + bool(clause.args.get("recursive"))]
    return name.lower() in map(_alias, seen)


def _alias(cte: Any) -> str:
    return str(cte.alias).lower()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the parser's warnings about rare statements out of the cell."""
    logger = logging.getLogger("sqlglot")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
