"""Flags, help texts and examples of every magic. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from raydp_magic.notebook.act_grammar import (
    CancelParser,
    FitParser,
    RemoveParser,
    RestartParser,
    SizeParser,
)
from raydp_magic.notebook.command_parser import CommandParser, amount, memory, pair, whole
from raydp_magic.notebook.on_spark_grammar import ON_SPARK, OnSparkParser

if TYPE_CHECKING:
    from collections.abc import Iterable


class StartParser(SizeParser):
    """``%raydp_cluster start``."""

    command = "%raydp_cluster start"
    summary = (
        "Start Spark on Ray in this kernel. Joins the Ray of this kernel or the one at --address,\n"
        "else starts a local one. Afterwards `spark` is the session."
    )
    examples = (
        "%raydp_cluster start",
        "%raydp_cluster start --executors 4 --cores 2 --memory 2g",
        "%raydp_cluster start --address auto --conf spark.sql.shuffle.partitions=16",
    )
    elsewhere: ClassVar[dict[str, str]] = {
        "master": "--on-spark --master: Ray on Spark",
        "worker-nodes": "--on-spark --worker-nodes: Ray on Spark",
        "workers": "--executors",
        "num-workers": "--executors",
        "num-executors": "--executors",
        "instances": "--executors",
        "executor-cores": "--cores",
        "cpus": "--cores",
        "executor-memory": "--memory",
    }

    def define(self) -> None:
        """Add the arguments."""
        super().define()
        add = self.add_argument
        add(
            "--memory-overhead",
            type=memory,
            metavar="SIZE",
            help="off-heap memory of each (default 10%%, 384m at least)",
        )
        add(
            "--driver-memory",
            type=memory,
            default="1g",
            metavar="SIZE",
            help="heap of the driver (default 1g)",
        )
        add(
            "--ray-cpus",
            type=amount,
            metavar="N",
            help="Ray CPUs to reserve for each, as 0.5 (default: its cores)",
        )
        add(
            "--placement-strategy",
            choices=("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"),
            help="place the executors by a Ray placement group of this kind",
        )
        add(
            "--address",
            metavar="ADDRESS",
            help="Ray to join: auto or HOST:PORT (default: this kernel's, else RAY_ADDRESS's, "
            "else a new one)",
        )
        add("--name", default="raydp_magic", help="Spark application name")
        add(
            "--conf",
            type=pair,
            action="append",
            metavar="KEY=VALUE",
            help="Spark setting; may be repeated",
        )
        add(
            "--ui-port",
            type=whole(0),
            default=0,
            metavar="PORT",
            help="Spark UI (default: any free)",
        )
        add(
            "--max-restarts",
            type=whole(0),
            default=5,
            metavar="N",
            help="replacements of a dead executor before it is given up (default 5)",
        )
        add(
            "--no-wait",
            dest="wait",
            action="store_false",
            help="return before the executors are there",
        )
        add(
            "--timeout",
            type=amount,
            default=120.0,
            metavar="SECONDS",
            help="give up after (default 120)",
        )
        add(
            ON_SPARK,
            action="store_true",
            help=f"Ray on Spark instead; `%%raydp_cluster start {ON_SPARK} -h` lists its flags",
        )


class StatusParser(CommandParser):
    """``%raydp_cluster status``."""

    command = "%raydp_cluster status"
    summary = "Nodes, executors, jobs and what the bridge holds, as text."
    examples = ("%raydp_cluster status",)


class ScaleParser(CommandParser):
    """``%raydp_cluster scale``."""

    command = "%raydp_cluster scale"
    summary = "Ask for another number of executors; fewer are drained first."
    examples = ("%raydp_cluster scale 4",)

    def define(self) -> None:
        """Add the arguments."""
        self.add_argument("executors", type=whole(1), metavar="N", help="executors wanted")


class StopParser(CommandParser):
    """``%raydp_cluster stop``."""

    command = "%raydp_cluster stop"
    summary = "Stop Spark and give its resources back to Ray. Ray Datasets made from it stay."
    examples = ("%raydp_cluster stop",)


class LogsParser(CommandParser):
    """``%raydp_cluster logs``."""

    command = "%raydp_cluster logs"
    summary = "The last log lines of one executor, of the driver, or of all."
    examples = (
        "%raydp_cluster logs",
        "%raydp_cluster logs 0 -n 200 --stream stdout",
        "%raydp_cluster logs driver",
    )

    def define(self) -> None:
        """Add the arguments."""
        add = self.add_argument
        add(
            "executor",
            nargs="?",
            metavar="EXECUTOR",
            help="an executor's id, also of one that is no more, or driver (default all of now)",
        )
        add(
            "-n",
            "--lines",
            type=whole(1),
            default=50,
            metavar="N",
            help="lines of each (default 50)",
        )
        add(
            "--stream",
            choices=("stdout", "stderr"),
            help="only this one of executors (default both); what Python tasks print is in stderr",
        )


class PanelParser(CommandParser):
    """``%raydp_cluster panel``."""

    command = "%raydp_cluster panel"
    summary = "The live panel: nodes, executors, jobs, memory."
    examples = ("%raydp_cluster panel",)


class _CellParser(CommandParser):
    def define(self) -> None:
        """Add the arguments."""
        add = self.add_argument
        add("-o", "--output", metavar="NAME", help="bind the result to this name")
        add(
            "--to",
            choices=("spark", "ray", "refs", "arrow", "pandas"),
            default="spark",
            help="what the result becomes: a Spark DataFrame (default), a Ray Dataset, Ray object "
            "refs, an Arrow table, a pandas DataFrame",
        )
        add(
            "-n",
            "--maxrows",
            type=whole(0),
            metavar="N",
            help="rows to show (default 20); 0 shows the schema only and runs nothing for it. "
            "With --to: rows to convert (default all)",
        )
        add("-q", "--quiet", action="store_true", help="show nothing")


class SparkCellParser(_CellParser):
    """``%%raydp_spark``."""

    command = "%%raydp_spark"
    summary = (
        "Run the cell's body on Spark. In Python, `spark` is there and the last expression is\n"
        "the cell's value. Afterwards `_spark` is the resulting DataFrame and `_ray` the same as\n"
        "a Ray Dataset, made when it is first used."
    )
    examples = (
        "%%raydp_spark",
        "spark.range(10).selectExpr('id', 'id * id AS square')",
        "",
        "%%raydp_spark -c sql -o trips --to ray",
        "SELECT zone, avg(fare) AS fare FROM rides GROUP BY zone",
    )

    def define(self) -> None:
        """Add the arguments."""
        self.add_argument(
            "-c",
            "--context",
            choices=("python", "sql"),
            default="python",
            help="language (default python)",
        )
        super().define()


class SqlCellParser(_CellParser):
    """``%%raydp_sql``."""

    command = "%%raydp_sql"
    summary = (
        "Run one SQL statement on Spark, on the lines below or behind `%raydp_sql`. Afterwards\n"
        "`_spark` is the resulting DataFrame and `_ray` the same as a Ray Dataset."
    )
    examples = (
        "%%raydp_sql -o trips",
        "SELECT zone, avg(fare) AS fare FROM rides GROUP BY zone",
        "",
        "%raydp_sql SHOW TABLES",
    )


class BridgeListParser(CommandParser):
    """``%raydp_bridge list``."""

    command = "%raydp_bridge list"
    summary = "What the bridge between Spark and Ray holds: name, direction, rows, bytes, blocks."
    examples = ("%raydp_bridge", "%raydp_bridge list")


class BridgeReleaseParser(CommandParser):
    """``%raydp_bridge release``."""

    command = "%raydp_bridge release"
    summary = (
        "Give back one thing that the bridge holds. A DataFrame from Ray can be computed no more;\n"
        "of a result that Ray got, the variables are unbound, and Ray frees its blocks."
    )
    examples = ("%raydp_bridge release trips",)

    def define(self) -> None:
        """Add the arguments."""
        self.add_argument("name", metavar="NAME", help="as `%%raydp_bridge list` shows it")


CLUSTER_COMMANDS: dict[str, type[CommandParser]] = {
    "start": StartParser,
    "status": StatusParser,
    "scale": ScaleParser,
    "restart": RestartParser,
    "remove": RemoveParser,
    "cancel": CancelParser,
    "fit": FitParser,
    "stop": StopParser,
    "logs": LogsParser,
    "panel": PanelParser,
}
BRIDGE_COMMANDS: dict[str, type[CommandParser]] = {
    "list": BridgeListParser,
    "release": BridgeReleaseParser,
}


def cluster_parser(name: str, words: Iterable[str]) -> CommandParser:
    """The parser of a subcommand, given the words behind it."""
    if name == "start" and ON_SPARK in words:
        return OnSparkParser()
    return CLUSTER_COMMANDS[name]()


CELLS: dict[str, type[CommandParser]] = {"raydp_spark": SparkCellParser, "raydp_sql": SqlCellParser}


def group_help(magic: str, commands: dict[str, type[CommandParser]]) -> str:
    """Help of a magic with subcommands: one line each, and an example."""
    width = max(map(len, commands))
    lines = [f"usage: {magic} {{{','.join(commands)}}} ...", ""]
    for name, parser in commands.items():
        lines.append(f"  {name:<{width}}  {parser.summary.split('. ')[0].rstrip('.')}")
    first = next(iter(commands.values()))
    lines += ["", "examples:", *(f"  {line}" for line in first.examples)]
    lines += ["", f"`{magic} SUBCOMMAND -h` shows the flags of one."]
    return "\n".join(lines) + "\n"
