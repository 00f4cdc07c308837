"""Keras models on a real Ray and Spark."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
from ray import cloudpickle

from raydp_magic.errors import TrainingError, UsageError
from raydp_magic.train import TFEstimator
from raydp_magic.train.tf_model import own_objects, packed, unpacked

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests


@pytest.fixture(scope="module")
def data(ray4):
    draw = np.random.default_rng(5)
    x = draw.normal(size=(256, 3)).astype("float32")
    y = x @ [1.0, -2.0, 0.5] + draw.normal(0, 0.1, len(x))
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(y=y.astype("float32"))
    return ray4.data.from_pandas(frame).materialize()


def small_model(*layers):
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [keras.Input((3,)), *layers, keras.layers.Dense(8, "relu"), keras.layers.Dense(1)]
    )


def fitted(data, model=None, evaluate=None, max_retries=0, **options):
    own = {
        "model": model or small_model(),
        "optimizer": keras.optimizers.Adam(0.01),
        "loss": "mse",
        "feature_columns": ["a", "b", "c"],
        "label_columns": "y",
        "merge_feature_columns": True,
        "shuffle": False,
    }
    return TFEstimator(**own | options).fit(data, evaluate, max_retries)


class KilledOnce(keras.callbacks.Callback):
    """Ends the process in which an epoch begins, the first time only."""

    def __init__(self, epoch, mark):
        super().__init__()
        self.epoch, self.mark = epoch, str(mark)

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            try:
                os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)


class StopInOneWorker(keras.callbacks.Callback):
    """What must not be decided by a worker alone, in the middle of an epoch."""

    def on_train_batch_end(self, batch, logs=None):
        import ray.train

        if ray.train.get_context().get_world_rank() == 1 and batch == 1:
            self.model.stop_training = True


class Scaled(keras.layers.Layer):
    """A layer that Keras does not know."""

    def __init__(self, by=2.0, **options):
        super().__init__(**options)
        self.by = by

    def call(self, inputs):
        return inputs * self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}


def doubled(values):
    """An activation, which a layer of Keras' only names."""
    return values * 2


def halved_error(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - keras.ops.squeeze(y_pred, -1))) / 2


STEPS = {"batch_size": 64, "num_epochs": 4, "metrics": ["mae"]}


def counting_sgd():
    """An optimizer that tells a sum from a mean, and counts its steps."""
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, 2, 0.8)
    return keras.optimizers.SGD(rate, momentum=0.8)


@pytest.fixture(scope="module")
def two(data):
    """Two workers, each with 128 rows: two steps an epoch."""
    return fitted(data, num_workers=2, optimizer=counting_sgd(), **STEPS)


def by_keras_alone(rows, batch_size):
    model = small_model()
    model.compile(counting_sgd(), "mse", metrics=["mae"])
    x, y = rows[["a", "b", "c"]].to_numpy(), rows["y"].to_numpy()
    history = model.fit(x, y, batch_size, STEPS["num_epochs"], verbose=0, shuffle=False).history
    return model.get_weights(), history


def test_two_workers_learn_what_keras_learns_from_the_same_steps(data, two):
    """A step takes 64 rows of each of two workers, or the same 128 of one process."""
    rows = data.to_pandas()
    first, second = rows[:128], rows[128:]
    turns = [part.iloc[start : start + 64] for start in (0, 64) for part in (first, second)]
    weights, history = by_keras_alone(pd.concat(turns), 128)
    half, _ = by_keras_alone(first, 64)

    learnt = two.get_model().get_weights()
    for mine, theirs in zip(learnt, weights, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    assert [p["train_loss"] for p in two.history] == pytest.approx(history["loss"], rel=1e-4)
    assert [p["train_mae"] for p in two.history] == pytest.approx(history["mae"], rel=1e-4)
    assert max(abs(m - h).max() for m, h in zip(learnt, half, strict=True)) > 1e-3


def test_from_a_spark_dataframe_to_predictions_beside_it(spark, data, tmp_path):
    frame = spark.createDataFrame(data.to_pandas())
    keras_estimator = TFEstimator(
        num_workers=2,
        model=small_model(keras.layers.BatchNormalization(), keras.layers.Dropout(0.1)),
        optimizer=keras.optimizers.Adam(0.02),
        loss=keras.losses.Huber(),
        metrics=[keras.metrics.RootMeanSquaredError(name="rmse")],
        feature_columns=["a", "b", "c"],
        label_columns="y",
        merge_feature_columns=True,
        batch_size=16,
        num_epochs=6,
    ).fit_on_spark(frame, frame)

    history = keras_estimator.history
    assert [point["epoch"] for point in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["eval_rmse"] < history[0]["eval_rmse"]
    scores = keras_estimator.evaluate(frame)
    assert scores["rmse"] == pytest.approx(history[-1]["eval_rmse"], rel=1e-3)
    assert scores["loss"] == pytest.approx(history[-1]["eval_loss"], rel=1e-3)

    rows = keras_estimator.predict(frame).toPandas()
    assert list(rows.columns) == ["a", "b", "c", "y", "prediction"]
    rmse = np.sqrt(np.mean((rows["prediction"] - rows["y"]) ** 2))
    assert rmse == pytest.approx(scores["rmse"], rel=1e-3)

    keras_estimator.save(tmp_path / "keras")
    again = TFEstimator.restore(tmp_path / "keras")
    assert again.history == history
    x = rows[["a", "b", "c"]].to_numpy("float32")
    np.testing.assert_allclose(
        again.get_model().predict_on_batch(x)[:, 0], rows["prediction"], rtol=1e-4, atol=1e-5
    )
    assert again._person()  # all that it needs to train anew


def test_a_killed_worker_changes_nothing(data, two, tmp_path):
    killed = fitted(
        data,
        num_workers=2,
        optimizer=counting_sgd(),
        callbacks=[KilledOnce(2, tmp_path / "killed")],
        max_retries=1,
        **STEPS,
    )
    assert Path(tmp_path / "killed").exists()
    assert killed.history == [pytest.approx(point, rel=1e-5) for point in two.history]
    for mine, theirs in zip(killed.get_model().weights, two.get_model().weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=1e-5)


def test_callbacks_decide_alike_in_all_workers(data):
    stopper = keras.callbacks.EarlyStopping(
        "val_loss", patience=1, min_delta=1e9, restore_best_weights=True
    )
    stopped = fitted(
        data, evaluate=data, num_workers=2, batch_size=64, num_epochs=50, callbacks=[stopper]
    )
    assert len(stopped.history) == 2  # nothing is better by 1e9
    best = stopped.history[0]["eval_loss"]
    assert stopped.evaluate(data)["loss"] == pytest.approx(best, rel=1e-4)


def test_layers_and_losses_of_ones_own_and_a_worker_that_stops_by_itself(data):
    inputs = {name: keras.Input((1,), name=name) for name in ("a", "b", "c")}
    merged = keras.layers.Concatenate()([Scaled(3.0)(inputs["a"]), inputs["b"], inputs["c"]])
    own = fitted(
        data,
        model=keras.Model(inputs, keras.layers.Dense(1, doubled)(merged)),
        custom_objects={"doubled": doubled},
        loss=halved_error,
        merge_feature_columns=False,
        num_workers=2,
        batch_size=16,
        num_epochs=5,
        callbacks=[StopInOneWorker()],
    )
    assert len(own.history) == 1  # all stop, at the end of the epoch
    assert any(isinstance(layer, Scaled) and layer.by == 3.0 for layer in own.get_model().layers)
    assert own.get_model().layers[-1].activation.__name__ == "doubled"
    assert own.predict(data).count() == 256


def test_a_function_makes_the_model_in_the_workers(data):
    def make():
        model = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(2)])
        model.compile("sgd", "mse")
        return model

    own = fitted(
        data,
        model=make,
        optimizer=None,
        loss=None,
        label_columns=["y", "a"],
        batch_size=100,
        drop_last=True,
    )
    assert int(own.get_model().optimizer.iterations) == 2, "56 rows are left out"
    [row] = own.predict(data.limit(1)).take_all()
    assert np.shape(row["prediction"]) == (2,)
    assert own.evaluate(data)["loss"] > 0


