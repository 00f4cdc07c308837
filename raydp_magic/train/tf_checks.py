"""Whether a Keras model can be trained on what it is given; imports nothing heavy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError
from raydp_magic.train.learner import need

if TYPE_CHECKING:
    from raydp_magic.train.tf_columns import KerasColumns


def need_tensorflow(what: str) -> None:
    """Raise when TensorFlow cannot be imported; Keras alone runs on other backends."""
    need("tensorflow", what, extra="tensorflow")


def is_creator(model: Any) -> bool:
    """Whether it is a function that makes a model."""
    return callable(model) and not hasattr(model, "get_weights")


def check_inputs(model: Any, columns: KerasColumns) -> None:
    """Raise when a model's inputs are not those that it would be given.

    Raises
    ------
    UsageError
        Saying what to change.
    """
    inputs = getattr(model, "inputs", None) or []
    if not inputs or columns.is_one_tensor:
        _check_width(inputs, columns)
        return
    names = [tensor.name for tensor in inputs]
    if len(inputs) == 1:
        raise UsageError(
            f"The model has one input, and there are {len(columns.features)} feature columns",
            hint="merge_feature_columns=True gives them as one tensor.",
        )
    missing = [name for name in names if name not in columns.features]
    if missing:
        raise UsageError(
            f"No feature column is called {missing[0]!r} as an input of the model",
            hint=f"name its inputs as the columns: {', '.join(columns.features)}.",
        )


def _check_width(inputs: list[Any], columns: KerasColumns) -> None:
    """Columns that hold lists are not counted on: only too many columns are certainly wrong."""
    if len(inputs) > 1:
        raise UsageError(
            f"The model has {len(inputs)} inputs, and would be given one tensor",
            hint="leave merge_feature_columns out: each input gets the column of its name.",
        )
    shape = tuple(inputs[0].shape[1:]) if inputs else ()
    if len(shape) == 1 and shape[0] is not None and shape[0] < len(columns.features):
        raise UsageError(
            f"The model takes {math.prod(shape)} numbers a row, and there are "
            f"{len(columns.features)} feature columns"
        )


def check_model(model: Any, optimizer: Any, loss: Any) -> None:
    """Raise when there is no model, or one that cannot be trained.

    Raises
    ------
    UsageError
        Saying what to give.
    """
    if model is None:
        raise UsageError(
            "TFEstimator needs a model", hint="give a keras.Model, or a function that makes one."
        )
    creator = is_creator(model)
    if not creator and not hasattr(model, "get_compile_config"):
        raise UsageError(
            f"model is a {type(model).__name__}",
            hint="give a model of Keras 3 (`import keras`), or a function that makes one.",
        )
    if (optimizer is None) != (loss is None):
        missing = "optimizer" if optimizer is None else "loss"
        raise UsageError(
            f"TFEstimator needs the {missing}, too",
            hint="give optimizer and loss; or neither, with a model that is compiled.",
        )
    if optimizer is None and not creator and not model.compiled:
        raise UsageError(
            "TFEstimator needs an optimizer and a loss",
            hint='e.g. optimizer="adam", loss="mse"; or a model that is compiled.',
        )
    outputs = getattr(model, "outputs", None) or [None]
    if len(outputs) > 1:
        raise UsageError(
            f"The model has {len(outputs)} outputs", hint="only models with one are trained."
        )
