"""RayDP's own environment for the benchmarks that compare with it.

RayDP needs another Spark than raydp_magic is tested on, a Java 17 with modules opened by hand,
and the same Ray as the side it is compared with. `ensure` makes a virtual environment with
these, once, and `variables` gives what its processes need to be told.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import platformdirs

RAYDP = "1.7.0b20260911.dev0"
SPARK = "4.2.1"
JAVA = 17

# With Java 17 and this Ray, RayDP crashes unless these are open to it.
OPENED_PACKAGES = (
    "java.lang",
    "java.util",
    "java.nio",
    "java.lang.invoke",
    "java.net",
    "sun.nio.ch",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.io",
    "java.lang.reflect",
    "java.math",
    "java.time",
    "java.text",
    "sun.util.calendar",
)

# What a person's shell may hold and what would make the two sides unlike.
FOREIGN_VARIABLES = (
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "PYSPARK_DRIVER_PYTHON",
    "PYSPARK_PYTHON",
    "PYSPARK_SUBMIT_ARGS",
    "PYTHONPATH",
    "RAY_ADDRESS",
    "SPARK_CONF_DIR",
    "SPARK_HOME",
)


def requirements() -> list[str]:
    """What is installed: RayDP, its Spark, and the Ray of the running environment."""
    return [
        f"raydp=={RAYDP}",
        f"pyspark=={SPARK}",
        f"ray[default,data]=={version('ray')}",
        f"pyarrow=={version('pyarrow')}",
        "pandas>=2.2,<3",
    ]


def default_folder() -> Path:
    return Path(platformdirs.user_cache_dir("raydp_magic")) / "bench-raydp"


def ensure(folder: Path | None = None) -> Path:
    """Make the environment unless it is there already, and return its Python.

    It is made again when the requirements changed, for example after an upgrade of Ray.
    """
    folder = folder or default_folder()
    python = folder / "bin" / "python"
    ours = f"python {sys.version_info.major}.{sys.version_info.minor}"
    wanted = "\n".join([ours, *requirements()])
    done = folder / "raydp-benchmark.txt"
    if done.exists() and done.read_text() == wanted:
        return python
    print(f"making RayDP's environment in {folder} (once, some minutes)", file=sys.stderr)
    done.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements()], check=True)
    done.write_text(wanted)
    return python


def java_home(wanted: int = JAVA) -> Path:
    """Home of the Java of that version at JAVA_HOME, else on PATH; ends the program without it."""
    candidates = [shutil.which("java")]
    if home := os.environ.get("JAVA_HOME"):
        candidates.insert(0, str(Path(home) / "bin" / "java"))
    for java in filter(None, candidates):
        asked = [java, "-XshowSettings:properties", "-version"]
        try:
            said = subprocess.run(asked, capture_output=True, text=True, check=True).stderr
        except (OSError, subprocess.CalledProcessError):
            continue
        found = dict(re.findall(r"^\s*(java\.\S+) = (.*)$", said, re.MULTILINE))
        if found.get("java.specification.version") == str(wanted):
            return Path(found["java.home"])
    raise SystemExit(f"RayDP needs Java {wanted}: set JAVA_HOME to one, or put it first on PATH.")


def plain_variables() -> dict[str, str]:
    """The person's environment without settings of another Spark, Java or Ray."""
    return {name: value for name, value in os.environ.items() if name not in FOREIGN_VARIABLES}


def with_java(variables: dict[str, str], home: Path) -> dict[str, str]:
    path = os.pathsep.join([str(home / "bin"), variables.get("PATH", "")])
    return {**variables, "JAVA_HOME": str(home), "PATH": path}


def without_java(variables: dict[str, str]) -> dict[str, str]:
    """As on a machine with no Java: no JAVA_HOME, and no folder on PATH that holds a java.

    A folder such as /usr/bin holds much more than java, so it is replaced by nothing: the
    benchmark's children are started by their full path and need no command from PATH.
    """
    folders = variables.get("PATH", "").split(os.pathsep)
    kept = [folder for folder in folders if folder and not (Path(folder) / "java").exists()]
    bare = {name: value for name, value in variables.items() if name != "JAVA_HOME"}
    return {**bare, "PATH": os.pathsep.join(kept)}


def raydp_variables(python: Path) -> dict[str, str]:
    """What a process of RayDP's environment must find in its own environment."""
    opened = " ".join(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENED_PACKAGES)
    return {
        **with_java(plain_variables(), java_home()),
        "JAVA_TOOL_OPTIONS": opened,
        "PYSPARK_PYTHON": str(python),
        # Where RayDP looks for `ray` and Spark for `python3`.
        "PATH": os.pathsep.join([str(python.parent), str(java_home() / "bin"), os.environ["PATH"]]),
    }
