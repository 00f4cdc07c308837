"""Class archives: files that let a JVM start in about half the time.

One for the driver and one for executors, for each pair of a Java and a Spark build, in the user's
cache folder. They are made once, by a short Spark application of their own, and never required.
`raydp-magic prepare` makes them at once; `start` has them made in the background, at a low
priority; that takes two JVMs of 1 GiB for about a minute, once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from raydp_magic.engine.launch import Archive, Role
from raydp_magic.engine.runtime_dir import lifeline

if TYPE_CHECKING:
    from raydp_magic.engine.java import JavaHome
    from raydp_magic.engine.launch import SparkHome

SWITCH = "RAYDP_MAGIC_ARCHIVES"
"""Environment variable: ``off`` neither makes nor uses archives."""


def archive_path(java: JavaHome, spark: SparkHome, role: Role) -> Path:
    """Where the archive of this pair of Java and Spark builds lives."""
    release = Path(java.path) / "release"
    build = release.read_text(errors="replace") if release.is_file() else str(java.version)
    jars = Path(spark.path) / "jars"
    installed = jars.stat().st_mtime_ns if jars.is_dir() else 0  # a JVM refuses other jars' archive
    place, state = f"{java.path}\n{spark.path}", f"{build}\n{spark.version}\n{installed}"
    # Two keys: an older state of the same place can be removed, another place is somebody else's.
    key = "-".join(hashlib.sha256(text.encode()).hexdigest()[:12] for text in (place, state))
    name = f"{role}-java{java.version}-spark{spark.version}-{key}"
    return Path(platformdirs.user_cache_dir("raydp_magic")) / "class-archives" / name


def enabled() -> bool:
    """Whether archives are used at all."""
    return os.environ.get(SWITCH, "").lower() not in ("off", "0", "false")


def find_archive(java: JavaHome, spark: SparkHome, role: Role) -> Archive | None:
    """The archive when it has been made, else None."""
    path = archive_path(java, spark, role)
    return Archive(str(path)) if enabled() and path.is_file() else None


def make_in_background(java: JavaHome, spark: SparkHome) -> subprocess.Popen[bytes] | None:
    """Have missing archives made by a process of low priority.

    It ends when its standard input does: with this process, or when the cluster closes it.
    """
    if not enabled() or archive_path(java, spark, "executor").is_file():
        return None
    with contextlib.suppress(OSError):  # never a reason for a start to fail
        maker = subprocess.Popen(
            [sys.executable, "-m", "raydp_magic.engine.archive_maker", "--background"],
            stdin=subprocess.PIPE,
            bufsize=0,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        lifeline(maker)
        return maker
    return None
