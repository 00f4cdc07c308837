"""What of the rows is looked at, and in which order."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pyarrow as pa
import pytest
import torch
from torch import nn

from raydp_magic.errors import UsageError
from raydp_magic.train import LightGBMEstimator, TFEstimator, TorchEstimator, room, running


class Dataset:
    """One of Ray's that is not computed yet: Ray must run a task to know its columns."""

    __module__ = "ray.data.dataset"

    def schema(self):
        raise AssertionError("a task would wait for a CPU without end")


def torch_estimator(**changes):
    arguments = {
        "model": nn.Linear(2, 1),
        "optimizer": lambda model, config: torch.optim.SGD(model.parameters(), lr=0.1),
        "loss": nn.MSELoss(),
        "label_column": "y",
    }
    return TorchEstimator(**arguments | changes)


def full(*args, **options):
    raise UsageError("no room")


@pytest.mark.parametrize("use", ["fit", "evaluate", "predict"])
def test_no_task_is_run_before_there_is_room(monkeypatch, use):
    estimator = torch_estimator(feature_columns=["a", "b"])
    estimator._checkpoint = "a folder"
    monkeypatch.setattr(running, "need_ray", lambda: None)
    monkeypatch.setattr(room, "gpus_for", lambda *args: 0.0)
    monkeypatch.setattr(room, "wait_for_room", full)
    monkeypatch.setattr(room, "wait_for_model_room", full)
    with pytest.raises(UsageError, match="no room"):
        getattr(estimator, use)(Dataset())


def test_a_dataframe_is_fit_on_spark():
    with pytest.raises(UsageError, match="evaluate_ds is a Table") as raised:
        torch_estimator().fit(Dataset(), pa.table({"a": [1]}))
    assert "fit_on_spark" in raised.value.hint


def keras_model():
    return None


@pytest.mark.parametrize(
    ("estimator", "columns"),
    [
        (torch_estimator(), ["a", "w", "z"]),
        (TFEstimator(model=keras_model, label_columns=["y", "z"]), ["a", "w"]),
        (LightGBMEstimator({}, "y", weight_column="w"), ["a", "z"]),
        (LightGBMEstimator({}, "y", weight_column="w", feature_columns=["w", "a"]), ["w", "a"]),
    ],
    ids=["torch", "keras", "trees", "given"],
)
def test_rows_to_evaluate_on_need_the_columns_that_training_has(estimator, columns):
    known = of_numbers("a", "w", "y", "z")
    features = estimator._check("train_ds", known)
    assert features == columns
    estimator._check("evaluate_ds", of_numbers(*"zwyab"), features)
    for missing in (columns[0], "y"):
        left = [name for name in "awyz" if name != missing]
        with pytest.raises(UsageError, match=f"There is no (feature|label) column '{missing}'"):
            estimator._check("evaluate_ds", of_numbers(*left), features)


def test_a_weight_that_is_a_feature_too_stays_one_in_a_restored_model():
    one, other = (
        LightGBMEstimator({}, "y", weight_column="w", feature_columns=["a", "w"]) for _ in range(2)
    )
    one._tree_columns = one._learn_columns({})
    assert one._tree_columns.features == ("a", "w")
    other._described(one._describe())
    assert other._tree_columns == one._tree_columns


def of_numbers(*names):
    class Computed(Dataset):
        __module__ = Dataset.__module__

        def schema(self):
            return SimpleNamespace(names=list(names), types=[pa.float32()] * len(names))

    return Computed()


def test_an_estimator_that_is_shown_the_answers_says_so_on_the_persons_line():
    for make in (
        lambda: torch_estimator(feature_columns=["a", "y"]),
        lambda: LightGBMEstimator({}, "y", feature_columns=["a", "y"]),
        lambda: TFEstimator(model=keras_model, label_columns=["y"], feature_columns=["y"]),
    ):
        with pytest.warns(UserWarning, match="The label column 'y' is among the features?") as said:
            make()
        assert [warning.filename for warning in said] == [__file__]


def test_trees_take_texts_as_categories():
    class Texts(Dataset):
        __module__ = Dataset.__module__

        def schema(self):
            return SimpleNamespace(names=["t", "y"], types=[pa.string(), pa.float32()])

    with pytest.raises(UsageError, match="'t' holds texts") as raised:
        LightGBMEstimator({}, "y")._check("train_df", Texts())
    assert "categorical_features=['t']" in raised.value.hint
    assert LightGBMEstimator({}, "y", categorical_features=["t"])._check("train_df", Texts()) == [
        "t"
    ]


@pytest.mark.parametrize(
    ("make", "said", "hint"),
    [
        (
            lambda: torch_estimator(num_worker=2),
            "TorchEstimator has no argument 'num_worker'",
            "'num_workers'",
        ),
        (
            lambda: TFEstimator(model=keras_model, label_column="y"),
            "TFEstimator has no argument 'label_column'",
            "'label_columns'",
        ),
        (
            lambda: LightGBMEstimator({}, "y", num_boost_rounds=5),
            "'num_boost_rounds'",
            "'num_boost_round'",
        ),
        (lambda: LightGBMEstimator({}, "y", storage="/x"), "'storage'", "'storage_path'"),
        (lambda: LightGBMEstimator({}, "y", zzz=1), "'zzz'", "help(LightGBMEstimator)"),
    ],
)
def test_a_misspelt_argument_is_a_line_that_says_which_was_meant(make, said, hint):
    with pytest.raises(UsageError, match=said) as raised:
        make()
    assert hint in raised.value.hint


def test_constructors_still_show_their_arguments():
    names = list(inspect.signature(TorchEstimator).parameters)
    assert names[:2] == ["num_workers", "resources_per_worker"]
    assert "storage_path" in names


def test_keras_reports_come_in_the_order_of_all_estimators():
    from raydp_magic.train.tf_watch import point_of

    logs = {"mae": 1, "loss": 2, "val_mae": 3, "val_loss": 4}
    assert list(point_of(1, logs)) == ["epoch", "train_loss", "train_mae", "eval_loss", "eval_mae"]
