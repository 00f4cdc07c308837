"""Where the cursor stands in a half-typed SQL statement, and which tables it sees. Pure.

A statement under the cursor rarely parses, so this reads words and brackets only. What it does not
understand it passes over: a name too few is no harm in a list of suggestions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from raydp_magic.notebook.sql_words import RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?(?P<end0>\*/|\Z) )
    | (?P<string>  [rR]'[^']*(?P<end1>'?) | [rR]"[^"]*(?P<end2>"?)
                 | '(?:\\.|[^'\\])*(?P<end3>'?) | "(?:\\.|[^"\\])*(?P<end4>"?) )
    | (?P<quoted>  `(?:``|[^`])*(?P<end5>`?) )
    | (?P<word>    \w+ )
    | (?P<space>   \s+ )
    | (?P<mark>    . )
    """,
    re.DOTALL | re.VERBOSE,
)
_SETS = frozenset({"UNION", "INTERSECT", "EXCEPT", "MINUS"})
_CLAUSES = frozenset(
    {"SELECT", "FROM", "WHERE", "GROUP", "ORDER", "ON", "HAVING", "SET", "VALUES", "BY", "WINDOW"}
)
_BEFORE_TABLE = frozenset({"FROM", "JOIN", "INTO", "TABLE", "UPDATE", "VIEW", "USING"})
_QUERY = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE"})
_ASKING = frozenset({"ILIKE", "RLIKE", "IF"})
"""Words that may be a name elsewhere; a value follows them."""
_DEEPEST = 200


@dataclass(frozen=True)
class Source:
    """A table that a query reads.

    Attributes
    ----------
    name : str
        What it is called there: its alias, else the last part of its name.
    table : tuple of str
        The parts of a table's name; empty for a subquery.
    columns : tuple of (str or Source)
        What a subquery gives; a source stands for all of its columns (``*``).
    """

    name: str
    table: tuple[str, ...] = ()
    columns: tuple[str | Source, ...] = ()


@dataclass(frozen=True)
class Place:
    """What may stand at the cursor.

    Attributes
    ----------
    kind : {"table", "column", "keyword"}
        What is most likely meant.
    typed : str
        What of it is there already, as it was typed: a backquote included.
    qualifier : tuple of str
        Names in front of it, with dots: ``("t",)`` in ``t.x``.
    sources : tuple of Source
        Tables whose columns are seen here, the innermost query's first.
    names : tuple of str
        Common table expressions that are seen here.
    """

    kind: str
    typed: str
    qualifier: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str | None:
        """The name that it may be."""
        if self.kind == "quoted":
            return self.text.strip("`").replace("``", "`")
        return self.text if self.kind == "word" and self.upper not in RESERVED else None


@dataclass
class _Group:
    """What stands between two brackets."""

    items: list[_Token | _Group] = field(default_factory=list)
    kind = "group"
    upper = ""
    text = ""
    name = None

    @property
    def is_query(self) -> bool:
        first = self.items[0] if self.items else None
        return first is not None and (first.upper in _QUERY or first.kind == "group")


_CURSOR = _Token("cursor", "")
_Item = _Token | _Group


