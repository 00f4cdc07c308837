"""Spark to Ray and back: raydp_magic beside RayDP, a Parquet round trip and the floor.

    python benchmarks/bridge.py [--runs 5] [--rows 10000000] [--cases mixed,strings,...]
                                [--sizes] [--env FOLDER] [--json FILE] [--plot FILE.svg]

Each side is a fresh process with a fresh Ray of 4 CPUs and 2 executors of 1 core and 4 GiB (with 2
RayDP runs out of heap); both convert the same cached table, the median of RUNS after a warm-up
counts. The floor is the same `mapInArrow` into a function that drops every row, in turns with the
conversion: what Spark itself needs to give rows to Python.
`--sizes` adds the cost for each GB from 0.1 to 4 GB. Nothing is asserted about the time.
Needs Java 17 at JAVA_HOME or on PATH; RayDP's own environment is made on first use.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from contest import OURS, RAYDP, machine, measure, sides

LIMIT_S = 1800.0
BYTES_A_ROW = 43
"""Of the mixed table, in Arrow."""
SIZES_GB = (0.1, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Case:
    """One table."""

    name: str
    table: str
    rows: int
    partitions: int


def cases(rows: int, wanted: list[str]) -> list[Case]:
    known = {
        "mixed": Case("mixed", "mixed", rows, 4),
        "strings": Case("strings", "strings", rows // 4, 4),
        "nested": Case("nested", "nested", rows // 4, 4),
        "wide": Case("wide", "wide", rows // 40, 4),
        "many": Case("1,000 partitions of 1 MB", "mixed", 1_000_000_000 // BYTES_A_ROW, 1000),
    }
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"no case {unknown[0]!r}; there are {', '.join(known)}")
    return [known[name] for name in wanted]


def run(case: Case, runs: int, contestants, *, parquet_runs: int = 2) -> dict[str, dict]:
    numbers = case.rows, case.partitions, runs, min(runs, parquet_runs)
    arguments = [case.table, *map(str, numbers)]
    found = {}
    for side in contestants:
        found[side.name] = measure(side, "bridge_side.py", *arguments, limit_s=LIMIT_S)
        took = ", ".join(
            f"{key[:-2]} {median(value) if isinstance(value, list) else value:.2f} s"
            for key, value in found[side.name].items()
            if key.endswith("_s")
        )
        print(f"{case.name:26} {side.name:12} {took}", file=sys.stderr)
    return found


def table(results: dict[str, dict[str, dict]]) -> str:
    heads = ["table", "MB", "floor", "to Ray", "x floor", "RayDP to Ray", "RayDP / ours"]
    heads += ["Parquet to Ray", "to Spark", "RayDP to Spark", "RayDP / ours"]
    heads += ["first", "first / RayDP's", "peak memory"]
    lines = [f"| {' | '.join(heads)} |", "|---" + "|--:" * (len(heads) - 1) + "|"]
    for name, found in results.items():
        ours, theirs = found[OURS], found.get(RAYDP)
        out, back, floor = (median(ours[k]) for k in ("to_ray_s", "to_spark_s", "floor_s"))
        their_out = median(theirs["to_ray_s"]) if theirs else None
        their_back = median(theirs["to_spark_s"]) if theirs else None
        cells = [name, f"{ours['bytes'] / 1e6:.0f}", f"{floor:.2f} s", f"{out:.2f} s"]
        cells += [f"{out / floor:.2f}", seconds(their_out), ratio(their_out, out)]
        through = ours.get("parquet_to_ray_s")
        cells += [seconds(median(through) if through else None), f"{back:.2f} s"]
        cells += [seconds(their_back), ratio(their_back, back), f"{ours['first_s']:.1f} s"]
        cells += [ratio(ours["first_s"], theirs["first_s"] if theirs else None)]
        cells += [f"{ours['peak_bytes'] / 1e6:.0f} MB"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def ratio(above: float | None, below: float | None) -> str:
    return "-" if above is None or not below else f"{above / below:.2f}"


def plot(path: Path, results: dict[str, dict[str, dict]]) -> None:
    """Draw the cost of each GB over the size."""
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 3))
    gigabytes = [found[OURS]["bytes"] / 1e9 for found in results.values()]
    for key, label in {"floor_s": "floor", "to_ray_s": "to Ray", "to_spark_s": "to Spark"}.items():
        spent = [median(found[OURS][key]) for found in results.values()]
        axis.plot(
            gigabytes, [s / gb for s, gb in zip(spent, gigabytes, strict=True)], "o-", label=label
        )
    axis.set(xscale="log", xlabel="GB", ylabel="seconds for each GB", ylim=(0, None))
    axis.set_xticks(gigabytes, [f"{gb:.1f}" for gb in gigabytes], minor=False)
    axis.minorticks_off()
    axis.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="conversions after the warm-up (5)")
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the mixed table")
    parser.add_argument(
        "--cases", default="mixed", help="mixed,strings,nested,wide,many, or none as '' (mixed)"
    )
    parser.add_argument("--sizes", action="store_true", help="also 0.1 to 4 GB, without RayDP")
    parser.add_argument("--env", type=Path, help="folder of RayDP's environment, made if needed")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    parser.add_argument("--plot", type=Path, help="draw the cost for each GB (with --sizes)")
    asked = parser.parse_args()
    contestants = [side for side in sides(asked.env) if side.name in (OURS, RAYDP)]
    results = {
        case.name: run(case, asked.runs, contestants)
        for case in cases(asked.rows, asked.cases.split(",") if asked.cases else [])
    }
    today = dt.datetime.now(dt.UTC).date().isoformat()
    print(f"{today}, {machine()}, median of {asked.runs} after a warm-up\n")
    if results:
        print(table(results))
    if asked.sizes:
        ours = [side for side in contestants if side.name == OURS]
        by_size = {
            f"{size} GB": run(
                Case(f"{size} GB", "mixed", int(size * 1e9 / BYTES_A_ROW), max(4, int(size * 8))),
                min(asked.runs, 3),
                ours,
                parquet_runs=0,
            )
            for size in SIZES_GB
        }
        print(f"\nThe sizes, medians of {min(asked.runs, 3)}:\n\n{table(by_size)}")
        if asked.plot:
            plot(asked.plot, by_size)
        results |= by_size
    if asked.json:
        report = {"date": today, "machine": machine(), "measurements": results}
        asked.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
