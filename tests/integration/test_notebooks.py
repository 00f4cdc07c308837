"""The notebooks beside the quickstart run to their end, say what they promise, and leave nothing."""

import json
import pathlib

import nbformat
import pytest
from kernel import ROOT
from machine import Traces

FOLDER = pathlib.Path(ROOT) / "notebooks"
SAYS = {
    "raydp_readme": ["27 features", "prediction", "Sequential"],
    "tune_and_serve": ["config/max_depth", "train_ds", "spread"],
    "ray_in_spark": ["unusual", "mean_return"],
    "ray_on_spark": ["pi is near 3.1", "2 nodes under load", "1000 rows counted by Spark"],
    "compare": ["two clusters", "Spark ML alone", "image/png"],
    "custom_workers": ["ran on a node with {'custom_worker': 1.0}", "4 nodes"],
}
"""What the outputs hold, among other things."""


def outputs(book):
    return json.dumps([c.outputs for c in book.cells if c.cell_type == "code"])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SAYS)
def test_a_notebook_runs_to_its_end(name, tmp_path):
    from nbclient import NotebookClient

    before = Traces()
    book = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    before.gone()
    shown = outputs(book)
    assert [text for text in SAYS[name] if text not in shown] == []


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_kept_outputs_are_those_of_a_run_to_the_end(path):
    book = nbformat.read(path, 4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "error" not in [output.output_type for cell in code for output in cell.outputs]
    text = path.read_text()
    assert "/home/" not in text
    assert "/root/" not in text


def test_every_notebook_is_in_the_list():
    listed = (FOLDER / "README.md").read_text()
    assert [path.name for path in FOLDER.glob("*.ipynb") if f"({path.name})" not in listed] == []
