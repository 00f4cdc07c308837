"""Tab completion: of the magics' lines, from the parsers, and of the SQL in cells."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydp_magic.notebook.act_grammar import CancelParser, ExecutorParser
from raydp_magic.notebook.grammar import (
    BRIDGE_COMMANDS,
    CELLS,
    CLUSTER_COMMANDS,
    BridgeReleaseParser,
    LogsParser,
    cluster_parser,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from raydp_magic.notebook.command_parser import CommandParser
    from raydp_magic.notebook.sql_names import KnownNames

_GROUPS = {"raydp_cluster": CLUSTER_COMMANDS, "raydp_bridge": BRIDGE_COMMANDS}
_MAGIC = re.compile(r"\s*%{1,2}(raydp_\w+)[ \t]+(.*)\Z", re.DOTALL)
_SQL_FLAG = re.compile(r"(?:\A|\s)(?:-c|--context)(?:\s+|=)sql(?:\s|\Z)")
_VALUES = {"--memory": ("1g", "2g", "4g", "8g"), "--address": ("auto",), "--master": ("local[*]",)}
"""What is often meant, where a flag takes any text."""


def _none() -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Live:
    """What there is now; each is asked only where it is needed.

    Attributes
    ----------
    executor_ids, job_ids, entry_names, past_ids : callable
        Executors of the running cluster, Spark jobs that run, what the bridge holds, and executors
        that are no more, whose logs can be read.
    """

    executor_ids: Callable[[], Iterable[str]] = _none
    job_ids: Callable[[], Iterable[str]] = _none
    entry_names: Callable[[], Iterable[str]] = _none
    past_ids: Callable[[], Iterable[str]] = _none


def candidates(text: str, live: Live = Live()) -> list[str] | None:
    """What may stand at the cursor of a magic's line.

    Parameters
    ----------
    text : str
        The cursor's line, up to the cursor.
    live : Live
        Names of what runs.

    Returns
    -------
    list of str or None
        Sorted words that begin as the one at the cursor does; None when the line is not ours.
    """
    match = _MAGIC.match(text)
    if match is None:
        return None
    name, rest = match[1], match[2]
    *words, word = re.split(r"\s+", rest)
    parser: CommandParser
    if name in _GROUPS:
        commands = _GROUPS[name]
        if not words:
            return _beginning(word, commands)
        if words[0] not in commands:
            return None
        own = commands is CLUSTER_COMMANDS
        parser = cluster_parser(words[0], words[1:]) if own else commands[words[0]]()
        words = words[1:]
    elif name in CELLS:
        parser = CELLS[name]()
    else:
        return None
    return _arguments(parser, words, word, live)


def _arguments(parser: CommandParser, words: list[str], word: str, live: Live) -> list[str] | None:
    flag, equals, value = word.partition("=")
    if equals and flag in parser.flags:
        choices = parser.flags[flag].choices or _VALUES.get(flag, ())
        return [f"{flag}={choice}" for choice in _beginning(value, choices)]
    before = parser.flags.get(words[-1]) if words else None
    if before is not None and before.nargs != 0:
        return _beginning(word, before.choices or _VALUES.get(words[-1], ()))
    if word.startswith("-"):
        given = {id(parser.flags[w]) for w in words if w in parser.flags}
        repeated = {"--resource", "--conf"}
        left = (f for f, a in parser.flags.items() if f in repeated or id(a) not in given)
        return _beginning(word, left)
    known = _operands(parser, live)
    if known is None and not word and not parser.operands:
        known = parser.flags
    return None if known is None else _beginning(word, known)


def _operands(parser: CommandParser, live: Live) -> Iterable[str] | None:
    """What may be named without a flag; None where that is anything or nothing."""
    match parser:
        case LogsParser():
            return {*live.executor_ids(), *live.past_ids(), "driver"}
        case ExecutorParser():
            return live.executor_ids()
        case CancelParser():
            return live.job_ids()
        case BridgeReleaseParser():
            return live.entry_names()
        case _:
            return None


def _beginning(word: str, known: Iterable[str]) -> list[str]:
    # `-n` and `--maxrows` are one flag: only the long one is offered until a single dash is typed.
    found = [k for k in known if k.startswith(word) and (word or not re.fullmatch(r"-\w", k))]
    return sorted(found, key=lambda k: (k.startswith("-"), k.lstrip("-")))


def sql_around(text: str, line: int, column: int) -> tuple[str, str] | None:
    """The SQL on both sides of the cursor; None where it stands in none.

    Parameters
    ----------
    text : str
        The whole cell.
    line, column : int
        Where the cursor is, from 0.
    """
    lines = text.split("\n")
    first = next((i for i, one in enumerate(lines) if one.strip()), 0)
    here = lines[line]
    if line > first:
        cell = re.match(r"\s*%%(raydp_\w+)(?:\s+(.*))?\Z", lines[first])
        if cell is not None:
            if cell[1] != "raydp_sql" and not _is_sql(cell[1], cell[2] or ""):
                return None
            before = [*lines[first + 1 : line], here[:column]]
            return "\n".join(before), "\n".join([here[column:], *lines[line + 1 :]])
    match = re.match(r"\s*%(raydp_\w+)\s+(.*)\Z", here[:column])
    if match is None or match[1] not in CELLS:
        return None
    flags, statement = CELLS[match[1]]().leading_flags(match[2])
    begun = statement and not statement.startswith("-")
    if begun and (match[1] == "raydp_sql" or _is_sql(match[1], " ".join(flags))):
        # The spaces at the end tell a word that is typed from one that is complete.
        return statement + match[2][len(match[2].rstrip()) :], here[column:]
    return None


def _is_sql(magic: str, flags: str) -> bool:
    return magic == "raydp_spark" and _SQL_FLAG.search(flags) is not None


class _Alone(list[Any]):
    """Suggestions that are the only ones, even when there are none.

    IPython adds names of Python's to an empty list whatever a matcher says, and in SQL they are
    wrong: it asks for the length.
    """

    def __len__(self) -> int:
        return super().__len__() or 1


def make_matcher(live: Live, names: KnownNames) -> Callable[[Any], Any]:
    """Make a matcher for IPython's completer (its v2 protocol, IPython >= 8.6).

    Parameters
    ----------
    live : Live
        Names of what runs.
    names : KnownNames
        Names that SQL may use.
    """
    from IPython.core.completer import SimpleCompletion, context_matcher

    def complete(context: Any) -> dict[str, Any]:
        sql = sql_around(context.full_text, context.cursor_line, context.cursor_position)
        if sql is not None:
            from raydp_magic.notebook.sql_complete import suggestions

            names.begin()
            typed, offered = suggestions(*sql, names)
            names.forget()
            found = _Alone(SimpleCompletion(text=s.text, type=s.kind) for s in offered)
            return {
                "completions": found,
                "matched_fragment": typed,
                "suppress": True,
                "ordered": True,
            }
        line = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
        words: list[str] = []
        with contextlib.suppress(Exception):  # an ended driver has no jobs to name
            words = candidates(line, live) or []
        return {
            "completions": [SimpleCompletion(text=text, type="magic") for text in words],
            "matched_fragment": re.split(r"\s", line)[-1],
            "suppress": bool(words),
        }

    matcher: Callable[[Any], Any] = context_matcher(identifier="raydp_magic", priority=100)(
        complete
    )
    return matcher
