"""What an XGBoost worker runs."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Any

from raydp_magic.train.refusals import refusal
from raydp_magic.train.tree_loop import Rows, TreeConfig, TreeRun
from raydp_magic.train.tree_rounds import EVALUATE, TRAIN
from raydp_magic.train.tree_scores import TreeScorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import xgboost as xgb

    from raydp_magic.train.tree_table import TreeColumns

DTYPE = "float32"
"""XGBoost's own."""


def train(told: dict[str, Any]) -> None:
    """Boost on this worker's rows; XGBoost adds up histograms and metrics over all workers.

    Parameters
    ----------
    told : dict
        ``config``: a `TreeConfig`.
    """
    import xgboost as xgb

    config: TreeConfig = told["config"]
    run = TreeRun(config)
    booster = load(run.model) if run.model else None
    if run.rounds_left:
        train_rows = run.rows("train", DTYPE)
        assert train_rows is not None
        tables = [(table_of(train_rows, config.columns), TRAIN)]
        evaluate_rows = run.rows("evaluate", DTYPE)
        if evaluate_rows is not None:
            tables.append((table_of(evaluate_rows, config.columns), EVALUATE))
        booster = xgb.train(
            config.params,
            tables[0][0],
            num_boost_round=run.rounds_left,
            evals=tables,
            xgb_model=booster,
            callbacks=[watcher(run)],
            verbose_eval=False,
        )
    assert booster is not None
    if run.best_round:
        booster = booster[: run.best_round]
    run.finish(lambda path: save(booster, path))


def backend() -> Any:
    """How Ray Train connects the workers: as ever, but without a line of each worker's rank."""
    from contextlib import contextmanager

    from ray.train.v2.xgboost.config import XGBoostConfig

    class Quiet(XGBoostConfig):  # a class of the function's own, so that it travels by value
        @property
        def train_func_context(self) -> Any:
            connected = super().train_func_context

            @contextmanager
            def quietly() -> Iterator[None]:
                hush()
                with connected():
                    yield

            return quietly

    return Quiet()


def hush() -> None:
    """Leave the line of a worker's rank out of this thread's log: it comes at any verbosity."""
    from xgboost.libpath import find_lib_path

    ctypes.CDLL(find_lib_path()[0]).XGBRegisterLogCallback(_SAY)


def _say(line: bytes) -> None:
    text = line.decode(errors="replace")
    if " got rank " not in text:
        sys.stderr.write(f"{text}\n")


_SAY = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(_say)
"""XGBoost calls it as long as the worker lives."""


def check_names(params: Mapping[str, Any]) -> None:
    """Raise for an objective or a metric that XGBoost does not know; takes a millisecond.

    Raises
    ------
    UsageError
        Naming it.
    """
    import numpy as np
    import xgboost as xgb

    names = {key: params[key] for key in ("objective", "eval_metric") if key in params}
    table = xgb.DMatrix(np.zeros((1, 1), DTYPE), label=[0.0])
    try:
        with xgb.config_context(verbosity=0):
            xgb.Booster(names, [table]).eval(table)
    except (xgb.core.XGBoostError, TypeError, ValueError) as error:
        refused = refusal(error)
        if refused is not None and ": Unknown " in refused.message:  # not of a missing parameter
            raise refused from None


def table_of(rows: Rows, columns: TreeColumns) -> xgb.DMatrix:
    """Rows to learn from as XGBoost takes them."""
    return matrix_of(rows.matrix, columns, label=rows.label, weight=rows.weight)


def matrix_of(matrix: Any, columns: TreeColumns, **options: Any) -> xgb.DMatrix:
    """A matrix of the features as XGBoost takes it."""
    import xgboost as xgb

    return xgb.DMatrix(
        matrix,
        feature_names=columns.safe_names(),
        feature_types=columns.feature_types(),
        enable_categorical=True,
        **options,
    )


def watcher(run: TreeRun) -> Any:
    """XGBoost's callback that hands each round to the run."""
    from xgboost.callback import TrainingCallback

    class Watcher(TrainingCallback):  # type: ignore[misc] # XGBoost may not be installed
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            del epoch
            metrics = [
                (table, name, values[-1])
                for table, found in evals_log.items()
                for name, values in found.items()
            ]
            return run.after_round(metrics, lambda path: save(model, path))

    return Watcher()


def predictor(model: bytes, columns: TreeColumns, *, raw: bool = False) -> Callable[[Any], Any]:
    """What predicts batches, arrays by name; `raw` without the objective's last step."""
    booster = load(model)

    def predict(batch: Any) -> Any:
        matrix = matrix_of(columns.of_arrays(batch, DTYPE), columns)
        return booster.predict(matrix, output_margin=raw)

    return predict


class Scorer(TreeScorer):
    """XGBoost's metrics."""

    def _measured(self, raw: Any, label: Any, weight: Any) -> dict[str, float]:
        import numpy as np
        import xgboost as xgb

        table = xgb.DMatrix(
            np.zeros((len(label), 1), DTYPE),
            label=label,
            weight=weight,
            base_margin=raw,
        )
        told = xgb.Booster(self._params, [table]).eval(table, EVALUATE)
        found = [part.rpartition(":") for part in told.split("\t")[1:]]
        return {name.removeprefix(f"{EVALUATE}-"): float(value) for name, _, value in found}


def save(booster: xgb.Booster, path: str) -> None:
    """Write a model in XGBoost's binary JSON, whatever the file's name."""
    from pathlib import Path

    Path(path).write_bytes(booster.save_raw("ubj"))


def load(model: bytes) -> xgb.Booster:
    """Read what `save` wrote."""
    import xgboost as xgb

    return xgb.Booster(model_file=bytearray(model))
