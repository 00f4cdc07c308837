"""What a LightGBM worker runs."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from raydp_magic.train.tree_loop import Rows, TreeConfig, TreeRun
from raydp_magic.train.tree_rounds import EVALUATE, TRAIN
from raydp_magic.train.tree_scores import TreeScorer

if TYPE_CHECKING:
    from collections.abc import Callable

    import lightgbm as lgb

    from raydp_magic.train.tree_table import TreeColumns

DTYPE = "float64"
"""LightGBM's own."""


def train(told: dict[str, Any]) -> None:
    """Boost on this worker's rows; LightGBM adds up histograms over all workers.

    It does not add up metrics, and workers that stop at different rounds would wait for each
    other for ever: each measures all rows to evaluate on, and the first one says when to stop.

    Parameters
    ----------
    told : dict
        ``config``: a `TreeConfig`.
    """
    import lightgbm as lgb
    from ray.train.lightgbm import get_network_params

    config: TreeConfig = told["config"]
    hush()
    run = TreeRun(config)
    booster = load(run.model) if run.model else None
    if run.rounds_left:
        params = dict(config.params)
        if run.workers > 1:
            params = {"tree_learner": "data", "pre_partition": True, **params}
            params |= get_network_params()
        train_rows = run.rows("train", DTYPE)
        assert train_rows is not None
        train_set = dataset_of(train_rows, config.columns)
        tables = {TRAIN: train_set}
        evaluate_rows = run.rows("evaluate", DTYPE, of_all=True)
        if evaluate_rows is not None:
            tables[EVALUATE] = dataset_of(evaluate_rows, config.columns, reference=train_set)
        booster = lgb.train(
            params,
            train_set,
            num_boost_round=run.rounds_left,
            valid_sets=list(tables.values()),
            valid_names=list(tables),
            init_model=booster,
            callbacks=[watcher(run)],
        )
    assert booster is not None
    run.finish(lambda path: save(booster, path, run.best_round))


def hush() -> None:
    """Leave out of this thread's log how the workers find each other: it comes at any verbosity."""
    import lightgbm as lgb

    lgb.register_logger(_Hushed())
    native = lgb.basic._LIB
    native.LGBM_RegisterLogCallback(native.callback)  # importing it did so for one thread only


class _Hushed:
    _DROPPED = re.compile(
        r"\[LightGBM\] \[("
        r"Info\] (Trying to bind|Binding|Listening|Connected to|Local rank:)|"
        r"Warning\] Connecting to rank \d+ failed, waiting)"
    )

    def info(self, text: str) -> None:
        """Take a line of the native library, or a warning of the Python one."""
        if not self._DROPPED.match(text):
            sys.stderr.write(f"{text}\n")

    warning = info


def dataset_of(rows: Rows, columns: TreeColumns, **options: Any) -> lgb.Dataset:
    """Rows as LightGBM takes them."""
    import lightgbm as lgb

    return lgb.Dataset(
        rows.matrix,
        label=rows.label,
        weight=rows.weight,
        feature_name=columns.safe_names(),
        categorical_feature=[
            number for number, name in enumerate(columns.features) if name in columns.categories
        ],
        free_raw_data=False,  # a model to go on from predicts them
        **options,
    )


def watcher(run: TreeRun) -> Any:
    """LightGBM's callback that hands each round to the run."""
    from lightgbm.callback import EarlyStopException

    def watch(env: Any) -> None:
        metrics = [(entry[0], entry[1], entry[2]) for entry in env.evaluation_result_list]
        if run.after_round(metrics, lambda path: save(env.model, path), alike=run.workers == 1):
            raise EarlyStopException(env.iteration, env.evaluation_result_list)

    return watch


def predictor(model: bytes, columns: TreeColumns, *, raw: bool = False) -> Callable[[Any], Any]:
    """What predicts batches, arrays by name; `raw` without the objective's last step."""
    booster = load(model)

    def predict(batch: Any) -> Any:
        return booster.predict(columns.of_arrays(batch, DTYPE), raw_score=raw)

    return predict


class Scorer(TreeScorer):
    """LightGBM's metrics."""

    def _measured(self, raw: Any, label: Any, weight: Any) -> dict[str, float]:
        import lightgbm as lgb
        import numpy as np

        table = lgb.Dataset(
            np.arange(len(label), dtype=DTYPE)[:, None],  # any feature: no tree is grown
            label=label,
            weight=weight,
            init_score=raw,
        )
        params = {**self._params, "verbosity": -1, "min_data_in_bin": 1, "min_data_in_leaf": 1}
        found = lgb.Booster(params, table).eval_train()
        return {name: float(value) for _, name, value, _ in found}


def save(booster: lgb.Booster, path: str, rounds: int | None = None) -> None:
    """Write a model: all its rounds, or the first ones."""
    booster.save_model(path, num_iteration=-1 if rounds is None else rounds)


def load(model: bytes) -> lgb.Booster:
    """Read what `save` wrote."""
    import lightgbm as lgb

    return lgb.Booster(model_str=model.decode())
