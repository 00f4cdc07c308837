"""Estimators in scikit-learn's manner, trained by Ray Train on Spark DataFrames and Ray Datasets.

::

    from raydp_magic.train import TorchEstimator

    estimator = TorchEstimator(model=..., optimizer=..., loss=..., feature_columns=[...],
                               label_column="y", batch_size=256, num_epochs=10, num_workers=2)
    estimator.fit_on_spark(train_df, test_df)
    estimator.predict(other_df)            # a Spark DataFrame

Each needs its library: ``raydp-magic[torch]``, ``[tensorflow]``, ``[xgboost]``, ``[lightgbm]``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp_magic.train.estimator import Estimator
    from raydp_magic.train.lightgbm import LightGBMEstimator
    from raydp_magic.train.tf import TFEstimator
    from raydp_magic.train.torch import TorchEstimator
    from raydp_magic.train.xgboost import XGBoostEstimator

__all__ = [
    "Estimator",
    "LightGBMEstimator",
    "TFEstimator",
    "TorchEstimator",
    "XGBoostEstimator",
    "restore",
]

_HOME = {
    "Estimator": "raydp_magic.train.estimator",
    "LightGBMEstimator": "raydp_magic.train.lightgbm",
    "TFEstimator": "raydp_magic.train.tf",
    "TorchEstimator": "raydp_magic.train.torch",
    "XGBoostEstimator": "raydp_magic.train.xgboost",
    "restore": "raydp_magic.train.saved",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'raydp_magic.train' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
