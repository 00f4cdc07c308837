"""Flags and help text of ``%raydp_cluster start --on-spark``. Pure."""

from __future__ import annotations

from typing import ClassVar

from raydp_magic.notebook.command_parser import CommandParser, amount, memory, pair, whole

ON_SPARK = "--on-spark"


class OnSparkParser(CommandParser):
    """``%raydp_cluster start --on-spark``."""

    command = f"%raydp_cluster start {ON_SPARK}"
    summary = (
        "Start Ray on Spark: its nodes are tasks of the SparkSession of this kernel, or of one\n"
        "that is started at --master. Afterwards `ray.init()`, or Ray's first use, connects."
    )
    examples = (
        "%raydp_cluster start --on-spark",
        "%raydp_cluster start --on-spark --master spark://host:7077 --worker-nodes 4",
        "%raydp_cluster start --on-spark --min-worker-nodes 1 --max-worker-nodes 8",
    )
    elsewhere: ClassVar[dict[str, str]] = {
        "executors": "--worker-nodes",
        "workers": "--worker-nodes",
        "nodes": "--worker-nodes",
        "cores": "--cpus-per-node",
        "memory": "--memory-per-node",
        "gpus": "--gpus-per-node",
        "address": "--master",
    }

    def define(self) -> None:
        """Add the arguments."""
        add = self.add_argument
        add(ON_SPARK, action="store_true", help="this kind of start")
        add(
            "--master",
            metavar="MASTER",
            help="spark://HOST:PORT, yarn or local[N] (default: the session of this kernel, "
            "else local[*])",
        )
        add(
            "--worker-nodes",
            "--num-worker-nodes",
            type=whole(1),
            metavar="N",
            help="Ray nodes beside the head (default 1)",
        )
        add(
            "--min-worker-nodes",
            type=whole(0),
            metavar="N",
            help="with --max-worker-nodes: the number follows the load",
        )
        add("--max-worker-nodes", type=whole(1), metavar="N", help="the most of them")
        add(
            "--cpus-per-node",
            type=whole(1),
            default=1,
            metavar="N",
            help="CPUs of each, taken from Spark (default 1)",
        )
        add(
            "--gpus-per-node",
            type=whole(0),
            default=0,
            metavar="N",
            help="GPUs of each (default 0)",
        )
        add(
            "--memory-per-node",
            type=memory,
            metavar="SIZE",
            help="memory for Ray tasks of each (default: a share of its machine)",
        )
        add(
            "--store-per-node",
            type=memory,
            metavar="SIZE",
            help="object store of each (default: a share of its machine)",
        )
        add(
            "--head-cpus",
            type=whole(0),
            default=0,
            metavar="N",
            help="CPUs of the head that Ray tasks may use (default 0)",
        )
        add(
            "--idle-minutes",
            "--idle-timeout-minutes",
            dest="idle_timeout_minutes",
            type=amount,
            default=1.0,
            metavar="N",
            help="an idle node above the least number goes after (default 1)",
        )
        add(
            "--driver-memory",
            type=memory,
            default="1g",
            metavar="SIZE",
            help="heap of a driver that is started (default 1g)",
        )
        add("--name", default="raydp_magic", help="Spark application name")
        add(
            "--conf",
            type=pair,
            action="append",
            metavar="KEY=VALUE",
            help="Spark setting of a session that is started; may be repeated",
        )
        add(
            "--ui-port",
            type=whole(0),
            default=0,
            metavar="PORT",
            help="its Spark UI (default: any free)",
        )
        add(
            "--collect-logs",
            "--collect-log-to-path",
            dest="collect_log_to_path",
            metavar="FOLDER",
            help="copy Ray's logs there at the end",
        )
        add(
            "--timeout",
            type=amount,
            default=180.0,
            metavar="SECONDS",
            help="give up after (default 180)",
        )
