"""What a batch of rows becomes for a Keras model. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydp_magic.train.columns import as_array, labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    Array = np.ndarray[Any, Any]

FLOAT, WHOLE = "float32", "int64"


@dataclass(frozen=True)
class KerasColumns:
    """Which columns are what.

    Attributes
    ----------
    features : tuple of str
        Feature columns.
    labels : tuple of str
        Columns to learn.
    merged : bool
        Give the features as one tensor, side by side; else as a dict by their names.
    feature_type : str
        numpy's name of the type of merged features, and of separate ones that hold fractions.
    whole : tuple of str
        Columns of whole numbers, which stay such unless they are merged.
    """

    features: tuple[str, ...]
    labels: tuple[str, ...]
    merged: bool
    feature_type: str = FLOAT
    whole: tuple[str, ...] = ()

    @property
    def is_one_tensor(self) -> bool:
        """Whether the model is given a tensor, not a dict."""
        return self.merged or len(self.features) == 1

    def inputs(self, batch: Mapping[str, Array]) -> Any:
        """The model's inputs.

        Parameters
        ----------
        batch : mapping of str to array
            Columns by name; a value, or a list or array of values, for each row.

        Returns
        -------
        array, or dict of str to array
            One tensor: shape ``(rows, width)``. Else for each column ``(rows,)`` or, where it
            holds lists, ``(rows, width)``. Unless merged, whole numbers keep their type.
        """
        if self.merged:
            return side_by_side([as_array(batch[c], c, self.feature_type) for c in self.features])
        found = {name: self._typed(batch, name, self.feature_type) for name in self.features}
        return side_by_side(list(found.values())) if len(found) == 1 else found

    def targets(self, batch: Mapping[str, Array]) -> Array:
        """What to learn: ``(rows,)`` for one label, ``(rows, labels)`` for several."""
        found = [labels(batch, name, self._kind(name, FLOAT)) for name in self.labels]
        return found[0] if len(found) == 1 else side_by_side(found)

    def _typed(self, batch: Mapping[str, Array], name: str, floating: str) -> Array:
        return as_array(batch[name], name, self._kind(name, floating))

    def _kind(self, name: str, floating: str) -> str:
        return WHOLE if name in self.whole else floating


def side_by_side(arrays: list[Array]) -> Array:
    """Columns as one array of shape ``(rows, width)``; a single one keeps more dimensions."""
    import numpy as np

    if len(arrays) == 1 and arrays[0].ndim > 1:
        return arrays[0]
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
