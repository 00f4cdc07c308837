"""Time of `%load_ext raydp_magic`, and which modules it goes to.

    python benchmarks/load_ext.py [--runs 15] [--top 15]

Each measurement is a fresh process that has what any notebook kernel has before its first cell,
ipykernel and an InteractiveShell, and nothing else. The list of modules is from one more process
under `-X importtime`, whose bookkeeping makes every import slower: read it as shares.
Figure to reach: median under 150 ms. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path

import raydp_env

HERE = Path(__file__).parent
WATCHED = ("ray", "pyspark", "pandas", "pyarrow")
MARK = "raydp_magic load_ext begins"

# The kernel's own imports come first, and the shell with no files of the user's.
CHILD = f"""
import sys, time
import ipykernel.ipkernel, ipykernel.kernelapp, ipykernel.zmqshell
from ipykernel.zmqshell import ZMQInteractiveShell
shell = ZMQInteractiveShell.instance()
print({MARK!r}, file=sys.stderr, flush=True)
before = time.perf_counter()
said = shell.run_line_magic("load_ext", "raydp_magic")
took = time.perf_counter() - before
assert said is None and "raydp_cluster" in shell.magics_manager.magics["line"], said
heavy = [name for name in {WATCHED!r} if name in sys.modules]
print(took * 1000, *heavy)
"""


def child(*flags: str) -> subprocess.CompletedProcess[str]:
    variables = {**raydp_env.plain_variables(), "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, *flags, "-c", CHILD]
    done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    if done.returncode:
        raise SystemExit(f"loading failed:\n{done.stderr[-2000:]}")
    return done


def imported() -> list[tuple[float, float, str]]:
    """(own ms, with what it imports ms, module), in the order they finished."""
    said = child("-X", "importtime").stderr.split(MARK, 1)[1]
    lines = re.findall(r"^import time:\s+(\d+) \|\s+(\d+) \|( *)(\S+)$", said, re.MULTILINE)
    return [(int(own) / 1000, int(total) / 1000, name) for own, total, _, name in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--top", type=int, default=15, help="how many modules to list")
    asked = parser.parse_args()
    child()  # warm-up: writes the byte code, fills the page cache
    took, heavy = [], set()
    for _ in range(asked.runs):
        ms, *names = child().stdout.splitlines()[-1].split()
        took.append(float(ms))
        heavy.update(names)
    print(f"%load_ext raydp_magic, {asked.runs} fresh processes")
    middle = statistics.median(took)
    print(f"min {min(took):.0f} ms, median {middle:.0f} ms, max {max(took):.0f} ms")
    print(f"heavy libraries imported: {', '.join(sorted(heavy)) or 'none'}\n")
    modules = imported()
    print(f"{len(modules)} modules imported; the {asked.top} that cost most by themselves:")
    print(f"{'own ms':>8} {'all ms':>8}  module")
    for own, total, name in sorted(modules, reverse=True)[: asked.top]:
        print(f"{own:8.1f} {total:8.1f}  {name}")


if __name__ == "__main__":
    main()
