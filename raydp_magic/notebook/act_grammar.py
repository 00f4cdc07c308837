"""Flags and help texts of what acts on an executor or a job, of `fit`, and shared ones. Pure."""

from __future__ import annotations

from raydp_magic.notebook.command_parser import CommandParser, amount, memory, resource, whole


class ExecutorParser(CommandParser):
    """A subcommand on one executor."""

    def define(self) -> None:
        """Add the arguments."""
        self.add_argument("executor", metavar="EXECUTOR", help="an executor's id")


class RestartParser(ExecutorParser):
    """``%raydp_cluster restart``."""

    command = "%raydp_cluster restart"
    summary = "Replace one executor now. Its cached blocks are lost, its tasks run again."
    examples = ("%raydp_cluster restart 1",)


class RemoveParser(ExecutorParser):
    """``%raydp_cluster remove``."""

    command = "%raydp_cluster remove"
    summary = "Scale down by one, with this executor going. It hands over its blocks first."
    examples = ("%raydp_cluster remove 1",)


class CancelParser(CommandParser):
    """``%raydp_cluster cancel``."""

    command = "%raydp_cluster cancel"
    summary = "Cancel one running Spark job."
    examples = ("%raydp_cluster cancel 4",)

    def define(self) -> None:
        """Add the arguments."""
        self.add_argument("job", type=whole(0), metavar="JOB", help="a job's id")


class SizeParser(CommandParser):
    """A subcommand that takes the size of a cluster."""

    def define(self) -> None:
        """Add the arguments."""
        add = self.add_argument
        add("--executors", type=whole(1), default=2, metavar="N", help="executors (default 2)")
        add("--cores", type=whole(1), default=1, metavar="N", help="cores of each (default 1)")
        add(
            "--memory",
            type=memory,
            default="1g",
            metavar="SIZE",
            help="heap of each, as 512m or 2g (default 1g)",
        )
        add("--gpus", type=amount, default=0.0, metavar="N", help="Ray GPUs of each (default 0)")
        add(
            "--resource",
            type=resource,
            action="append",
            metavar="NAME=AMOUNT",
            help="custom Ray resource of each; may be repeated",
        )


class FitParser(SizeParser):
    """``%raydp_cluster fit``."""

    command = "%raydp_cluster fit"
    summary = "Say whether a cluster of this size would find room now. Starts nothing."
    examples = ("%raydp_cluster fit --executors 4 --cores 2 --memory 2g",)
