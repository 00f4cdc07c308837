"""Ray Datasets and local tables as they are displayed."""

from __future__ import annotations

import datetime as dt
import html
import sys
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from IPython.core.formatters import DisplayFormatter

from raydp_magic.notebook import dataset_display
from raydp_magic.notebook.local_table import local_preview
from raydp_magic.notebook.table import render_text


@pytest.mark.parametrize("make", [pa.table, pd.DataFrame])
def test_local_values(make):
    table = make(
        {
            "s": ["a", "", None],
            "x": pa.array([1.5, float("nan"), 0.0])
            if make is pa.table
            else [1.5, float("nan"), 0.0],
            "b": [b"\x00" * 3, b"\x01" * 100, None],
            "n": [{"k": [1, None]}, None, {"k": []}],
        }
    )
    shown = local_preview(table, 2)
    assert shown.rows == (
        ("a", "1.5", "000000", '{"k": [1, null]}'),
        ("", "NaN", "01" * 12 + "... 100 bytes", None),
    )
    assert [column.numeric for column in shown.columns] == [False, True, False, False]
    assert shown.caption == "showing 2 of 3 rows"
    assert local_preview(table, 20).caption == "3 rows"


def test_times_that_python_cannot_hold():
    table = pa.table({"t": pa.array([2**62], pa.timestamp("s")), "d": [dt.date(2024, 1, 2)]})
    assert local_preview(table, 5).rows == ((str(2**62), "2024-01-02"),)


def test_thousands_of_local_columns():
    shown = local_preview(pa.table({f"c{i}": [1] for i in range(5000)}), 20)
    assert (len(shown.columns), shown.columns_total) == (50, 5000)


def test_a_table_without_columns():
    assert local_preview(pd.DataFrame(index=range(3)), 20).caption == "3 rows, 0 columns"


class Dataset:
    """A Dataset that must not run."""

    name = "trips"

    def __init__(self, blocks=None, schema=None, size=10):
        about = [SimpleNamespace(num_rows=len(b), size_bytes=size) for b in blocks or []]
        held = SimpleNamespace(block_refs=blocks, metadata=about, slices=None)
        dag = SimpleNamespace(dag_str="Read -> Map", input_data=[held])
        if blocks is None:
            del dag.input_data
        self._logical_plan = SimpleNamespace(dag=dag)
        self._schema, self._rows = schema, None if blocks is None else sum(map(len, blocks))

    def schema(self, *, fetch_if_missing):
        assert not fetch_if_missing
        return self._schema

    def _meta_count(self):
        return self._rows

    def take(self, rows):
        pytest.fail("displaying a Dataset ran it")

    count = take


Dataset.__module__ = "ray.data.dataset"


@pytest.fixture
def ray(monkeypatch):
    fake = SimpleNamespace(get=lambda refs, timeout: refs, is_initialized=lambda: True)
    monkeypatch.setitem(sys.modules, "ray", fake)
    return fake


def test_displaying_a_dataset_of_a_ray_that_has_ended_starts_none(ray):
    ray.is_initialized = lambda: False
    ray.get = ray.wait = lambda *_, **__: pytest.fail("it starts a Ray")
    shown = dataset_display.dataset_preview(Dataset(["1"]))
    assert (shown.rows, shown.hint) == ((), "Make it again.")
    assert shown.caption == (
        "Ray Dataset trips, 1 row, columns not known; its rows are gone with the Ray that held "
        "them, which has ended"
    )


def test_a_dataset_of_a_ray_before_this_one_says_that_its_rows_are_gone(ray):
    def wait(refs, **how):
        assert how == {"num_returns": 1, "timeout": 0, "fetch_local": False}
        if "old" in refs:
            raise ValueError("a Ray object whose owner is unknown")

    ray.wait = wait
    ray.get = lambda *_, **__: pytest.fail("it is asked for a block that is gone")
    made, piped = Dataset(["old"]), Dataset()
    piped._logical_plan.dag.input_dependencies = [made._logical_plan.dag]
    for dataset in (made, piped):
        shown = dataset_display.dataset_preview(dataset)
        assert "its rows are gone" in shown.caption
        assert "not run" not in shown.caption
        assert shown.hint == "Make it again."
    piped._logical_plan.dag.input_dependencies = [Dataset(["new"])._logical_plan.dag]
    assert dataset_display.dataset_preview(piped).caption.endswith("; it has not run")


def test_an_empty_dataset(ray):
    schema = SimpleNamespace(names=["a"], types=["int64"])
    shown = dataset_display.dataset_preview(
        Dataset([pa.table({"a": pa.array([], pa.int64())})], schema)
    )
    assert (shown.caption, shown.hint) == ("Ray Dataset trips, 0 rows, 1 column", "")


def test_a_dataset_in_memory_shows_rows(ray):
    blocks = [pa.table({"a": pa.array([], pa.int64())}), pa.table({"a": range(30)})]
    shown = dataset_display.dataset_preview(Dataset(blocks))
    assert shown.caption == "Ray Dataset trips, showing 20 of 30 rows"
    assert "take" in shown.hint
    small = dataset_display.dataset_preview(Dataset([pa.table({"a": [i]}) for i in range(12)]))
    assert [row[0] for row in small.rows] == list("01234567")  # a few blocks at most
    assert small.caption == "Ray Dataset trips, showing 8 of 12 rows"
    assert dataset_display.dataset_preview(Dataset([pa.table({"a": [1]})])).hint == ""


def test_a_large_block_is_not_fetched(ray):
    schema = SimpleNamespace(names=["a"], types=["int64"])
    big = Dataset([pa.table({"a": [1]})], schema, size=2**30)
    shown = dataset_display.dataset_preview(big)
    assert shown.rows == ()
    assert shown.columns_total == 1


def test_a_pipeline_is_not_run():
    schema = SimpleNamespace(names=["<script>"], types=[pa.int64()])
    page = dataset_display._dataset_bundle(Dataset(schema=schema))
    text = html.unescape(page["text/html"])
    for shown in (text, page["text/plain"]):
        assert "Ray Dataset trips, rows not counted, 1 column; it has not run" in shown
        assert "<script>: int64" in shown
        assert "`.take(20)`" in shown
    assert "<script" not in page["text/html"]
    assert "Read -> Map" in text


def test_a_dataset_of_another_ray_is_displayed_as_ray_does():
    assert dataset_display._dataset_bundle(object()) is None


def test_a_pipeline_of_unknown_columns():
    shown = dataset_display.dataset_preview(Dataset())
    assert "columns not known" in render_text(shown)


def test_results_look_alike_and_other_tables_as_ever(ray):
    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    shell.display_formatter.active_types = ["text/plain", "text/html"]
    dataset_display.install(shell)
    theirs = pd.DataFrame({"a": [1]})
    ours = dataset_display.as_result(pd.DataFrame({"a": [1]}))
    arrow = dataset_display.as_result(pa.table({"a": [1]}))
    shown = shell.display_formatter.format
    assert "pandas DataFrame, 1 row" in shown(ours)[0]["text/html"]
    assert "pyarrow Table, 1 row" in shown(arrow)[0]["text/plain"]
    assert 'class="dataframe"' in shown(theirs)[0]["text/html"]
    assert "trips" in shown(Dataset([]))[0]["text/plain"]
    assert dataset_display.as_result("text") == "text"
    dataset_display.remove(shell)
    assert 'class="dataframe"' in shown(ours)[0]["text/html"]
    assert not shell.display_formatter.mimebundle_formatter.type_printers
    assert not shell.display_formatter.mimebundle_formatter.deferred_printers
