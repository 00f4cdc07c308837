"""Which tables a SQL statement reads, by a parser. Pure."""

from __future__ import annotations

import re
from typing import Any

from raydp_magic.engine.quiet_logger import quiet_logger

_EXPLAIN = re.compile(r"\A\s*EXPLAIN\b(\s+(EXTENDED|CODEGEN|COST|FORMATTED)\b)?", re.IGNORECASE)


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
    from sqlglot import exp

    tree = _parsed(statement)
    if tree is None:
        return []
    names = [
        table.name
        for table in tree.find_all(exp.Table, bfs=False)
        if isinstance(table.this, exp.Identifier)
        and not table.args.get("db")
        and not _is_written(table)
        and not _is_cte(table)
    ]
    return list(dict.fromkeys(names))


def defines_view(statement: str) -> bool:
    """Whether a statement makes a view: Spark keeps its text, with the names in it, for later."""
    from sqlglot import exp

    tree = _parsed(statement)
    is_view = isinstance(tree, exp.Create) and str(tree.args.get("kind")).upper() == "VIEW"
    return is_view or isinstance(tree, exp.Cache)


def _parsed(statement: str) -> Any:
    """The statement's tree, or None; of an EXPLAIN, that of what it explains."""
    import sqlglot

    with quiet_logger("sqlglot"):  # its warnings about rare statements
        try:
            return sqlglot.parse_one(_EXPLAIN.sub("", statement), read="spark")
        except sqlglot.errors.SqlglotError:
            return None


def _is_written(table: Any) -> bool:
    """Whether a statement makes, fills or changes the table."""
    from sqlglot import exp

    writers = (
        exp.Alter,
        exp.Cache,
        exp.Create,
        exp.Delete,
        exp.Insert,
        exp.Merge,
        exp.Schema,
        exp.TruncateTable,
        exp.Update,
    )
    parent = table.parent
    return isinstance(parent, exp.Drop) or (isinstance(parent, writers) and parent.this is table)


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
