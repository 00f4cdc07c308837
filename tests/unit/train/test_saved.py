"""What `save` writes, `restore` reads, without Ray or Spark."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from torch import nn

from raydp_magic.errors import UsageError
from raydp_magic.train import LightGBMEstimator, TorchEstimator, restore
from raydp_magic.train.columns import Features
from raydp_magic.train.estimator import Estimator
from raydp_magic.train.tree_table import TreeColumns


@pytest.fixture
def trained(tmp_path):
    """An estimator as a fit leaves it."""
    model = nn.Linear(2, 1)
    estimator = TorchEstimator(
        model=lambda config: nn.Linear(2, config["width"]),
        optimizer=lambda model, config: torch.optim.SGD(model.parameters(), lr=0.1),
        loss=nn.MSELoss(),
        feature_columns=["a", "b"],
        label_column="y",
        config={"width": 1},
    )
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    torch.save(model.state_dict(), folder / "model.pt")
    (folder / "output.json").write_text(json.dumps({"shape": [1], "type": "float32"}))
    estimator._checkpoint, estimator._history = str(folder), [{"epoch": 1, "train_loss": 0.5}]
    return estimator, model


def test_a_restored_one_has_model_history_and_columns(trained, tmp_path):
    estimator, model = trained
    estimator.save(tmp_path / "saved")
    for back in (TorchEstimator.restore(tmp_path / "saved"), restore(tmp_path / "saved")):
        assert torch.equal(back.get_model().weight, model.weight)
        assert back.history == [{"epoch": 1, "train_loss": 0.5}]
        assert back._feature_names() == ["a", "b"]
        assert back._prediction_type() == "float"
        assert repr(back) == "<TorchEstimator: 1 epoch>"


def test_saving_over_a_saved_one_and_nothing_else(trained, tmp_path):
    estimator, _ = trained
    estimator.save(tmp_path / "saved")
    estimator.save(tmp_path / "saved")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(UsageError, match="holds something that is no saved estimator"):
        estimator.save(tmp_path / "photos")


def test_what_is_no_estimator_or_one_of_another_kind(trained, tmp_path):
    with pytest.raises(UsageError, match="no saved estimator in"):
        restore(tmp_path)
    estimator, _ = trained
    estimator.save(tmp_path / "saved")

    class Other(Estimator):
        pass

    with pytest.raises(UsageError, match="holds a TorchEstimator, not an Other"):
        Other.restore(tmp_path / "saved")


@pytest.mark.parametrize("address", ["s3://bucket/model", "file:///tmp/model", Path("gs://b/m")])
def test_an_address_is_no_folder(trained, address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for use in (trained[0].save, restore):
        with pytest.raises(UsageError, match="is an address, and estimators are saved in folders"):
            use(address)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_what_cannot_be_written_leaves_what_was_saved_before(trained, tmp_path):
    estimator, model = trained
    estimator.save(tmp_path / "saved")
    torch.save(nn.Linear(2, 1).state_dict(), tmp_path / "checkpoint" / "model.pt")
    estimator._history = [{"epoch": 1, "train_loss": object()}]
    with pytest.raises(TypeError):
        estimator.save(tmp_path / "saved")
    back = restore(tmp_path / "saved")
    assert torch.equal(back.get_model().weight, model.weight)
    assert back.history == [{"epoch": 1, "train_loss": 0.5}]


def test_categories_of_any_type_are_kept(tmp_path):
    categories = {"fee": [Decimal("1.50"), Decimal("12.55")], "day": [date(2013, 1, 1)]}
    trees = LightGBMEstimator({}, "y", categorical_features=["fee", "day"])
    (tmp_path / "checkpoint").mkdir()
    trees._checkpoint = str(tmp_path / "checkpoint")
    trees._used = Features.of(["fee", "day", "x"])
    trees._tree_columns = TreeColumns(("fee", "day", "x"), "y", None, categories)
    trees.save(tmp_path / "trees")
    assert restore(tmp_path / "trees")._tree_columns == trees._tree_columns


def test_saving_onto_the_folder_it_came_from_keeps_the_model(trained, tmp_path):
    estimator, model = trained
    estimator.save(tmp_path / "saved")
    back = restore(tmp_path / "saved")
    back.save(tmp_path / "saved")
    assert torch.equal(back.get_model().weight, model.weight)
    assert torch.equal(restore(tmp_path / "saved").get_model().weight, model.weight)


def test_raydps_class_keeps_its_options():
    from raydp_magic.raydp.torch import TorchEstimator as OfRayDP

    linear = nn.Linear(1, 1)
    made = OfRayDP(
        model=linear,
        optimizer=torch.optim.SGD(linear.parameters()),
        loss=nn.MSELoss(),
        feature_columns=["a"],
        label_column="y",
        storage_path="s3://b",
        seed=7,
        width=3,
    )
    again = OfRayDP(**made._arguments())
    for one in (made, again):
        assert (one._storage_path, one._seed) == ("s3://b", 7)
    assert made._arguments()["width"] == 3
