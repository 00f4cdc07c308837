"""TorchEstimator on a real Ray and Spark: real data, real workers."""

import gc
import os
import signal
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from machine import wait_until
from ray import cloudpickle
from sklearn.datasets import load_diabetes
from torch import nn

from raydp_magic.errors import TrainingError, UsageError
from raydp_magic.train import TorchEstimator, restore
from raydp_magic.train.runs import runs

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests

FEATURES = ["age", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]


@pytest.fixture(scope="module")
def table():
    """442 people with diabetes: body measures, and how the illness went on, scaled."""
    frame = load_diabetes(as_frame=True).frame
    frame["target"] = (frame["target"] - frame["target"].mean()) / frame["target"].std()
    frame[FEATURES] *= 20  # to about 1
    frame.insert(0, "number", range(len(frame)))
    return frame


@pytest.fixture(scope="module")
def frames(cluster, table):
    spark = cluster.spark
    return (
        spark.createDataFrame(table.iloc[:341]).repartition(3),
        spark.createDataFrame(table.iloc[341:]).repartition(2),
    )


def linear(config):
    return nn.Linear(len(FEATURES), 1)


def sgd(model, config, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.5)


def estimator(**changes):
    arguments = {
        "num_workers": 2,
        "model": linear,
        "optimizer": sgd,
        "loss": nn.MSELoss(),
        "feature_columns": FEATURES,
        "label_column": "target",
        "batch_size": 32,
        "num_epochs": 3,
    }
    return TorchEstimator(**arguments | changes)


def slower(optimizer, config):
    """A scheduler of losses that finds none better than the first."""
    return torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=0, threshold=1e9, threshold_mode="abs"
    )


@pytest.fixture(scope="module")
def trained(frames):
    train, test = frames
    return estimator(
        metrics=["MeanAbsoluteError"], lr_scheduler_creator=slower, scheduler_step_freq="epoch"
    ).fit_on_spark(train, test)


def last_state(found):
    """The optimizer's learning rate and the scheduler's state in the last checkpoint."""
    with found.result.checkpoint.as_directory() as folder:
        state = torch.load(Path(folder) / "training.pt", weights_only=False)
    return state["optimizer"]["param_groups"][0]["lr"], state["scheduler"]


def by_hand(model, table):
    """Predictions of a model in this process."""
    inputs = torch.tensor(table[FEATURES].to_numpy(), dtype=torch.float32)
    with torch.inference_mode():
        return model(inputs)[:, 0].numpy()


def test_it_learns_and_says_what_each_epoch_was(trained):
    history = trained.history
    assert [point["epoch"] for point in history] == [1, 2, 3]
    assert history[-1]["train_loss"] < history[0]["train_loss"] < 1.1
    assert history[-1]["eval_loss"] < 0.8
    assert 0 < history[-1]["eval_MeanAbsoluteError"] < 1


def test_a_scheduler_follows_the_loss_of_each_epoch(trained):
    rate, scheduler = last_state(trained)
    assert rate == pytest.approx(0.1 * 0.5**2), "the second and the third epoch were no better"
    assert scheduler["best"] == trained.history[0]["eval_loss"]


def test_losses_are_means_over_all_rows_of_all_workers(trained, frames, table):
    errors = by_hand(trained.get_model(), table.iloc[341:]) - table["target"].iloc[341:]
    found = trained.evaluate(frames[1])
    assert found["loss"] == pytest.approx((errors**2).mean(), rel=1e-4)
    assert found["MeanAbsoluteError"] == pytest.approx(errors.abs().mean(), rel=1e-4)
    # 101 rows on two workers in batches of 32: the mean of batches would be another number.
    assert trained.history[-1]["eval_loss"] == pytest.approx(found["loss"], rel=1e-4)


def test_predict_on_spark_adds_a_column(trained, frames, table):
    found = trained.predict(frames[1])
    assert found.schema["prediction"].dataType.simpleString() == "float"
    assert found.columns == [*table.columns, "prediction"]
    rows = found.orderBy("number").toPandas()
    np.testing.assert_allclose(
        rows["prediction"], by_hand(trained.get_model(), table.iloc[341:]), rtol=1e-4, atol=1e-5
    )
    assert rows["number"].tolist() == list(range(341, 442))


def test_predict_on_a_dataset(trained, ray4, table):
    dataset = ray4.data.from_pandas(table.iloc[341:])
    rows = trained.predict(dataset, output_column="told", batch_size=16).to_pandas()
    rows = rows.sort_values("number")
    np.testing.assert_allclose(
        rows["told"], by_hand(trained.get_model(), table.iloc[341:]), rtol=1e-4, atol=1e-5
    )


