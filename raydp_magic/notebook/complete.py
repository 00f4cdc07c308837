"""Tab completion of subcommands, flags and their values, from the parsers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raydp_magic.notebook.act_grammar import ExecutorParser
from raydp_magic.notebook.grammar import (
    BRIDGE_COMMANDS,
    CELLS,
    CLUSTER_COMMANDS,
    LogsParser,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from raydp_magic.notebook.command_parser import CommandParser

_GROUPS = {"raydp_cluster": CLUSTER_COMMANDS, "raydp_bridge": BRIDGE_COMMANDS}
_MAGIC = re.compile(r"\s*%{1,2}(raydp_\w+)[ \t]+(.*)\Z", re.DOTALL)


def candidates(text: str, executor_ids: Callable[[], Iterable[str]] = tuple) -> list[str] | None:
    """What may stand at the cursor.

    Parameters
    ----------
    text : str
        The cursor's line, up to the cursor.
    executor_ids : callable
        Gives the ids of the running cluster's executors; asked only where one is named.

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
        parser, words = commands[words[0]](), words[1:]
    elif name in CELLS:
        parser = CELLS[name]()
    else:
        return None
    return _arguments(parser, words, word, executor_ids)


def _arguments(
    parser: CommandParser, words: list[str], word: str, executor_ids: Callable[[], Iterable[str]]
) -> list[str] | None:
    before = parser.flags.get(words[-1]) if words else None
    if before is not None and before.nargs != 0:
        return _beginning(word, before.choices or ())
    if word.startswith("-"):
        given = {id(parser.flags[w]) for w in words if w in parser.flags}
        repeated = {"--resource", "--conf"}
        left = (f for f, a in parser.flags.items() if f in repeated or id(a) not in given)
        return _beginning(word, left)
    if isinstance(parser, LogsParser):
        return _beginning(word, [*executor_ids(), "driver"])
    if isinstance(parser, ExecutorParser):
        return _beginning(word, executor_ids())
    return _beginning(word, parser.flags) if not word and not parser.operands else None


def _beginning(word: str, known: Iterable[str]) -> list[str]:
    # `-n` and `--maxrows` are one flag: only the long one is offered until a single dash is typed.
    found = [k for k in known if k.startswith(word) and (word or not re.fullmatch(r"-\w", k))]
    return sorted(found, key=lambda k: (k.startswith("-"), k.lstrip("-")))


def make_matcher(executor_ids: Callable[[], Iterable[str]]) -> Callable[[Any], Any]:
    """Make a matcher for IPython's completer (its v2 protocol, IPython >= 8.6)."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    def complete(context: Any) -> dict[str, Any]:
        line = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
        found = candidates(line, executor_ids) or []
        return {
            "completions": [SimpleCompletion(text=text, type="magic") for text in found],
            "matched_fragment": re.split(r"\s", line)[-1],
            "suppress": bool(found),
        }

    matcher: Callable[[Any], Any] = context_matcher(identifier="raydp_magic", priority=100)(
        complete
    )
    return matcher
