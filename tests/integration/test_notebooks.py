"""The notebooks beside the quickstart run to their end, say what they promise, and leave nothing."""

import json
import pathlib
import re

import nbformat
import pytest
from kernel import ROOT
from machine import Traces

FOLDER = pathlib.Path(ROOT) / "notebooks"
SAYS = {  # patterns that the outputs match, among other things
    "raydp_readme": [
        r"23 features; 261,830 flights",
        r"TorchEstimator: 3 epochs, train_loss 0\.[23]",
        "Sequential",
        r"TFEstimator: 1 epoch, .*train_loss 0\.[2-5]",
        r"LightGBMEstimator: 20 rounds.* eval_auc 0\.9",
    ],
    "tune_and_serve": [
        r"train_ds +spark -> ray +263,149",
        r"28618 +1\d\.\d +3\d\.\d",  # flights of October, the model's error, the spread
    ],
    "ray_in_spark": [r"HNL +49[68]3", r"1\.0E-4 +5 ", r"0\.001 +5 ", r"0\.01 +\d "],
    "ray_on_spark": [r"pi is near 3\.14", "2 nodes under load", "1000 rows counted by Spark"],
    "compare": [r"Spark on Ray +\d+", r"Ray on Spark +\d+", "image/png"],
    "custom_workers": [r"ran on a node with \{'custom_worker': 1\.0\}", "on 4 nodes"],
}


SHORTER = {
    # All five ways take seven minutes; `make notebooks` runs them.
    "compare": ("WAYS.items()}", "list(WAYS.items())[:2]}"),
}


def outputs(book):
    kept = [c.outputs for c in book.cells if c.cell_type == "code"]
    return json.dumps(kept).replace("\\n", "\n")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SAYS)
def test_a_notebook_runs_to_its_end(name, tmp_path):
    from nbclient import NotebookClient

    before = Traces()
    text = (FOLDER / f"{name}.ipynb").read_text()
    if name in SHORTER:
        long, short = SHORTER[name]
        assert long in text
        text = text.replace(long, short)
    book = nbformat.reads(text, 4)
    NotebookClient(book, timeout=850, resources={"metadata": {"path": str(tmp_path)}}).execute()
    before.gone()
    shown = outputs(book)
    assert [text for text in SAYS[name] if not re.search(text, shown)] == []


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
