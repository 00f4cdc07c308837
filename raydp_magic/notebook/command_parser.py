"""A parser for one magic's line. Pure.

argparse is made safe for a kernel: it never exits, never prints, guesses no abbreviation, and
every complaint is a :class:`~raydp_magic.errors.UsageError` of one line and a hint.
"""

from __future__ import annotations

import argparse
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from raydp_magic.errors import UsageError
from raydp_magic.spec import parse_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like a mistyped one, or None."""
    from difflib import get_close_matches  # only on a mistake

    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


class _HelpAskedError(Exception):
    """``-h`` was on the line."""


class _AskHelp(argparse.Action):
    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise _HelpAskedError


class CommandParser(argparse.ArgumentParser):
    """One magic or subcommand: its flags, its help, and what may be completed.

    Attributes
    ----------
    command : str
        How a person types it, such as ``"%raydp_cluster start"``.
    summary : str
        One sentence.
    examples : tuple of str
        Lines for the end of the help.
    elsewhere : dict of str to str
        What other tools call a flag -> ours, for suggestions.
    flags : dict of str to argparse.Action
        Every option string.
    operands : list of argparse.Action
        Positional arguments.
    """

    command: str
    summary: ClassVar[str]
    examples: ClassVar[tuple[str, ...]] = ()
    elsewhere: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        self.flags: dict[str, argparse.Action] = {}
        self.operands: list[argparse.Action] = []
        self.color = False  # Python 3.14 would put colour codes into the help
        super().__init__(
            prog=self.command,
            description=self.summary,
            epilog="\n".join(["examples:", *(f"  {line}".rstrip() for line in self.examples)]),
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(
                prog, max_help_position=30, width=96
            ),
            add_help=False,
            allow_abbrev=False,
            exit_on_error=False,
        )
        self.color = False
        self.define()
        self.add_argument(
            "-h",
            "--help",
            action=_AskHelp,
            nargs=0,
            default=argparse.SUPPRESS,
            help="show this help",
        )

    def define(self) -> None:
        """Add the arguments."""

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """Add one, and remember it for completion and suggestions."""
        action = super().add_argument(*names, **options)
        if action.option_strings:
            self.flags.update(dict.fromkeys(action.option_strings, action))
        else:
            self.operands.append(action)
        return action

    def read(self, words: Sequence[str]) -> argparse.Namespace | None:
        """Parse; None when help is asked for.

        Raises
        ------
        UsageError
            Naming the first wrong word.
        """
        try:
            options, extra = self.parse_known_args(list(words))
        except _HelpAskedError:
            return None
        except argparse.ArgumentError as error:
            raise self._wrong(f"{_shown(error.argument_name)}: {error.message}") from None
        if extra:
            self._refuse(extra[0])
        return options

    def error(self, message: str) -> NoReturn:
        """Report what argparse still finds by itself: a missing operand."""
        raise self._wrong(message.replace("the following arguments are required:", "missing"))

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Never leave the kernel."""
        raise self._wrong(message or f"ended with {status}")

    def _wrong(self, message: str) -> UsageError:
        return UsageError(
            f"{self.command}: {message}", hint=f"`{self.command} -h` shows how it is used."
        )

    def _refuse(self, word: str) -> NoReturn:
        flag = word.split("=", maxsplit=1)[0]
        if not flag.startswith("-"):
            raise self._wrong(f"{word!r} is one word too many")
        guess = self.elsewhere.get(flag.lstrip("-")) or nearest(flag, self.flags)
        raise UsageError(
            f"{self.command} has no flag {flag}",
            hint=f"did you mean {guess}?" if guess else f"`{self.command} -h` lists its flags.",
        )

    def leading_flags(self, line: str) -> tuple[list[str], str]:
        """Split a line into the flags at its start and the text behind them, left as written."""
        words: list[str] = []
        rest = line.strip()
        while match := re.match(r"(-\w|--\w[\w-]*)(=\S+)?(?:\s+|$)", rest):
            words.append(match[0].strip())
            rest = rest[match.end() :]
            action = self.flags.get(match[1])
            takes_value = action is not None and action.nargs != 0 and match[2] is None
            if takes_value and (value := re.match(r"\S+\s*", rest)):
                words.append(value[0].strip())
                rest = rest[value.end() :]
        return words, rest


def _shown(argument_name: str | None) -> str:
    """``-n/--maxrows`` -> ``--maxrows``: the long form is the clear one."""
    return (argument_name or "").split("/")[-1]


@contextmanager
def named_by_flags(command: object) -> Iterator[None]:
    """Let a complaint about an argument of a Python function call it as the magic's flag.

    Parameters
    ----------
    command : dataclass
        Its fields are the arguments, and the flags.
    """
    try:
        yield
    except UsageError as error:
        error.message = in_flags(error.message, vars(command))
        error.hint = error.hint and in_flags(error.hint, vars(command))
        raise


def in_flags(text: str, arguments: Iterable[str]) -> str:
    """Spell arguments as flags: ``"memory='10m' is less"`` -> ``"--memory 10m is less"``."""

    def spelled(found: re.Match[str]) -> str:
        name, equals, value = found.groups()
        if not equals and "_" not in name:
            return name  # a word of the sentence
        value = (value or "").strip("'")
        return f"--{name.replace('_', '-')} {value}".rstrip()

    names = "|".join(arguments)
    return re.sub(rf"\b({names})\b(?:(=)('[^']*'|-?[\w.]*\w)?)?", spelled, text)


def whole(least: int) -> Callable[[str], int]:
    """Make a reader of whole numbers from `least` on."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(
                f"a whole number of at least {least} is needed, not {text!r}"
            )
        return number

    return read


def memory(text: str) -> str:
    """Read an amount of memory with its unit; :mod:`raydp_magic.spec` says what is enough."""
    try:
        parse_memory(text, least=0)
    except UsageError:
        raise argparse.ArgumentTypeError(
            f"an amount such as 512m, 1g or 1.5g is needed, not {text!r}"
        ) from None
    return text


def amount(text: str) -> float:
    """Read a number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise argparse.ArgumentTypeError(f"a number of at least 0 is needed, not {text!r}")
    return number


def pair(text: str) -> tuple[str, str]:
    """Read ``KEY=VALUE``."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"KEY=VALUE is needed, not {text!r}")
    return key.strip(), value


def resource(text: str) -> tuple[str, float]:
    """Read ``NAME=AMOUNT``."""
    key, value = pair(text)
    return key, amount(value)
