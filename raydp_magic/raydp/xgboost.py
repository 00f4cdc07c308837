"""``from raydp.xgboost import XGBoostEstimator``: RayDP's arguments come first, in its order."""

from raydp_magic.train.xgboost import XGBoostEstimator

__all__ = ["XGBoostEstimator"]
