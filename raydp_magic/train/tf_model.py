"""A Keras model on its way to the workers and back: the archive that Keras itself writes."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE = "model.keras"
OBJECTS = "objects.pkl"
"""Files of a checkpoint: the model, and the person's own classes and functions in it."""


def as_bytes(model: Any) -> bytes:
    """A model with its weights, and its optimizer and loss where it is compiled."""
    with tempfile.TemporaryDirectory(prefix="raydp_magic-keras-") as folder:
        path = Path(folder) / FILE
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You are saving a model that has not yet been built")
            model.save(path)
        return path.read_bytes()


def from_bytes(archive: bytes, objects: Mapping[str, Any], *, compiled: bool) -> Any:
    """What `as_bytes` gave.

    Parameters
    ----------
    archive : bytes
        The model.
    objects : mapping of str to object
        The person's own classes and functions, by the names that the model knows them by.
    compiled : bool
        With its optimizer, loss and metrics.
    """
    with tempfile.TemporaryDirectory(prefix="raydp_magic-keras-") as folder:
        path = Path(folder) / FILE
        path.write_bytes(archive)
        return load(path, objects, compiled=compiled)


def load(path: Path, objects: Mapping[str, Any], *, compiled: bool) -> Any:
    """Read a model's file; see `from_bytes`."""
    import keras

    # Its code is the person's own: lambdas and the like may run.
    return keras.models.load_model(path, dict(objects), compile=compiled, safe_mode=False)


def check_readable(archive: bytes, objects: Mapping[str, Any]) -> None:
    """Raise when Keras cannot make the model anew: checkpoints would be of no use.

    Raises
    ------
    UsageError
        With Keras' first line.
    """
    try:
        from_bytes(archive, objects, compiled=False)
    except (TypeError, ValueError) as error:
        said = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"Keras can write this model, but not read it again: {said[:300]}",
            hint="a class of yours needs `__init__(self, **options)` that hands options to "
            "`super().__init__`, and `get_config` for its own arguments.",
        ) from error


def save(folder: str, model: Any, objects: Mapping[str, Any]) -> None:
    """Write a model into a checkpoint's folder."""
    from ray import cloudpickle

    model.save(Path(folder) / FILE)
    (Path(folder) / OBJECTS).write_bytes(cloudpickle.dumps(dict(objects)))


def restore(folder: str, *, compiled: bool) -> Any:
    """Read what `save` wrote."""
    import pickle

    objects = pickle.loads((Path(folder) / OBJECTS).read_bytes())  # noqa: S301 - ours
    return load(Path(folder) / FILE, objects, compiled=compiled)


def own_objects(model: Any, parts: Any = None) -> dict[str, Any]:
    """The person's own classes and functions in a model, which Keras cannot find by itself.

    Parameters
    ----------
    model : keras.Model or None
        Its layers are looked through.
    parts : object
        Optimizer, loss, metrics: objects, in lists and dicts or not.
    """
    import keras

    found = dict(keras.saving.get_custom_objects())
    for thing in [*_layers(model), *_flat(parts)]:
        named = thing if hasattr(thing, "__name__") else type(thing)
        if getattr(named, "__module__", "keras").partition(".")[0] not in ("keras", "builtins"):
            found.setdefault(named.__name__, named)
    return found


def packed(parts: Any) -> Any:
    """Optimizer, loss or metrics as something that can be pickled; `unpacked` reads it."""
    import keras

    if isinstance(parts, dict):
        return {name: packed(part) for name, part in parts.items()}
    if isinstance(parts, (list, tuple)):
        return [packed(part) for part in parts]
    if hasattr(parts, "get_config"):
        return Config(keras.saving.serialize_keras_object(parts))
    return parts


def unpacked(parts: Any, objects: Mapping[str, Any]) -> Any:
    """What `packed` was given, anew."""
    import keras

    if isinstance(parts, dict):
        return {name: unpacked(part, objects) for name, part in parts.items()}
    if isinstance(parts, list):
        return [unpacked(part, objects) for part in parts]
    if isinstance(parts, Config):
        return keras.saving.deserialize_keras_object(parts.state, custom_objects=dict(objects))
    return parts


class Config:
    """What Keras makes an object of anew.

    Parameters
    ----------
    state : dict
        As Keras gave it.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state


def _layers(layer: Any) -> Iterator[Any]:
    if layer is not None:
        yield layer
        for inner in getattr(layer, "layers", ()):
            yield from _layers(inner)


def _flat(parts: Any) -> Iterator[Any]:
    if isinstance(parts, dict):
        parts = list(parts.values())
    if isinstance(parts, (list, tuple)):
        for part in parts:
            yield from _flat(part)
    elif parts is not None and not isinstance(parts, (str, Config)):
        yield parts
