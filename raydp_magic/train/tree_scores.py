"""What `evaluate` adds up with for boosted trees: raw predictions, measured by the library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from raydp_magic.train.columns import as_array, complete, stacked


class TreeScorer(ABC):
    """Measures raw predictions by the library's own metrics.

    Parameters
    ----------
    params : dict
        The run's, with the objective and the metrics.
    columns : list of str
        The label column, and perhaps the weights'.
    """

    def __init__(self, params: dict[str, Any], columns: list[str]) -> None:
        self._params = params
        self._columns = columns
        self._parts: list[tuple[Any, ...]] = []

    def add(self, raw: Any, *values: Any) -> None:
        """Take a batch: raw predictions, labels, and perhaps weights.

        Raises
        ------
        UsageError
            When a row has no label or no weight.
        """
        named = zip(self._columns, ("label", "weight"), values, strict=False)
        known = [complete(as_array(v, name, "float64"), name, what=what) for name, what, v in named]
        self._parts.append((raw, *known))

    def result(self) -> dict[str, float]:
        """The loss, and each metric."""
        raw, label, *weight = (stacked(part) for part in zip(*self._parts, strict=True))
        metrics = self._measured(raw, label, weight[0] if weight else None)
        return {"loss": next(iter(metrics.values()))} | metrics

    @abstractmethod
    def _measured(self, raw: Any, label: Any, weight: Any) -> dict[str, float]:
        """Each metric of all rows, the loss first; `weight` may be None."""
