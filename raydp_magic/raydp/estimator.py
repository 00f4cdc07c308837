"""``from raydp.estimator import EstimatorInterface``: what any estimator can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from raydp_magic.train.estimator import Estimator

__all__ = ["EstimatorInterface"]


class EstimatorInterface(ABC):
    """An estimator that learns from Ray Datasets; the ones of this package are such."""

    @abstractmethod
    def fit(self, train_ds: Any, evaluate_ds: Any = None) -> Any:
        """Train.

        Parameters
        ----------
        train_ds, evaluate_ds : Dataset
            Rows to learn from, and rows to measure the model on.
        """

    @abstractmethod
    def get_model(self) -> Any:
        """Return the model as it was trained."""


EstimatorInterface.register(Estimator)  # type: ignore[type-abstract]  # its kinds are such, too
