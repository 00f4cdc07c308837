"""`XGBoostEstimator`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from raydp_magic.train import xgboost_loop
from raydp_magic.train.trees import TreeEstimator

if TYPE_CHECKING:
    from collections.abc import Mapping


class XGBoostEstimator(TreeEstimator):
    """XGBoost on Ray: boosted trees from Spark DataFrames and Ray Datasets.

    ::

        estimator = XGBoostEstimator({"objective": "binary:logistic"}, "delayed",
                                     num_workers=2, metrics=["logloss", "auc"],
                                     categorical_features=["carrier"])
        estimator.fit_on_spark(train_df, test_df)

    Parameters
    ----------
    xgboost_params : mapping
        XGBoost's own parameters. Its threads, seed and device are set when they are not given.
    label_column : str
        The column to learn.
    num_workers : int
        Training processes, each a Ray actor with a part of the rows.
    resources_per_worker : mapping, optional
        What Ray reserves for each, ``{"CPU": 1}`` by default. With a GPU, XGBoost uses it.
    shuffle : bool
        Shuffle the rows before training.
    options
        As of `TreeEstimator`.
    """

    _library = "xgboost"
    _extra = "xgboost"
    _equal_shares = False
    _metrics_parameter = "eval_metric"
    _threads_parameter = "nthread"

    def __init__(
        self,
        xgboost_params: Mapping[str, Any],
        label_column: str,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        shuffle: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(
            xgboost_params,
            label_column,
            num_workers=num_workers,
            resources_per_worker=resources_per_worker,
            shuffle=shuffle,
            **options,
        )
        xgboost_loop.check_names(self._params)
        if not _has_cuda():
            self._resources.setdefault("GPU", 0.0)

    @property
    def _loop(self) -> Any:
        return xgboost_loop

    def _trainer_of(self, scaling_config: Any) -> tuple[Any, dict[str, Any]]:
        from ray.train.xgboost import XGBoostTrainer

        trainer = partial(XGBoostTrainer, xgboost_config=xgboost_loop.backend())
        return trainer, {"device": "cuda"} if scaling_config.use_gpu else {}

    def _scorer(self) -> xgboost_loop.Scorer:
        return xgboost_loop.Scorer(self._params, self._scored_columns())

    def _arguments(self) -> dict[str, Any]:
        return {"xgboost_params": self._params, **super()._arguments()}


def _has_cuda() -> bool:
    import xgboost as xgb

    return bool(xgb.build_info().get("USE_CUDA"))