def place(before: str, after: str = "") -> Place | None:
    """Read the statement around the cursor.

    Parameters
    ----------
    before, after : str
        The SQL text on both sides of the cursor.

    Returns
    -------
    Place or None
        None in a comment or in a string.
    """
    tokens = list(_tokens(before))
    if tokens and tokens[-1].kind in ("inside a string", "inside a comment"):
        return None
    typed = ""
    if tokens and tokens[-1].kind in ("word", "inside a name"):
        typed = tokens.pop().text
    tokens = [t for t in tokens if t.kind not in ("space", "comment")]
    qualifier: list[str] = []
    while len(tokens) > 1 and tokens[-1].text == "." and tokens[-2].kind in ("word", "quoted"):
        qualifier.insert(0, tokens[-2].text.strip("`").replace("``", "`"))
        del tokens[-2:]
    rest = re.sub(r"\A[^`\n]*`" if typed.startswith("`") and "`" in after else r"\A\w+", "", after)
    later = [t for t in _tokens(rest) if t.kind not in ("space", "comment")]
    starts = [i for i, token in enumerate(tokens) if token.text == ";"]
    ends = [i for i, token in enumerate(later) if token.text == ";"]
    tokens = tokens[starts[-1] + 1 if starts else 0 :]
    path = _path([*tokens, _CURSOR, *later[: ends[0] if ends else None]])
    ctes: dict[str, Source] = {}
    sources: list[Source] = []
    for group in path:
        ctes.update(_ctes(group.items, ctes))
        sources[:0] = _sources(_around_cursor(group, path), ctes)
    kind = _kind(path[-1].items, outermost=len(path) == 1)
    return Place(
        kind, typed, tuple(qualifier), tuple(sources), tuple(s.name for s in ctes.values())
    )


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = next(k for k in ("comment", "string", "quoted", "word", "space", "mark") if match[k])
        at_end = match.end() == len(text)
        if kind == "comment" and at_end and match["end0"] != "*/":
            kind = "inside a comment"
        elif kind == "string" and not any(match[f"end{i}"] for i in range(1, 5)):
            kind = "inside a string"
        elif kind == "quoted" and not match["end5"]:
            kind = "inside a name"
        yield _Token(kind, match[0])


def _path(tokens: Sequence[_Token]) -> list[_Group]:
    """Groups by brackets, those with the cursor in them, the outermost first."""
    stack = [_Group()]
    path: list[_Group] = []
    for token in tokens:
        if token.text == "(" and token.kind == "mark" and len(stack) < _DEEPEST:
            inner = _Group()
            stack[-1].items.append(inner)
            stack.append(inner)
        elif token.text == ")" and token.kind == "mark":
            if len(stack) > 1:
                stack.pop()
        else:
            stack[-1].items.append(token)
        if token is _CURSOR:
            path = list(stack)
    return path


def _around_cursor(group: _Group, path: Sequence[_Group]) -> list[_Item]:
    """The part between UNION and the like that holds the cursor."""
    part: list[_Item] = []
    found = False
    for item in group.items:
        if item.upper in _SETS:
            if found:
                break
            part = []
            continue
        part.append(item)
        found = found or item is _CURSOR or any(item is inner for inner in path)
    return part


def _ctes(items: Sequence[_Item], outer: Mapping[str, Source]) -> dict[str, Source]:
    """Definitions of a WITH clause, by their names in lower case; each sees those before it."""
    found: dict[str, Source] = {}
    if not items or items[0].upper != "WITH":
        return found
    for i, item in enumerate(items):
        if item.upper == "AS" and i + 1 < len(items) and isinstance(items[i + 1], _Group):
            group = items[i + 1]
            assert isinstance(group, _Group)
            listed = items[i - 1]
            named = items[i - 2] if isinstance(listed, _Group) else listed
            columns = _outputs(group.items, {**outer, **found})
            if isinstance(listed, _Group):
                columns = tuple(n.name for n in listed.items if n.name is not None)
            if named.name is not None:
                found[named.name.lower()] = Source(named.name, (), columns)
        elif item.upper == "SELECT":
            break
    return found


def _sources(items: Sequence[_Item], ctes: Mapping[str, Source]) -> list[Source]:
    """Tables behind FROM, JOIN and the like."""
    found: list[Source] = []
    i = 0
    while i < len(items):
        word = items[i].upper
        before = items[i - 1].upper if i else ""
        i += 1
        if word == "VIEW" and before in ("LATERAL", "OUTER"):
            found += _lateral_view(items[i : i + 8])
        elif word == "USING" and i < len(items) and _is_list(items[i]):
            continue  # JOIN b USING (id)
        elif word in ("FROM", "JOIN", "INTO", "UPDATE", "USING") and before != "DISTINCT":
            i = _references(items, i, ctes, found)
    return found


def _is_list(item: _Item) -> bool:
    return isinstance(item, _Group) and not item.is_query


