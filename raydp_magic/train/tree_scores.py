"""What `evaluate` adds up with for boosted trees: raw predictions, measured by the library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from raydp_magic.train.columns import stacked


class TreeScorer(ABC):
    """Measures raw predictions by the library's own metrics.

    Parameters
    ----------
    params : dict
        The run's, with the objective and the metrics.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        self._params = params
        self._parts: list[tuple[Any, ...]] = []

    def add(self, *columns: Any) -> None:
        """Take a batch: raw predictions, labels, and perhaps weights."""
        self._parts.append(columns)

    def result(self) -> dict[str, float]:
        """The loss, and each metric."""
        raw, label, *weight = (stacked(part) for part in zip(*self._parts, strict=True))
        metrics = self._measured(raw, label, weight[0] if weight else None)
        return {"loss": next(iter(metrics.values()))} | metrics

    @abstractmethod
    def _measured(self, raw: Any, label: Any, weight: Any) -> dict[str, float]:
        """Each metric of all rows, the loss first; `weight` may be None."""