def test_two_workers_take_the_step_of_one_on_the_same_batch(ray4, table, tmp_path):
    dataset = ray4.data.from_pandas(table.iloc[:340])
    model = nn.Linear(len(FEATURES), 1)
    before = model.weight.clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"model": model, "optimizer": optimizer, "shuffle": False}
    alone = estimator(**options, num_workers=1, batch_size=340).fit(dataset)
    two = estimator(**options, batch_size=170, storage_path=str(tmp_path)).fit(dataset)
    torch.testing.assert_close(two.get_model().weight, alone.get_model().weight)
    assert two.history[-1]["train_loss"] == pytest.approx(alone.history[-1]["train_loss"], rel=1e-5)
    assert not torch.allclose(two.get_model().weight, before)
    assert torch.equal(model.weight, before), "the kernel's model is left as it was"
    assert list(tmp_path.rglob("model.pt")), "checkpoints go where they are wanted"
    folder = Path(alone.result.path)
    assert folder.is_dir()
    del alone
    gc.collect()
    assert not folder.exists(), "a run's folder goes with its estimator"


def die_once(outputs, labels, mark):
    """A metric that ends its worker the first time that the model is good enough."""
    if float(((outputs - labels) ** 2).mean()) < 0.9 and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def rows_a_step(outputs, labels):
    return float(len(labels))


def test_after_a_killed_worker_the_model_is_that_of_an_undisturbed_run(ray4, table, tmp_path):
    dataset = ray4.data.from_pandas(table.iloc[:341])
    mark = tmp_path / "mark"
    options = {
        "num_epochs": 4,
        "lr_scheduler_creator": lambda optimizer, config: torch.optim.lr_scheduler.StepLR(
            optimizer, 5, 0.9
        ),
        "drop_last": True,
    }
    calm = estimator(**options, metrics=[rows_a_step]).fit(dataset)
    assert calm.history[0]["train_rows_a_step"] == 32, "the last 10 of each worker are left out"
    disturbed = estimator(**options, metrics=[partial(die_once, mark=str(mark))]).fit(dataset)
    assert mark.exists()
    assert [point["epoch"] for point in disturbed.history] == [1, 2, 3, 4]
    torch.testing.assert_close(disturbed.get_model().weight, calm.get_model().weight)


def test_a_failing_model_is_one_line_that_says_where(ray4, table):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = nn.Linear(3, 1)

        def forward(self, rows):
            return self.part(rows)

    with pytest.raises(TrainingError, match=r"in worker \d: RuntimeError: mat1 and mat2") as raised:
        estimator(model=lambda config: Broken()).fit(ray4.data.from_pandas(table), max_retries=9)
    assert "test_train_torch.py, line" in raised.value.message
    assert "\n" not in raised.value.message
    assert "in forward" in raised.value.worker_traceback
    gone(ray4)


