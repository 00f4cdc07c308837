"""`LightGBMEstimator`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raydp_magic.train import lightgbm_loop
from raydp_magic.train.trees import TreeEstimator

if TYPE_CHECKING:
    from collections.abc import Mapping


class LightGBMEstimator(TreeEstimator):
    """LightGBM on Ray: boosted trees from Spark DataFrames and Ray Datasets.

    ::

        estimator = LightGBMEstimator({"objective": "binary"}, "delayed", num_workers=2,
                                      metrics=["binary_logloss", "auc"])
        estimator.fit_on_spark(train_df, test_df)

    Parameters
    ----------
    lightgbm_params : mapping
        LightGBM's own parameters. Its threads and seed are set when they are not given.
    label_column : str
        The column to learn.
    num_workers : int
        Training processes, each a Ray actor with a part of the rows, all of the same size: up to
        ``num_workers - 1`` rows are left out.
    resources_per_worker : mapping, optional
        What Ray reserves for each, ``{"CPU": 1}`` by default.
    shuffle : bool
        Shuffle the rows before training.
    options
        As of `TreeEstimator`.
    """

    _library = "lightgbm"
    _extra = "lightgbm"
    _metrics_parameter = "metric"
    _threads_parameter = "num_threads"

    def __init__(
        self,
        lightgbm_params: Mapping[str, Any],
        label_column: str,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        shuffle: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(
            lightgbm_params,
            label_column,
            num_workers=num_workers,
            resources_per_worker=resources_per_worker,
            shuffle=shuffle,
            **options,
        )
        self._resources.setdefault("GPU", 0.0)  # the wheels of PyPI train on CPUs

    @property
    def _loop(self) -> Any:
        return lightgbm_loop

    def _trainer_of(self, scaling_config: Any) -> tuple[Any, dict[str, Any]]:
        from ray.train.lightgbm import LightGBMTrainer

        del scaling_config
        return LightGBMTrainer, {"verbosity": -1}

    def _scorer(self) -> lightgbm_loop.Scorer:
        return lightgbm_loop.Scorer(self._params, self._scored_columns())

    def _arguments(self) -> dict[str, Any]:
        return {"lightgbm_params": self._params, **super()._arguments()}
