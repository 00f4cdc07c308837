"""Command lines of the magics, read into frozen commands. Pure: no IPython, no Spark.

The parsers of :mod:`raydp_magic.notebook.grammar` are the single source of what is accepted,
of the help texts and of tab completion.
"""

from __future__ import annotations

import keyword
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from raydp_magic.errors import UsageError
from raydp_magic.notebook.command_parser import nearest
from raydp_magic.notebook.grammar import (
    BRIDGE_COMMANDS,
    CELLS,
    CLUSTER_COMMANDS,
    cluster_parser,
    group_help,
)

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from raydp_magic.notebook.command_parser import CommandParser


@dataclass(frozen=True)
class Help:
    """Show a help text."""

    text: str


@dataclass(frozen=True)
class Start:
    """Start a cluster; amounts of memory are still text, :mod:`raydp_magic.spec` reads them."""

    executors: int = 2
    cores: int = 1
    memory: str = "1g"
    memory_overhead: str | None = None
    driver_memory: str = "1g"
    gpus: float = 0.0
    resources: tuple[tuple[str, float], ...] = ()
    address: str | None = None
    name: str = "raydp_magic"
    conf: tuple[tuple[str, str], ...] = ()
    ui_port: int = 0
    max_restarts: int = 5
    ray_cpus: float | None = None
    placement_strategy: str | None = None
    wait: bool = True
    timeout: float = 120.0

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of :func:`raydp_magic.start`."""
        return {
            **vars(self),
            "resources": dict(self.resources),
            "conf": dict(self.conf),
        }


@dataclass(frozen=True)
class StartOnSpark:
    """Start Ray on Spark; amounts of memory are still text."""

    master: str | None = None
    worker_nodes: int | None = None
    min_worker_nodes: int | None = None
    max_worker_nodes: int | None = None
    cpus_per_node: int = 1
    gpus_per_node: int = 0
    memory_per_node: str | None = None
    store_per_node: str | None = None
    head_cpus: int = 0
    idle_timeout_minutes: float = 1.0
    driver_memory: str = "1g"
    name: str = "raydp_magic"
    conf: tuple[tuple[str, str], ...] = ()
    ui_port: int = 0
    collect_log_to_path: str | None = None
    timeout: float = 180.0

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of :func:`raydp_magic.start_ray_on_spark`."""
        return {**vars(self), "conf": dict(self.conf)}


@dataclass(frozen=True)
class Status:
    """Say how the cluster is."""


@dataclass(frozen=True)
class Scale:
    """Ask for another number of executors."""

    executors: int


@dataclass(frozen=True)
class Restart:
    """Replace one executor."""

    executor: str


@dataclass(frozen=True)
class Remove:
    """Scale down by one, with this executor going."""

    executor: str


@dataclass(frozen=True)
class Cancel:
    """Cancel a job."""

    job: int


@dataclass(frozen=True)
class Fit:
    """Say whether a request would find room."""

    executors: int = 2
    cores: int = 1
    memory: str = "1g"
    gpus: float = 0.0
    resources: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Stop:
    """Stop the cluster."""


@dataclass(frozen=True)
class Logs:
    """Show the last log lines of one executor, the driver, or all."""

    executor: str | None = None
    lines: int = 50
    stream: Literal["stdout", "stderr"] | None = None


@dataclass(frozen=True)
class Panel:
    """Show the live panel."""


@dataclass(frozen=True)
class Cell:
    """Run a body.

    ``maxrows`` None means the configured default; ``first_line`` is the line of the cell that the
    body begins in, None for a line magic.
    """

    body: str
    context: str = "python"
    output: str | None = None
    maxrows: int | None = None
    quiet: bool = False
    to: str = "spark"
    first_line: int | None = 2


@dataclass(frozen=True)
class BridgeList:
    """List what the bridge holds."""


@dataclass(frozen=True)
class BridgeRelease:
    """Give one thing back."""

    name: str


Act = Restart | Remove | Cancel | Fit
ClusterCommand = Help | Start | StartOnSpark | Status | Scale | Act | Stop | Logs | Panel
BridgeCommand = Help | BridgeList | BridgeRelease


def parse_cluster(line: str) -> ClusterCommand:
    """Read a line of ``%raydp_cluster``.

    Raises
    ------
    UsageError
        One line that names the wrong word, and a hint.
    """
    name, words = _subcommand(line, "%raydp_cluster", CLUSTER_COMMANDS)
    if name is None:
        return Help(group_help("%raydp_cluster", CLUSTER_COMMANDS))
    parser = cluster_parser(name, words)
    options = parser.read(words)
    if options is None:
        return Help(parser.format_help())
    return _cluster_command(name, options)


