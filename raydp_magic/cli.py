"""``raydp-magic``: say what is installed, what is wrong, and what to do about it."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from raydp_magic.errors import JavaError, RaydpMagicError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKAGES = ("raydp-magic", "ray", "pyspark", "pyarrow", "pandas", "ipykernel", "anywidget")
_LEAST_MEMORY = 4 * 1024**3
"""Ray, the driver and two small executors; less works, and swaps."""


@dataclass(frozen=True)
class Finding:
    """One line of the report; `problem` says what to do when something is wrong."""

    name: str
    value: str
    problem: str | None = None
    fatal: bool = False


def examine() -> list[Finding]:
    """Look at this machine and environment. Starts nothing.

    Returns
    -------
    list of Finding
        In the order in which they are printed.
    """
    found = [Finding("python", ".".join(map(str, sys.version_info[:3])))]
    found += [_package(name) for name in _PACKAGES]
    found += [_java(), _archives(), _cpus(), _memory()]
    return found


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        if name == "raydp-magic":  # run from a checkout
            from raydp_magic import __version__

            return Finding(name, f"{__version__} (not installed as a package)")
        return Finding(name, "missing", f"pip install {name}", fatal=True)


def _java() -> Finding:
    from raydp_magic.engine.java import find_java, supported_for

    try:
        supported = supported_for(version("pyspark"))
    except PackageNotFoundError:
        supported = supported_for("4")
    try:
        java = find_java(supported=supported)
    except JavaError as error:
        return Finding(
            "java", "missing", f"{error.message}. {error.hint or ''}".strip(), fatal=True
        )
    return Finding("java", f"{java.version} from {java.source}: {java.path}")


def _archives() -> Finding:
    from raydp_magic.engine.archive import archive_path, enabled
    from raydp_magic.engine.java import find_java, supported_for
    from raydp_magic.engine.spark_home import find_spark

    name = "class archives"
    if not enabled():
        return Finding(name, "switched off by RAYDP_MAGIC_ARCHIVES")
    try:
        spark = find_spark()
        java = find_java(supported=supported_for(spark.version))
    except RaydpMagicError:
        return Finding(name, "not made: Java or Spark is missing")
    if archive_path(java, spark, "executor").is_file():
        return Finding(name, str(archive_path(java, spark, "executor").parent))
    return Finding(name, "not made yet: the first start makes them, or `raydp-magic prepare` now")


def _cpus() -> Finding:
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    problem = "the default of 2 executors needs 2: use --executors 1" if count < 2 else None
    return Finding("cpus", str(count), problem)


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    text = f"{memory.available / 1024**3:.1f} of {memory.total / 1024**3:.1f} GiB free"
    small = memory.available < _LEAST_MEMORY
    problem = "little is free: use --executors 1 --memory 512m" if small else None
    return Finding("memory", text, problem)


def report(found: Sequence[Finding]) -> str:
    """Write the findings as lines, problems marked."""
    width = max(len(finding.name) for finding in found)
    lines = []
    for finding in found:
        mark = "x" if finding.fatal else "!" if finding.problem else " "
        lines.append(f"{mark} {finding.name:<{width}}  {finding.value}")
        if finding.problem:
            lines.append(f"  {'':<{width}}  -> {finding.problem}")
    fatal = sum(finding.fatal for finding in found)
    lines.append("")
    lines.append(f"{fatal} missing" if fatal else "Ready: %load_ext raydp_magic in a notebook.")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        0, or 1 when something is missing.
    """
    parser = argparse.ArgumentParser(prog="raydp-magic", description="Spark on Ray in a notebook.")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("doctor", help="what is installed, what is wrong, what to do")
    commands.add_parser("prepare", help="make the class archives that let Spark start faster, now")
    options = parser.parse_args(arguments)
    if options.version:
        from raydp_magic import __version__

        print(f"raydp-magic {__version__}")
        return 0
    if options.command == "prepare":
        return _prepare()
    if options.command != "doctor":
        parser.print_help()
        return 2
    found = examine()
    print(report(found))
    return 1 if any(finding.fatal for finding in found) else 0


def _prepare() -> int:
    from raydp_magic.engine.archive_maker import make

    print("Making class archives with a short Spark application: about a minute ...")
    try:
        for path in make():
            print(f"{path}  {path.stat().st_size / 2**20:.0f} MB")
    except RaydpMagicError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
