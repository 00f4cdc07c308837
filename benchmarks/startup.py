"""Time from a running Ray to the first Spark job's result: raydp_magic beside RayDP.

    python benchmarks/startup.py [--runs 3] [--bundled-java] [--env FOLDER] [--json FILE]

Every measurement is a fresh Python process with a fresh local Ray of 4 CPUs. The sides take
turns in one run, so that a machine which grows slower or faster moves both. Both have 2 executors
of 1 core and 1 GiB, and the same Java 17. raydp_magic is measured with its class archives made
(every start but the first on a machine) and without them. RayDP gets an environment of its own,
made on first use.
Needs Java 17 at JAVA_HOME or on PATH. Nothing is asserted about the time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import sys
from pathlib import Path

from contest import RAYDP, Side, machine, measure, sides


def alternate(chosen: list[Side], runs: int) -> dict[str, list[dict]]:
    """One warm-up each, then round after round in the same order."""
    found: dict[str, list[dict]] = {side.name: [] for side in chosen}
    for turn in range(runs + 1):
        for side in chosen:
            busy = os.getloadavg()[0]
            one = {**measure(side, "first_job.py"), "load_before": busy}
            label = f"run {turn}" if turn else "warm-up"
            took = f"{one['total_s']:6.1f} s (load before: {busy:.1f})"
            print(f"{label:8} {side.name:26} {took}", file=sys.stderr)
            if turn:
                found[side.name].append(one)
    return found


def summarise(found: dict[str, list[dict]]) -> dict[str, dict]:
    """Order statistics of each side, and the two ratios to RayDP (below 1 is faster)."""
    reference = [one["total_s"] for one in found[RAYDP]]
    rows = {}
    for name, measured in found.items():
        total = [one["total_s"] for one in measured]
        pairs = [mine / theirs for mine, theirs in zip(total, reference, strict=True)]
        rows[name] = {
            "min_s": min(total),
            "median_s": statistics.median(total),
            "max_s": max(total),
            "start_median_s": statistics.median(one["start_s"] for one in measured),
            "first_job_median_s": statistics.median(one["first_job_s"] for one in measured),
            "ratio_of_medians": statistics.median(total) / statistics.median(reference),
            "median_of_pair_ratios": statistics.median(pairs),
            "versions": {
                key: measured[-1][key]
                for key in ("python", "java", "ray", "pyspark", "raydp", "ray_auth_mode")
                if measured[-1].get(key)
            },
        }
    return rows


def table(rows: dict[str, dict]) -> str:
    """Markdown, ready for docs/benchmarks.md."""
    heads = ["side", "min", "median", "max", "start", "first job"]
    heads += ["ratio of medians", "median of pair ratios"]
    lines = [f"| {' | '.join(heads)} |", "|---" + "|--:" * (len(heads) - 1) + "|"]
    for name, row in rows.items():
        seconds = ("min_s", "median_s", "max_s", "start_median_s", "first_job_median_s")
        ratios = ("ratio_of_medians", "median_of_pair_ratios")
        cells = [name, *(f"{row[key]:.1f} s" for key in seconds)]
        cells += [f"{row[key]:.2f}" for key in ratios]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="rounds after the warm-up (3)")
    parser.add_argument("--bundled-java", action="store_true", help="also without any Java")
    parser.add_argument("--env", type=Path, help="folder of RayDP's environment, made if needed")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    asked = parser.parse_args()
    if asked.runs < 1:
        parser.error("--runs must be 1 or more")
    found = alternate(sides(asked.env, bundled_java=asked.bundled_java), asked.runs)
    rows = summarise(found)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    print(f"{today}, {machine()}, {asked.runs} rounds after a warm-up\n\n{table(rows)}\n")
    for name, row in rows.items():
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in row["versions"].items()))
    if asked.json:
        report = {"date": today, "machine": machine(), "summary": rows, "measurements": found}
        asked.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
