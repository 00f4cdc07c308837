"""What is reported between boosting rounds, and when it is over."""

import pytest

from raydp_magic.errors import UsageError
from raydp_magic.train.told import points_of
from raydp_magic.train.tree_rounds import (
    Patience,
    is_maximised,
    rounds_until_report,
    row_of,
    watched_metric,
)
from raydp_magic.train.trees import check_params


def test_a_row_has_each_metric_and_the_first_as_the_loss():
    metrics = [
        ("train", "logloss", 0.5),
        ("train", "auc", 0.8),
        ("eval", "logloss", 0.6),
        ("eval", "auc", 0.7),
    ]
    assert row_of(3, metrics) == {
        "epoch": 3,
        "train_loss": 0.5,
        "train_logloss": 0.5,
        "train_auc": 0.8,
        "eval_loss": 0.6,
        "eval_logloss": 0.6,
        "eval_auc": 0.7,
    }


@pytest.mark.parametrize(
    ("maximise", "scores", "last", "best"),
    [
        (False, [3.0, 2.0, 2.5, 2.4], 4, 2),
        (False, [3.0, 2.0, 2.5, 1.0, 1.5, 1.5], 6, 4),
        (True, [0.5, 0.6, 0.6, 0.6], 4, 2),
        (False, [float("nan"), 2.0, 2.0, 2.0], 4, 2),
    ],
)
def test_patience_ends_two_rounds_after_the_best(maximise, scores, last, best):
    patience = Patience(2, "m", maximise)
    over = []
    for number, score in enumerate(scores, 1):
        patience.take(number, {"m": score})
        over.append(patience.is_over(number))
    assert over.index(True) + 1 == last
    assert patience.best_round == best


def test_metrics_that_are_better_when_larger():
    larger = ["auc", "auc_mu", "aucpr", "ndcg@5", "map@3-"]
    smaller = ["rmse", "logloss", "mape", "auc_of_mine"]
    assert [metric for metric in [*smaller, *larger] if is_maximised(metric)] == larger


def test_the_metric_to_stop_by_is_the_first_or_the_named_one():
    assert watched_metric(["rmse", "mae"], None) == "rmse"
    assert watched_metric(["rmse", "mae"], "mae") == "mae"
    with pytest.raises(ValueError, match="there are: rmse, mae"):
        watched_metric(["rmse", "mae"], "auc")


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 1), (5.0, 1), (0.25, 4), (0.01, 100)])
def test_reports_are_about_a_second_apart(seconds, rounds):
    assert rounds_until_report(seconds, 1.0) == rounds


def test_many_rounds_of_one_report_are_the_workers_mean():
    reports = [
        {"epoch": 2, "points": [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5}]},
        {"epoch": 2, "points": [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 1.5}]},
    ]
    assert points_of(reports) == [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]


def test_a_report_of_one_epoch_is_the_first_workers():
    assert points_of([{"epoch": 1, "loss": 1.0}, {}]) == [{"epoch": 1, "loss": 1.0}]
    assert points_of([]) == []


@pytest.mark.parametrize("name", ["n_estimators", "num_boost_round", "early_stopping_rounds"])
def test_parameters_with_an_argument_of_their_own_are_refused(name):
    with pytest.raises(UsageError, match=f"{name!r} is among the parameters") as refused:
        check_params({"objective": "binary", name: 7})
    assert "=7" in refused.value.hint