def _cluster_command(name: str, options: Namespace) -> ClusterCommand:
    if name == "start":
        return _start(options)
    if name == "scale":
        return Scale(options.executors)
    if name == "fit":
        given = vars(options)
        return Fit(resources=_unique(given.pop("resource"), "--resource"), **given)
    of_words: dict[str, Callable[..., ClusterCommand]] = {
        "restart": Restart,
        "remove": Remove,
        "cancel": Cancel,
    }
    if name in of_words:
        return of_words[name](**vars(options))
    if name == "logs":
        return Logs(options.executor, options.lines, options.stream)
    simple: dict[str, ClusterCommand] = {"status": Status(), "stop": Stop(), "panel": Panel()}
    return simple[name]


def _start(options: Namespace) -> Start | StartOnSpark:
    given = vars(options)
    if given.pop("on_spark"):
        given["conf"] = _unique(given["conf"], "--conf")
        return StartOnSpark(**given)
    given["resources"] = _unique(given.pop("resource"), "--resource")
    given["conf"] = _unique(given["conf"], "--conf")
    return Start(**given)


def _unique(pairs: list[tuple[str, Any]] | None, flag: str) -> tuple[tuple[str, Any], ...]:
    """Repeated ``KEY=VALUE`` flags; the same key twice is a slip, not a preference."""
    names = [name for name, _ in pairs or ()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{flag} {twice[0]} is given twice", hint="keep one of them.")
    return tuple(pairs or ())


def parse_bridge(line: str) -> BridgeCommand:
    """Read a line of ``%raydp_bridge``; a bare one lists.

    Raises
    ------
    UsageError
        One line that names the wrong word, and a hint.
    """
    name, words = _subcommand(line or "list", "%raydp_bridge", BRIDGE_COMMANDS)
    if name is None:
        return Help(group_help("%raydp_bridge", BRIDGE_COMMANDS))
    parser = BRIDGE_COMMANDS[name]()
    options = parser.read(words)
    if options is None:
        return Help(parser.format_help())
    return BridgeRelease(options.name) if name == "release" else BridgeList()


def _subcommand(
    line: str, magic: str, commands: dict[str, type[CommandParser]]
) -> tuple[str | None, list[str]]:
    """Split a line into a known subcommand and its words; None asks for the group's help."""
    words = _split(line, magic)
    if not words or words[0] in ("-h", "--help", "help"):
        return None, []
    if words[0] in commands:
        return words[0], words[1:]
    what = "begins with a subcommand, not" if words[0].startswith("-") else "has no subcommand"
    guess = nearest(words[0], commands)
    raise UsageError(
        f"{magic} {what} {words[0]!r}",
        hint=f"did you mean `{magic} {guess}`?" if guess else f"use one of {', '.join(commands)}.",
    )


def _split(line: str, magic: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        raise UsageError(
            f"{magic}: a quotation mark is not closed in {line.strip()!r}",
            hint="close it, or put a backslash before it.",
        ) from None


def parse_cell(magic: str, line: str, body: str | None) -> Cell | Help:
    """Read the first line of ``%%raydp_spark`` or ``%%raydp_sql`` and take its body.

    Parameters
    ----------
    magic : {"raydp_spark", "raydp_sql"}
        Which of the two.
    line : str
        What follows the magic's name on its line.
    body : str or None
        The lines below. None when it is used as a line magic: what follows the flags is then
        the body (``%raydp_sql SELECT 1``), taken as written, quotes included.

    Raises
    ------
    UsageError
        One line that names the wrong word, and a hint.
    """
    parser = CELLS[magic]()
    percent = "%" if body is None else "%%"
    parser.command = parser.prog = percent + magic
    if body is None:
        flags, body = parser.leading_flags(line)
        words = flags
    else:
        words = _split(line, parser.command)
    options = parser.read(words)
    if options is None:
        return Help(parser.format_help())
    context = getattr(options, "context", "sql")
    if options.output is not None:
        _check_identifier(options.output)
    if not body.strip():
        example = "SELECT 1" if context == "sql" else "spark.range(3)"
        where = "on the lines below it" if percent == "%%" else "behind it"
        what = "a statement" if context == "sql" else "Python"
        raise UsageError(
            f"{parser.command} has nothing to run",
            hint=f"write {what} {where}, such as `{example}`.",
        )
    return Cell(
        body=body,
        first_line=None if percent == "%" else 2,
        context=context,
        output=options.output,
        maxrows=options.maxrows,
        quiet=options.quiet,
        to=options.to,
    )


def _check_identifier(name: str) -> None:
    if name == "spark":
        raise UsageError(
            "--output spark would take the session's name",
            hint="use another name, such as `-o trips`.",
        )
    if not name.isidentifier() or keyword.iskeyword(name):
        why = "a Python keyword" if keyword.iskeyword(name) else "not a Python name"
        raise UsageError(
            f"--output {name!r} is {why}", hint="use letters, digits and _, such as `-o trips`."
        )
