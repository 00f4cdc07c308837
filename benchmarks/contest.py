"""The contestants of a benchmark, and one measurement in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
import raydp_env

HERE = Path(__file__).parent
OURS, BUNDLED, RAYDP = "raydp_magic", "raydp_magic, bundled Java", "RayDP"
COLD = "raydp_magic, no class archives"


@dataclass(frozen=True)
class Side:
    """One contestant: which library, by which Python, told what."""

    name: str
    library: str
    python: Path
    variables: dict[str, str]


def sides(folder: Path | None, *, bundled_java: bool = False) -> list[Side]:
    """All sides; the class archives and RayDP's environment are made when they are missing."""
    ours = {**raydp_env.plain_variables(), "PYTHONPATH": str(HERE.parent)}
    here = Path(sys.executable)
    with_java = raydp_env.with_java(ours, raydp_env.java_home())
    without = {**with_java, "RAYDP_MAGIC_ARCHIVES": "off"}
    chosen = [Side(OURS, "raydp_magic", here, with_java), Side(COLD, "raydp_magic", here, without)]
    if bundled_java:
        chosen.append(Side(BUNDLED, "raydp_magic", here, raydp_env.without_java(ours)))
    for side in chosen:
        if side.name != COLD:
            prepare(side)
    theirs = raydp_env.ensure(folder)
    return [*chosen, Side(RAYDP, "raydp", theirs, raydp_env.raydp_variables(theirs))]


def prepare(side: Side) -> None:
    """Make the class archives, as `raydp-magic prepare` and the first start on a machine do."""
    command = [side.python, "-m", "raydp_magic.engine.archive_maker"]
    subprocess.run(command, env=side.variables, check=True, cwd=HERE.parent)


def measure(side: Side, script: str, *arguments: str, limit_s: float = 300.0) -> dict:
    """Run one measurement; the script is told the library and where to write its JSON.

    Ends the program, showing the child's last lines, if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        result, log = Path(folder) / "result.json", Path(folder) / "log.txt"
        with log.open("w") as sink:
            child = subprocess.Popen(
                [side.python, HERE / script, side.library, result, *arguments],
                env=side.variables,
                cwd=folder,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = child.wait(limit_s)
            except subprocess.TimeoutExpired:
                code = f"no result in {limit_s:.0f} s"
            finally:
                end_group(child)
        if code != 0 or not result.exists():
            tail = "\n".join(log.read_text().splitlines()[-30:])
            raise SystemExit(f"{side.name} failed ({code}):\n{tail}")
        return json.loads(result.read_text())


def end_group(child: subprocess.Popen) -> None:
    """Leave nothing running for the next measurement to share the machine with."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def machine() -> str:
    """What the numbers were measured on."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, {memory:.0f} GiB"
