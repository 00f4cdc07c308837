"""What is shown of a training: the line and the curve."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from raydp_magic.notebook.train_view import curve, remaining, render_html, run_text
from raydp_magic.train.runs import Run

SVG = "{http://www.w3.org/2000/svg}"
RUN = Run("r", "TorchEstimator", "epoch", 4, 2, thread=1, started_at=100.0)
POINTS = (
    {"epoch": 1, "train_loss": 1.0, "eval_loss": 1.2, "eval_mae": 0.5},
    {"epoch": 2, "train_loss": 0.5, "eval_loss": 0.8, "eval_mae": 0.4},
)
HALF = replace(RUN, state="training", points=POINTS, first_at=110.0, last_at=120.0)


def drawn(html):
    """The first drawing of a piece of HTML."""
    data = re.search(r"data:image/svg\+xml;base64,([^\"]+)", html)[1]
    return ET.fromstring(base64.b64decode(data))


@pytest.mark.parametrize(
    ("run", "now", "text"),
    [
        (RUN, 101.5, "TorchEstimator: sharing the rows out, 2 workers, 1.5 s"),
        (
            replace(RUN, state="starting"),
            103.0,
            "TorchEstimator: starting workers, 2 workers, 3.0 s",
        ),
        (
            HALF,
            125.0,
            "TorchEstimator: epoch 3/4, train_loss 0.5, eval_loss 0.8, eval_mae 0.4, 2 workers, 25 s, about 15 s left",
        ),
        (
            replace(HALF, state="done", ended_at=140.0),
            999.0,
            "TorchEstimator: 2 epochs, train_loss 0.5, eval_loss 0.8, eval_mae 0.4, 2 workers, 40 s",
        ),
        (
            replace(RUN, state="failed", ended_at=102.0, workers=1, failures=3),
            999.0,
            "TorchEstimator: 0 epochs, failed, 1 worker, went on 3 times after a failure, 2.0 s",
        ),
        (
            replace(HALF, failures=1, restarting=True),
            125.0,
            "TorchEstimator: epoch 3/4, starting workers again, train_loss 0.5, eval_loss 0.8, eval_mae 0.4, 2 workers, went on once after a failure, 25 s",
        ),
        (
            replace(RUN, state="stopped", ended_at=102.0, notes=("the model of epoch 2 is kept",)),
            999.0,
            "TorchEstimator: 0 epochs, stopped, 2 workers, 2.0 s, the model of epoch 2 is kept",
        ),
    ],
    ids=["preparing", "starting", "training", "done", "failed", "restarting", "stopped"],
)
def test_the_line(run, now, text):
    assert run_text(run, now) == text


def test_a_remaining_time_needs_two_epochs():
    assert remaining(replace(HALF, points=POINTS[:1]), 125.0) is None
    assert remaining(replace(HALF, ended_at=130.0), 125.0) is None
    assert remaining(HALF, 500.0) == 0.0


def test_the_curve_has_a_line_for_each_loss_and_says_it_in_words():
    picture, _, legend = curve(HALF).partition("<div")
    assert 'alt="train_loss from 1 to 0.5; eval_loss from 1.2 to 0.8"' in picture
    lines = [path for path in drawn(picture).iter(f"{SVG}path") if path.get("style")]
    assert len(lines) == 2
    assert lines[0].get("stroke-dasharray") != lines[1].get("stroke-dasharray")
    assert "train_loss" in legend
    assert "eval_mae" not in legend


def test_the_best_value_is_lowest_on_the_page_and_all_is_inside():
    picture = curve(HALF).partition("<div")[0]
    places = [
        tuple(map(float, place.split()))
        for path in drawn(picture).iter(f"{SVG}path")
        if path.get("style")
        for place in path.get("d")[1:].split("L")
    ]
    assert max(y for _, y in places) == places[1][1], "0.5 is the lowest value"
    assert all(0 <= x <= 420 and 0 <= y <= 130 for x, y in places)


@pytest.mark.parametrize(
    "points",
    [
        ({"epoch": 1, "train_loss": 1.0},),
        ({"epoch": 1, "train_loss": float("nan")}, {"epoch": 2, "train_loss": float("inf")}),
        (),
    ],
    ids=["one epoch", "no finite number", "nothing"],
)
def test_no_curve_without_two_numbers(points):
    assert curve(replace(HALF, points=points)) == ""


def test_equal_losses_and_other_numbers_can_be_drawn():
    same = ({"epoch": 1, "auc": 0.0}, {"epoch": 2, "auc": 0.0})
    assert "auc from 0 to 0" in curve(replace(HALF, points=same))


def test_a_round_s_first_metric_is_said_and_drawn_once():
    names = ("train_loss", "train_logloss", "train_auc", "eval_loss", "eval_logloss", "eval_auc")
    points = tuple({"epoch": n} | dict.fromkeys(names, 1.0 / n) for n in (1, 2))
    boosting = replace(HALF, unit="round", points=points)
    line = "train_logloss 0.5, train_auc 0.5, eval_logloss 0.5, eval_auc 0.5"
    assert line in run_text(boosting, 125.0)
    assert "train_loss" in curve(boosting)
    assert "logloss" not in curve(boosting)
    assert "train_logloss 0.5" in run_text(replace(boosting, unit="epoch"), 125.0)


def test_a_progress_bar_while_it_runs_only():
    assert 'aria-valuenow="62"' in render_html(replace(HALF, done=0.5), 125.0)
    assert "progressbar" not in render_html(replace(HALF, state="done", ended_at=140.0), 141.0)


def test_names_are_escaped():
    points = tuple({"epoch": n, "<b>loss": 1.0 / n} for n in (1, 2))
    assert "<b>" not in render_html(replace(HALF, points=points), 125.0)


def test_a_notebook_that_is_not_trusted_keeps_the_curve_and_none_of_its_words_beside_it():
    """JupyterLab drops `svg`, `text` and `title` there, and leaves what they say in the page."""
    html = render_html(HALF, 125.0)
    assert set(re.findall(r"<(\w+)", html)) == {"div", "span", "img"}
    assert all(
        text.startswith("data:image/svg+xml;base64,") for text in re.findall('src="(.*?)"', html)
    )
    words = re.sub(r"<[^>]*>", "", html)
    assert "epoch 4" not in words
    assert "epoch 4" in "".join(drawn(html).itertext())
