"""What `save` writes, `restore` reads, without Ray or Spark."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from raydp_magic.errors import UsageError
from raydp_magic.train import TorchEstimator, restore
from raydp_magic.train.estimator import Estimator


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

    with pytest.raises(UsageError, match="holds a TorchEstimator, not a Other"):
        Other.restore(tmp_path / "saved")


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