def _references(
    items: Sequence[_Item], i: int, ctes: Mapping[str, Source], found: list[Source]
) -> int:
    """Read a list of tables with commas between them; returns the index behind it."""
    while True:
        while i < len(items) and items[i].upper in ("LATERAL", "TABLE"):
            i += 1
        start = i
        if i < len(items) and isinstance(items[i], _Group):
            i += 1
        else:
            while i < len(items) and (items[i].name is not None or items[i].text == "."):
                if i > start and items[i].text != "." and items[i - 1].text != ".":
                    break
                i += 1
        named = items[start:i]
        is_call = i < len(items) and isinstance(items[i], _Group)
        if named and is_call and not isinstance(named[0], _Group):
            i += 1  # a table function
        if i < len(items) and items[i].upper == "AS":
            i += 1
        alias = items[i].name if i < len(items) else None
        i += alias is not None
        found += _made(named, alias, ctes, function=is_call)
        if i < len(items) and isinstance(items[i], _Group) and alias is not None:
            i += 1  # AS t(a, b)
        if i >= len(items) or items[i].text != ",":
            return i
        i += 1


def _made(
    named: Sequence[_Item], alias: str | None, ctes: Mapping[str, Source], *, function: bool
) -> list[Source]:
    if not named:
        return []
    first = named[0]
    if isinstance(first, _Group):
        if first.is_query and first.items[0].upper:
            return [Source(alias or "", (), _outputs(first.items, ctes))]
        return _sources([_Token("word", "FROM"), *first.items], ctes)
    parts = tuple(item.name for item in named if item.name is not None)
    if function:
        return [Source(alias or parts[-1])]
    cte = ctes.get(parts[0].lower()) if len(parts) == 1 else None
    if cte is not None:
        return [Source(alias or cte.name, (), cte.columns)]
    return [Source(alias or parts[-1], parts)]


def _lateral_view(items: Sequence[_Item]) -> list[Source]:
    """``explode(x) t AS a, b``."""
    names = [item.name for item in items if item.name is not None]
    words = [item.upper for item in items]
    if len(names) < 2:
        return []
    columns = tuple(names[2:]) if "AS" in words else ()
    return [Source(names[1], (), columns)]


def _outputs(items: Sequence[_Item], outer: Mapping[str, Source]) -> tuple[str | Source, ...]:
    """Columns that a query gives."""
    ctes = {**outer, **_ctes(items, outer)}
    selects = [i for i, item in enumerate(items) if item.upper == "SELECT"]
    if not selects:
        return ()
    end = next((i for i, item in enumerate(items) if i > selects[0] and item.upper in _SETS), None)
    query = items[selects[0] : end]
    stop = next((i for i, item in enumerate(query) if item.upper == "FROM"), len(query))
    sources = _sources(query[stop:], ctes)
    columns: list[str | Source] = []
    for i in range(1, stop):
        ends = i + 1 == stop or query[i + 1].text == ","
        if ends and query[i].text == "*" and query[i].kind == "mark":
            of = query[i - 2].name if i > 1 and query[i - 1].text == "." else None
            columns += [s for s in sources if of is None or s.name.lower() == of.lower()]
        elif ends and query[i].name is not None:
            columns.append(str(query[i].name))
    return tuple(columns)


def _kind(items: Sequence[_Item], *, outermost: bool) -> str:
    """What the words in front of the cursor ask for."""
    before = items[: next(i for i, item in enumerate(items) if item is _CURSOR)]
    if not before:
        return "keyword" if outermost else "column"
    last = before[-1]
    if last.upper in ("DESC", "DESCRIBE", "REFRESH", "EXTENDED", "FORMATTED") and len(before) < 3:
        return "table" if before[0].upper in ("DESC", "DESCRIBE", "REFRESH") else "keyword"
    if last.upper in _BEFORE_TABLE:
        is_distinct = len(before) > 1 and before[-2].upper == "DISTINCT"
        return "column" if is_distinct else "table"
    if last.text == "," and last.kind == "mark":
        clause = next((item.upper for item in reversed(before) if item.upper in _CLAUSES), "")
        joined = any(item.upper == "JOIN" for item in before)
        return "table" if clause == "FROM" and not joined else "column"
    if last.upper in _ASKING:
        return "column"
    is_operand = last.kind in ("quoted", "string", "group") or last.name is not None
    return "keyword" if is_operand or last.upper == "AS" else "column"
