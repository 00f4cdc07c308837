"""Loss and metrics of a trained Keras model over predictions."""

from __future__ import annotations

from typing import Any

from raydp_magic.train.columns import stacked
from raydp_magic.train.tf_columns import FLOAT, KerasColumns


class KerasScorer:
    """Adds up a compiled model's loss and metrics, batch by batch.

    Parameters
    ----------
    model : keras.Model
        A compiled one; it predicts nothing here.
    columns : KerasColumns
        Whose labels it has learnt.
    """

    def __init__(self, model: Any, columns: KerasColumns) -> None:
        self._model = model
        self._columns = columns
        self._loss = 0.0
        self._rows = 0
        model.reset_metrics()

    def add(self, predictions: Any, *labels: Any) -> None:
        """Take a batch.

        Parameters
        ----------
        predictions : array
            Shape (rows,) where the model gives one number, or an array of arrays.
        labels : array
            One for each label column.
        """
        found = stacked([predictions]).astype(FLOAT)
        found = found[:, None] if found.ndim == 1 else found
        batch = dict(zip(self._columns.labels, labels, strict=True))
        target = self._columns.targets(batch)
        loss = self._model.compute_loss(x=None, y=target, y_pred=found, training=False)
        self._loss += float(loss) * len(found)
        self._rows += len(found)
        self._model.compute_metrics(None, target, found)

    def result(self) -> dict[str, float]:
        """The loss, a mean over rows, and each metric."""
        metrics = {name: float(v) for name, v in self._model.get_metrics_result().items()}
        return metrics | {"loss": self._loss / self._rows}
