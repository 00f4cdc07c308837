"""``from raydp.spark import SparkEstimatorInterface``: estimators that take Spark DataFrames."""

from __future__ import annotations

from abc import ABC
from typing import Any

from raydp_magic.raydp.utils import convert_to_spark
from raydp_magic.train.estimator import Estimator


class SparkEstimatorInterface(ABC):  # noqa: B024 - as RayDP's, with which all of it is optional
    """An estimator that learns from Spark DataFrames; the ones of this package are such."""

    def fit_on_spark(self, train_df: Any, evaluate_df: Any = None) -> Any:  # noqa: B027 - see above
        """Train.

        Parameters
        ----------
        train_df, evaluate_df : DataFrame of Spark or of pandas on Spark
            Rows to learn from, and rows to measure the model on.
        """

    def _check_and_convert(self, df: Any) -> Any:
        """Give a DataFrame of pandas on Spark as Spark's own; for subclasses, as RayDP has it."""
        return convert_to_spark(df)[0]


SparkEstimatorInterface.register(Estimator)  # type: ignore[type-abstract]  # its kinds are such, too