def gone(ray):
    """No actor of a training is left, and its CPUs are back."""
    from ray.util.state import list_actors

    address = ray.get_runtime_context().gcs_address

    def left():
        rows = list_actors(address=address, filters=[("state", "!=", "DEAD")], limit=1000)
        return [row.class_name for row in rows if "Train" in row.class_name]

    wait_until(lambda: not left(), 20, left)
    wait_until(lambda: ray.available_resources().get("CPU") == 2, 20, ray.available_resources)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_workers": 3}, "Spark's executors hold 2"),
        ({"feature_columns": ["bmi", "agee"]}, "no feature column 'agee'"),
        ({"label_column": "targt"}, "no label column 'targt'"),
        ({"batch_size": 500, "drop_last": True}, "no whole batch of 500"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(frames, changes, message):
    with pytest.raises(UsageError, match=message) as raised:
        estimator(**changes).fit_on_spark(*frames)
    assert raised.value.hint


def test_texts_are_no_features(cluster):
    df = cluster.spark.createDataFrame([("a", 1.0)], "name string, target double")
    with pytest.raises(UsageError, match="'name' holds string"):
        estimator(feature_columns=["name"]).fit_on_spark(df)


def test_null_is_refused_in_whole_numbers_and_named_where_it_makes_a_loss_nan(cluster, frames):
    gap = "if(target > 1, null, {})".format
    whole = frames[0].selectExpr("*", f"{gap('3')} AS k")
    with pytest.raises(UsageError, match="Column 'k' has rows without a value, and whole numbers"):
        estimator(feature_columns=["k"], model=lambda c: nn.Linear(1, 1)).fit_on_spark(whole)
    broken = frames[0].selectExpr("*", f"{gap('bmi')} AS f")
    found = estimator(feature_columns=["f"], model=lambda c: nn.Linear(1, 1))
    with pytest.warns(UserWarning, match="train_loss is NaN since epoch 1: rows .* in 'f';"):
        found.fit_on_spark(broken)
    assert [run.failures for run in runs()[-2:]] == [0, 0]
    with pytest.raises(UsageError, match="no rows to evaluate on"):
        found.fit_on_spark(broken, broken.where("target > 100"))


def test_classes_several_inputs_and_arrays_through_parquet(cluster, tmp_path):
    rows = [([[float(n), 1.0]], n % 3, n, float(n % 3)) for n in range(60)]
    schema = "pair array<array<double>>, kind int, n int, twin double"
    df = cluster.spark.createDataFrame(rows, schema)

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.known = nn.Embedding(3, 4)
            self.rest = nn.Linear(3, 4)
            self.last = nn.Linear(8, 3)

        def forward(self, kinds, rest):
            return self.last(torch.cat([self.known(kinds[:, 0]), self.rest(rest)], 1))

    def optimizer(model, config):  # called where the rows are being read
        assert list(Path(config["folder"]).rglob("*.snappy.parquet"))
        return torch.optim.Adam(model.parameters(), lr=config["rate"])

    found = estimator(
        num_workers=1,
        model=lambda config: Two(),
        optimizer=optimizer,
        loss=nn.CrossEntropyLoss(),
        feature_columns=[["kind"], ["pair", "n"]],
        feature_types=[torch.long, torch.float],
        label_column="kind",
        num_epochs=10,
        config={"rate": 0.05, "folder": str(tmp_path)},
        lr_scheduler_creator=lambda optimizer, config: torch.optim.lr_scheduler.StepLR(
            optimizer, 5, 0.9
        ),
        scheduler_step_freq="epoch",
        metrics=["Accuracy"],
        metrics_config={"Accuracy": {"task": "multiclass", "num_classes": 3}},
    ).fit_on_spark(df, fs_directory=tmp_path, compression="snappy")
    assert list(tmp_path.iterdir()) == [], "files of a fit that has ended"
    assert last_state(found)[0] == pytest.approx(0.05 * 0.9**2), "10 epochs of two steps"
    scores = found.evaluate(df)
    assert scores["loss"] < 0.5
    assert scores["Accuracy"] > 0.9
    predicted = found.predict(df)
    assert predicted.schema["prediction"].dataType.simpleString() == "array<float>"
    rows = predicted.collect()
    assert np.mean([np.argmax(row["prediction"]) == row["kind"] for row in rows]) > 0.9
    assert [row["pair"][0][0] for row in rows] == [row["n"] for row in rows]


def test_a_saved_one_predicts_the_same(trained, frames, tmp_path):
    assert trained.save(tmp_path / "model") == tmp_path / "model"
    back = restore(tmp_path / "model")
    assert back.evaluate(frames[1]) == pytest.approx(trained.evaluate(frames[1]))
    assert back.history == trained.history


def test_the_example_of_the_docs_runs(cluster, capsys):
    text = (Path(__file__).parents[2] / "docs" / "train.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    df = cluster.spark.range(40).selectExpr(
        "id % 24 AS hour", "id * 0.5D AS wind_speed", "id + 1.5D AS dep_delay"
    )
    exec(code, {"train_df": df, "test_df": df, "other_df": df})
    assert "prediction" in capsys.readouterr().out


def test_raydp_s_class_on_pandas_on_spark_with_the_cpus_of_a_stopped_spark(
    cluster, frames, tmp_path
):
    """The last one: it ends the module's cluster."""
    from raydp_magic.raydp.torch import TorchEstimator as OfRayDP

    found = OfRayDP(
        4,
        {"CPU": 1},
        linear,
        partial(sgd, lr=0.05),
        nn.MSELoss,
        None,
        "batch",
        FEATURES,
        [torch.float] * len(FEATURES),
        "target",
        torch.float,
        64,
        False,
        2,
    )
    train, test = (frame.pandas_api() for frame in frames)
    found.fit_on_spark(train, test, stop_spark_after_conversion=True)
    assert cluster.state == "stopped"
    assert runs()[-1].notes == ("Spark is stopped",)
    assert len(found.history) == 2
    found.save(tmp_path / "saved")
    assert type(restore(tmp_path / "saved")) is OfRayDP
