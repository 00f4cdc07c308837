"""Small parts of training and prediction with PyTorch: models, optimizers, losses, tensors."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import torch

    from raydp_magic.train.columns import Features

    Array = np.ndarray[Any, Any]

OUTPUT = "output.json"
"""File of a checkpoint: the shape of one row of the model's output, and its type."""
_NO_NUMPY = {"bfloat16": "float32", "float16": "float32"}


def type_named(kind: Any) -> str:
    """``torch.float``, ``"long"`` or None as torch's name of the type: ``"float32"``, ``"int64"``.

    Raises
    ------
    UsageError
        When it is no type of torch's.
    """
    import torch

    found = (
        torch.float32
        if kind is None
        else getattr(torch, kind, None)
        if isinstance(kind, str)
        else kind
    )
    if not isinstance(found, torch.dtype):
        raise UsageError(
            f"{kind!r} is not a type of torch's", hint="such as torch.float or torch.long."
        )
    return str(found).removeprefix("torch.")


def numpy_name(kind: str) -> str:
    """The type in which numpy holds values of a type of torch's."""
    return _NO_NUMPY.get(kind, kind)


def tensor(values: Array, kind: str, device: Any) -> torch.Tensor:
    """An array as a tensor of a type on a device."""
    import torch

    if not values.flags.writeable:
        values = values.copy()
    return torch.from_numpy(values).to(device=device, dtype=getattr(torch, kind))


def inputs_of(batch: Mapping[str, Array], features: Features, device: Any) -> list[torch.Tensor]:
    """The model's inputs."""
    kinds = [type_named(kind) for kind in features.types]
    arrays = features.arrays(batch, [numpy_name(kind) for kind in kinds])
    return [tensor(array, kind, device) for array, kind in zip(arrays, kinds, strict=True)]


def make_model(model: Any, config: dict[str, Any]) -> torch.nn.Module:
    """The model, made when it is given as a function; the seed tells its first weights."""
    import torch

    if isinstance(model, torch.nn.Module):
        return model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config["seed"])
        made = model(config)
    if not isinstance(made, torch.nn.Module):
        raise UsageError(
            f"The function given as model made a {type(made).__name__}",
            hint="it must return a torch.nn.Module.",
        )
    return made


def make_loss(loss: Any, config: dict[str, Any]) -> Any:
    """The loss, of an instance, a class, a function of (outputs, labels) or one of the config."""
    import torch

    if isinstance(loss, torch.nn.Module):
        return loss
    if inspect.isclass(loss):
        return loss()
    if _needs(loss) >= 2:
        return loss
    made = loss(config)
    if not callable(made):
        raise UsageError(
            f"The function given as loss made a {type(made).__name__}",
            hint="it must return a loss; a loss itself takes (outputs, labels).",
        )
    return made


def make_optimizer(optimizer: Any, model: torch.nn.Module, config: dict[str, Any]) -> Any:
    """The optimizer of a model: the given one, one like it, or one that a function makes."""
    import torch

    if not isinstance(optimizer, torch.optim.Optimizer):
        return optimizer(model, config)
    own = {id(parameter) for parameter in model.parameters()}
    if all(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        return optimizer
    if len(optimizer.param_groups) > 1:
        raise UsageError(
            "The optimizer has groups of parameters, and they are those of another model",
            hint="give a function that makes it: optimizer=lambda model, config: ...",
        )
    # It was made for another model: one of its kind, with its settings, for this one.
    kind = type(optimizer)
    known = inspect.signature(kind).parameters
    settings = {name: value for name, value in optimizer.defaults.items() if name in known}
    made = kind(model.parameters(), **settings)
    of_group = optimizer.param_groups[0].items()
    made.param_groups[0].update({name: v for name, v in of_group if name != "params"})
    return made


def needs_loss(scheduler: Any) -> bool:
    """Whether a scheduler's step must be given how good the model is."""
    import torch

    return isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)


def check_scheduler(scheduler: Any, step: str | None) -> None:
    """Raise when a scheduler that needs an epoch's loss is stepped after batches.

    Raises
    ------
    UsageError
        Saying what to pass.
    """
    if step == "batch" and needs_loss(scheduler):
        raise UsageError(
            f"{type(scheduler).__name__} follows the loss of an epoch, and is stepped each batch",
            hint='pass scheduler_step_freq="epoch".',
        )


def like(labels: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """Labels in the outputs' shape, where only dimensions of one row differ.

    Without it a loss of (rows, 1) outputs and (rows,) labels would compare each with each.
    """
    if labels.shape != outputs.shape and labels.numel() == outputs.numel():
        return labels.reshape(outputs.shape)
    return labels


def load_predictor(pickled: bytes, features: Features) -> Callable[[Mapping[str, Array]], Array]:
    """The predicting function of a pickled model.

    Parameters
    ----------
    pickled : bytes
        The trained model.
    features : Features
        What it is fed with.

    Returns
    -------
    callable
        Gives, for a batch of columns, an array of shape ``(rows,)`` or ``(rows, ...)``.
    """
    import pickle

    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # Pickled by the process that predicts with it.
    model: torch.nn.Module = pickle.loads(pickled)  # noqa: S301
    model = model.to(device).eval()

    def predict(batch: Mapping[str, Array]) -> Array:
        with torch.inference_mode():
            outputs = model(*inputs_of(batch, features, device))
        if outputs.ndim == 2 and outputs.shape[1] == 1:
            outputs = outputs[:, 0]
        if str(outputs.dtype).removeprefix("torch.") in _NO_NUMPY:
            outputs = outputs.float()
        found: Array = outputs.cpu().numpy()
        return found

    return predict


def _needs(function: Callable[..., Any]) -> int:
    """How many positional arguments a function must be given."""
    try:
        known = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a built-in: torch's own losses
        return 2
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in known)
