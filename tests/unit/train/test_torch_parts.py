"""Losses, optimizers, models and sums with PyTorch, in this process."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pyarrow as pa
import pytest
import torch
from ray import cloudpickle
from torch import nn

from raydp_magic.errors import UsageError
from raydp_magic.train import TorchEstimator
from raydp_magic.train.columns import Features
from raydp_magic.train.predicting import as_arrow, column
from raydp_magic.train.torch_parts import (
    check_scheduler,
    like,
    load_predictor,
    make_loss,
    make_model,
    make_optimizer,
    type_named,
)
from raydp_magic.train.torch_scores import Scores, Sums

CONFIG = {"seed": 1}
ARGUMENTS = {
    "model": nn.Linear(2, 1),
    "optimizer": lambda model, config: torch.optim.SGD(model.parameters(), lr=0.1),
    "loss": nn.MSELoss(),
    "feature_columns": ["a", "b"],
    "label_column": "y",
}


@pytest.mark.parametrize(
    "loss",
    [nn.MSELoss(), nn.MSELoss, lambda config: nn.MSELoss(), nn.functional.mse_loss],
    ids=["instance", "class", "creator", "function"],
)
def test_every_way_to_give_a_loss(loss):
    assert float(make_loss(loss, CONFIG)(torch.ones(2), torch.zeros(2))) == 1.0


def test_an_optimizer_that_travels_with_its_model_stays_that_model_s():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    there, its = cloudpickle.loads(cloudpickle.dumps((model, optimizer)))
    assert make_optimizer(its, there, CONFIG) is its
    there(torch.ones(1, 2)).sum().backward()
    before = there.weight.clone()
    its.step()
    assert not torch.equal(there.weight, before)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_an_optimizer_of_another_model_is_made_anew_with_its_settings(kind):
    made = make_optimizer(kind(nn.Linear(2, 1).parameters(), lr=0.125), nn.Linear(2, 1), CONFIG)
    assert type(made) is kind
    assert made.param_groups[0]["lr"] == 0.125


def test_groups_of_another_model_s_parameters_are_refused():
    body, head = nn.Linear(2, 1), nn.Linear(2, 1)
    optimizer = torch.optim.SGD([{"params": body.parameters()}, {"params": head.parameters()}])
    with pytest.raises(UsageError, match="groups of parameters"):
        make_optimizer(optimizer, nn.Linear(2, 1), CONFIG)


def test_a_model_function_has_the_seed_s_weights_and_leaves_the_generator_alone():
    torch.manual_seed(5)
    one, other = (make_model(lambda config: nn.Linear(2, 1), CONFIG) for _ in range(2))
    assert torch.equal(one.weight, other.weight)
    here = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(here, torch.rand(1))


def test_a_model_function_must_make_a_model():
    with pytest.raises(UsageError, match="made a dict"):
        make_model(lambda config: {}, CONFIG)


@pytest.mark.parametrize(("step", "refused"), [("batch", True), ("epoch", False), (None, False)])
def test_a_scheduler_of_losses_is_stepped_by_epochs(step, refused):
    optimizer = torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
    check_scheduler(torch.optim.lr_scheduler.StepLR(optimizer, 1), step)
    check_scheduler(None, step)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    wanted = pytest.raises(UsageError, match="ReduceLROnPlateau follows the loss of an epoch")
    with wanted if refused else nullcontext():
        check_scheduler(plateau, step)


def test_labels_take_the_outputs_shape():
    assert like(torch.zeros(3), torch.zeros(3, 1)).shape == (3, 1)
    assert like(torch.zeros(3, 1), torch.zeros(3)).shape == (3,)
    assert like(torch.zeros(3, dtype=torch.long), torch.zeros(3, 5)).shape == (3,)


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.MSELoss(reduction="sum")], ids=["mean", "sum"])
def test_sums_are_means_over_rows_not_over_batches(loss):
    sums = Sums(loss, [mean_error], {}, "cpu")
    sums.add(torch.full((9, 1), 1.0), torch.zeros(9))
    sums.add(torch.full((1, 1), 3.0), torch.zeros(1))
    found = sums.result("train_")
    assert found == pytest.approx({"train_loss": 1.8, "train_mean_error": 1.2})


def mean_error(outputs, labels):
    return (outputs - labels).abs().mean()


def test_metrics_of_torchmetrics_by_name_and_as_objects():
    import torchmetrics

    sums = Sums(nn.MSELoss(), ["MeanAbsoluteError", torchmetrics.MeanSquaredError()], {}, "cpu")
    sums.add(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 0.0]))
    assert sums.result() == {"loss": 2.5, "MeanAbsoluteError": 1.5, "MeanSquaredError": 2.5}


def test_metrics_of_classes_take_the_labels_that_a_loss_over_two_classes_takes():
    names = ["AveragePrecision", "Accuracy", "MeanSquaredError"]
    config = {name: {"task": "binary"} for name in names[:2]}
    sums = Sums(nn.BCEWithLogitsLoss(), names, config, "cpu")
    sums.add(torch.tensor([[-1.0], [2.0], [3.0], [-4.0]]), torch.tensor([0.0, 1.0, 1.0, 1.0]))
    found = sums.result()
    assert found["AveragePrecision"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert found["Accuracy"] == 0.75
    assert found["MeanSquaredError"] == pytest.approx((1 + 1 + 4 + 25) / 4)


def test_labels_between_classes_are_not_rounded_to_one():
    sums = Sums(nn.MSELoss(), ["AveragePrecision"], {"AveragePrecision": {"task": "binary"}}, "cpu")
    with pytest.raises(ValueError, match="`target` to be an int"):
        sums.add(torch.tensor([0.2, 0.7]), torch.tensor([0.5, 1.0]))


def test_the_predictor_gives_a_number_a_row_or_rows_of_numbers():
    batch = {"a": np.array([1, 2]), "b": np.array([0.0, 1.0])}
    features = Features.of(["a", "b"])
    assert load_predictor(cloudpickle.dumps(nn.Linear(2, 1)), features)(batch).shape == (2,)
    assert load_predictor(cloudpickle.dumps(nn.Linear(2, 3)), features)(batch).shape == (2, 3)


def test_scores_of_rows_of_numbers_as_they_come_back():
    scores = Scores(nn.CrossEntropyLoss(), [], {}, label_type="int64", label="y", shape=[3])
    rows = np.empty(2, dtype=object)
    rows[:] = [np.array([5.0, 0.0, 0.0], "float32"), np.array([0.0, 5.0, 0.0], "float32")]
    scores.add(rows, np.array([0, 1]))
    wanted = nn.functional.cross_entropy(torch.tensor(np.stack(list(rows))), torch.tensor([0, 1]))
    assert scores.result()["loss"] == pytest.approx(float(wanted))


def test_scores_of_cubes_of_numbers_as_they_come_back():
    scores = Scores(nn.MSELoss(), [], {}, label_type="float64", label="y", shape=[2, 3])
    outputs = np.arange(12.0).reshape(2, 2, 3) + 1e-12
    back = column(pa.chunked_array([as_arrow(outputs)]))
    scores.add(back, column(pa.chunked_array([as_arrow(outputs - 2)])))
    assert scores.result()["loss"] == pytest.approx(4.0, rel=1e-12), "in their own precision"


def test_rows_without_a_label_have_no_scores():
    scores = Scores(nn.MSELoss(), [], {}, label_type="float32", label="y", shape=[1])
    with pytest.raises(UsageError, match="label column 'y' has rows without a value"):
        scores.add(np.zeros(2, "float32"), np.array([1.0, np.nan]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "needs a model"),
        ({"optimizer": None}, "needs an optimizer"),
        ({"optimizer": torch.optim.Adam}, "optimizer=Adam is a class"),
        ({"loss": None}, "needs a loss"),
        ({"label_column": None}, "needs the column to learn"),
        ({"num_workers": 0}, "num_workers=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"num_epochs": 1.5}, "num_epochs=1.5"),
        ({"scheduler_step_freq": "step"}, "scheduler_step_freq='step'"),
        ({"metrics": ["NoSuchMetric"]}, "torchmetrics has no 'NoSuchMetric'"),
        ({"metrics": "Accuracy"}, "a list is needed"),
        ({"metrics": ["Accuracy"]}, "'Accuracy' cannot be made"),
        ({"metrics": [lambda a, b: 0.0, lambda a, b: 1.0]}, "the same name"),
        ({"label_type": "txt"}, "'txt' is not a type of torch's"),
    ],
)
def test_wrong_arguments_are_one_line_before_anything_runs(change, message):
    with pytest.raises(UsageError, match=message) as raised:
        TorchEstimator(**ARGUMENTS | change)
    assert "\n" not in raised.value.message


@pytest.mark.parametrize("use", ["get_model", "save", "predict", "evaluate"])
def test_before_a_fit_there_is_nothing_to_use(use, tmp_path):
    estimator = TorchEstimator(**ARGUMENTS)
    arguments = {"save": [tmp_path / "x"], "predict": [None], "evaluate": [None]}.get(use, [])
    with pytest.raises(UsageError, match="not trained yet"):
        getattr(estimator, use)(*arguments)


@pytest.mark.parametrize(
    ("loss", "kind"),
    [(nn.MSELoss(), "float32"), (nn.CrossEntropyLoss(), "int64"), (nn.NLLLoss, "int64")],
)
def test_labels_of_classes_are_whole_numbers(loss, kind):
    assert TorchEstimator(**ARGUMENTS | {"loss": loss})._label_type == kind


def test_types_by_every_name():
    assert [type_named(kind) for kind in (None, torch.float, "long", "float64")] == [
        "float32",
        "float32",
        "int64",
        "float64",
    ]