def test_codes_for_an_embedding_stay_whole_numbers(ray4):
    frame = pd.DataFrame({"code": np.arange(60) % 3, "y": (np.arange(60) % 3) * 1.0})
    model = keras.Sequential(
        [keras.Input((1,), dtype="int64"), keras.layers.Embedding(3, 1), keras.layers.Flatten()]
    )
    own = fitted(
        ray4.data.from_pandas(frame),
        model=model,
        num_workers=1,
        optimizer=keras.optimizers.SGD(1.0),
        feature_columns="code",
        merge_feature_columns=False,
        num_epochs=30,
        batch_size=60,
    )
    learnt = own.get_model().weights[0].numpy()[:, 0]
    np.testing.assert_allclose(learnt, [0.0, 1.0, 2.0], atol=0.05)


def test_what_a_worker_says_comes_as_one_line(data):
    class Broken(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            raise RuntimeError("no more")

    with pytest.raises(TrainingError, match="RuntimeError: no more"):
        fitted(data, callbacks=[Broken()])


def test_what_cannot_work_is_said_before_anything_runs(data):
    with pytest.raises(UsageError, match="one input, and there are 3 feature columns") as refused:
        fitted(data, merge_feature_columns=False)
    assert "merge_feature_columns=True" in refused.value.hint
    with pytest.raises(UsageError, match="needs a model"):
        TFEstimator(label_columns="y")
    with pytest.raises(UsageError, match="needs the loss, too"):
        TFEstimator(model=small_model(), optimizer="adam", label_columns="y")
    with pytest.raises(UsageError, match="needs an optimizer and a loss"):
        TFEstimator(model=small_model(), label_columns="y")
    with pytest.raises(UsageError, match="no label column 'Y'"):
        fitted(data, label_columns="Y")


def test_raydps_import_and_order_of_arguments(spark, data):
    from raydp_magic.raydp.tf import TFEstimator as AsRayDP

    frame = spark.createDataFrame(data.to_pandas())
    with pytest.warns(UserWarning, match="config has no effect"):
        keras_estimator = AsRayDP(
            1,
            None,
            small_model(),
            "adam",
            "mse",
            ["mae"],
            ["a", "b", "c"],
            "y",
            True,
            64,
            config={},
        )
    keras_estimator.fit_on_spark(frame, frame, None, None, 0, False)
    assert set(keras_estimator.history[0]) == {
        "epoch",
        "train_loss",
        "train_mae",
        "eval_loss",
        "eval_mae",
    }


def test_optimizer_loss_and_metrics_survive_packing():
    class Halved(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) / 2

    parts = {
        "optimizer": keras.optimizers.SGD(0.25, momentum=0.5),
        "loss": Halved(),
        "metrics": ["mae", keras.metrics.AUC(num_thresholds=7)],
    }
    objects = own_objects(None, list(parts.values()))
    assert objects["Halved"] is Halved
    found = unpacked(packed(parts), objects)
    assert float(found["optimizer"].learning_rate) == 0.25
    assert found["optimizer"].momentum == 0.5
    assert isinstance(found["loss"], Halved)
    assert found["metrics"][0] == "mae"
    assert found["metrics"][1].num_thresholds == 7
