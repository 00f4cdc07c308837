"""What to offer at the cursor of a SQL cell, from the names that are known. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from raydp_magic.notebook.sql_scope import Place, Source, place
from raydp_magic.notebook.sql_words import KEYWORDS, RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MOST = 300
"""Suggestions at a time."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Names(Protocol):
    """Names of the session and the kernel; each answer is quick, and may be incomplete."""

    def tables(self, database: str | None = None) -> Sequence[str]:
        """Tables and views of a database, by default of the current one."""

    def databases(self) -> Sequence[str]:
        """Databases of the current catalog."""

    def variables(self) -> Sequence[str]:
        """Variables that can be tables."""

    def columns(self, table: tuple[str, ...]) -> Sequence[str]:
        """Columns of a table, or of a variable."""

    def functions(self) -> Sequence[str]:
        """Functions of the session, as Spark writes them."""


class Suggestion(NamedTuple):
    """Something to put at the cursor, and what it is."""

    text: str
    kind: str


def suggestions(before: str, after: str, names: Names) -> tuple[str, list[Suggestion]]:
    """Find what may stand at the cursor.

    Parameters
    ----------
    before, after : str
        The SQL text on both sides of the cursor.
    names : Names
        What there is.

    Returns
    -------
    tuple of (str, list of Suggestion)
        What of it is typed already, and the suggestions, the likeliest first.
    """
    here = place(before, after)
    if here is None:
        return "", []
    begins = here.typed.lstrip("`").replace("``", "`").lower()
    quoted = here.typed.startswith("`")
    found: dict[str, Suggestion] = {}
    for name, kind in _all(here, names):
        is_keyword = kind == "keyword"
        if is_keyword and (quoted or (found and here.kind == "table")):
            break
        if not name.lower().startswith(begins):
            continue
        text = _as_typed(name, kind, here.typed) or _written(name, quoted=quoted)
        found.setdefault(text.lower(), Suggestion(text, kind))
        if len(found) == MOST:
            break
    return here.typed, list(found.values())


def _all(here: Place, names: Names) -> Iterator[tuple[str, str]]:
    if here.qualifier:
        yield from _behind_a_dot(here, names)
        return
    if here.kind == "table":
        yield from _each(here.names, "table")
        yield from _each(names.variables(), "variable")
        yield from _each(names.tables(), "table")
        yield from _each(names.databases(), "database")
    elif here.kind == "column" or here.typed:
        for source in here.sources:
            yield from _each(_columns(source, names), "column")
        yield from _each((source.name for source in here.sources if source.name), "table")
    # Half a thousand: only where a value may stand, and once one is begun.
    if here.kind == "column" and here.typed and not here.typed.startswith("`"):
        own = (name for name in names.functions() if name.upper() not in KEYWORDS)
        yield from _each(filter(_PLAIN.fullmatch, own), "function")
    asked = bool(here.typed) or here.kind == "keyword" or not here.sources
    if asked and (here.kind != "table" or here.typed):
        yield from _each(sorted(KEYWORDS), "keyword")


def _behind_a_dot(here: Place, names: Names) -> Iterator[tuple[str, str]]:
    asked = [part.lower() for part in here.qualifier]
    if here.kind != "table":
        for source in here.sources:
            whole = [part.lower() for part in source.table]
            if asked in ([source.name.lower()], whole):
                yield from _each(_columns(source, names), "column")
                return
    if len(asked) == 1:
        yield from _each(names.tables(here.qualifier[0]), "table")


def _columns(source: Source, names: Names, depth: int = 0) -> Iterator[str]:
    if source.table:
        yield from names.columns(source.table)
    for column in source.columns:
        if isinstance(column, str):
            yield column
        elif depth < 20:
            yield from _columns(column, names, depth + 1)


def _each(found: Iterable[str], kind: str) -> Iterator[tuple[str, str]]:
    return ((name, kind) for name in found)


def _as_typed(name: str, kind: str, typed: str) -> str | None:
    """A word of SQL in the case that a person writes in; None for a name, which keeps its own."""
    if kind == "keyword":
        return name.lower() if typed.islower() else name
    if kind == "function":
        return name.upper() if typed.isupper() else name
    return None


def _written(name: str, *, quoted: bool) -> str:
    """A name as SQL has it: with backquotes where it needs them, or where one was typed."""
    plain = _PLAIN.fullmatch(name) and name.upper() not in RESERVED
    return name if plain and not quoted else f"`{name.replace('`', '``')}`"
