"""Losses and metrics with PyTorch, as means over rows, over all workers."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import MissingDependencyError, UsageError
from raydp_magic.train.columns import as_array, labels
from raydp_magic.train.torch_parts import like, numpy_name, tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch


def check_metrics(metrics: Sequence[Any], config: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise for metrics that cannot be made.

    Raises
    ------
    UsageError
        Naming the metric.
    MissingDependencyError
        A metric is given by name and ``torchmetrics`` is not installed.
    """
    if isinstance(metrics, str) or not all(isinstance(m, str) or callable(m) for m in metrics):
        raise UsageError(
            f"metrics={metrics!r}: a list is needed",
            hint="names of torchmetrics' classes, its metrics, or functions of outputs and labels.",
        )
    strange = [name for name in config if name not in metrics]
    if strange:
        raise UsageError(
            f"metrics_config has arguments for {strange[0]!r}, which is not among the metrics"
        )
    objects, functions = make_metrics(metrics, config)
    if len(objects) + len(functions) < len(metrics):
        raise UsageError(
            "Two of the metrics have the same name",
            hint="give functions of different names: def one(outputs, labels): ...",
        )


def make_metrics(
    metrics: Sequence[Any], config: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, Callable[..., Any]]]:
    """Metrics of ``torchmetrics`` by name, and functions by name."""
    objects: dict[str, Any] = {}
    functions: dict[str, Callable[..., Any]] = {}
    for metric in metrics:
        if isinstance(metric, str):
            objects[metric] = _named(metric, dict(config.get(metric) or {}))
        elif hasattr(metric, "update") and hasattr(metric, "compute"):
            objects[type(metric).__name__] = copy.deepcopy(metric)
        else:
            functions[getattr(metric, "__name__", type(metric).__name__)] = metric
    return objects, functions


def _named(name: str, arguments: dict[str, Any]) -> Any:
    try:
        import torchmetrics
    except ImportError as error:
        raise MissingDependencyError(
            "torchmetrics", f"The metric {name!r}", extra="torch"
        ) from error
    kind = getattr(torchmetrics, name, None)
    if kind is None:
        from difflib import get_close_matches

        near = get_close_matches(name, dir(torchmetrics), 1)
        raise UsageError(
            f"torchmetrics has no {name!r}", hint=f"did you mean {near[0]!r}?" if near else None
        )
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"The metric {name!r} cannot be made: {' '.join(str(error).split())[:200]}",
            hint=f"give its arguments in metrics_config={{{name!r}: {{...}}}}.",
        ) from error


class Sums:
    """Loss and metrics of one pass over rows.

    Parameters
    ----------
    loss : callable
        Of outputs and labels.
    metrics, config
        As for :func:`make_metrics`.
    device : torch.device
        Where the outputs are.
    """

    def __init__(
        self,
        loss: Callable[..., torch.Tensor],
        metrics: Sequence[Any],
        config: Mapping[str, Mapping[str, Any]],
        device: Any,
    ) -> None:
        self._loss = loss
        self._objects, self._functions = make_metrics(metrics, config)
        self._objects = {name: metric.to(device) for name, metric in self._objects.items()}
        self._device = device
        self._summed = getattr(loss, "reduction", "mean") == "sum"
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self.rows = 0
        self._sums = [0.0] * (1 + len(self._functions))
        for metric in self._objects.values():
            metric.reset()

    def add(self, outputs: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """Add a batch of outputs and labels; gives its loss, to learn from."""
        wanted = like(wanted, outputs)
        loss = self._loss(outputs, wanted)
        rows = len(wanted)
        self.rows += rows
        known, given = outputs.detach(), wanted.detach()
        values = [loss.detach().sum() if self._summed else loss.detach().mean() * rows]
        values += [function(known, given) * rows for function in self._functions.values()]
        self._sums = [total + float(value) for total, value in zip(self._sums, values, strict=True)]
        for metric in self._objects.values():
            metric.update(known, _classes(given) if _is_of_classes(metric) else given)
        return loss

    def result(self, prefix: str = "") -> dict[str, float]:
        """Means over the rows of all workers; every worker must ask."""
        import torch
        import torch.distributed as dist

        sums = torch.tensor([*self._sums, self.rows], dtype=torch.float64, device=self._device)
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(sums)
        *totals, rows = sums.tolist()
        names = [f"{prefix}loss", *(f"{prefix}{name}" for name in self._functions)]
        found = {
            name: total / rows if rows else float("nan")
            for name, total in zip(names, totals, strict=True)
        }
        for name, metric in self._objects.items():  # these gather from all workers themselves
            value = metric.compute()
            if value.numel() == 1:
                found[f"{prefix}{name}"] = float(value)
            else:
                one_each = enumerate(value.flatten().tolist())
                found |= {f"{prefix}{name}_{number}": one for number, one in one_each}
        return found


class Scores:
    """What `evaluate` adds up with, in the process that asks.

    Parameters
    ----------
    loss, metrics, config
        As for :class:`Sums`.
    label_type : str
        torch's name of the labels' type.
    label : str
        The label column.
    shape : list of int
        Of one row of the model's output.
    """

    def __init__(
        self,
        loss: Callable[..., torch.Tensor],
        metrics: Sequence[Any],
        config: Mapping[str, Mapping[str, Any]],
        *,
        label_type: str,
        label: str,
        shape: list[int],
    ) -> None:
        self._sums = Sums(loss, metrics, config, "cpu")
        self._label_type = label_type
        self._label = label
        self._shape = shape

    def add(self, predictions: Any, wanted: Any) -> None:
        """Add a batch of predictions and labels, as arrays.

        Raises
        ------
        UsageError
            When a row has no label.
        """
        import torch

        values = as_array(predictions, "prediction", _numbers(predictions))
        outputs = torch.from_numpy(values.copy()).reshape(len(values), *self._shape)
        kind = self._label_type
        known = labels({self._label: wanted}, self._label, numpy_name(kind))
        with torch.inference_mode():
            self._sums.add(outputs, tensor(known, kind, "cpu"))

    def result(self) -> dict[str, float]:
        """Loss and metrics over all rows."""
        return self._sums.result()


def _is_of_classes(metric: Any) -> bool:
    """Whether a metric of torchmetrics counts classes: many of these refuse floating labels."""
    return type(metric).__module__.startswith("torchmetrics.classification")


def _classes(labels: torch.Tensor) -> torch.Tensor:
    """Labels as whole numbers, where they are such; a loss over two classes wants them floating."""
    whole = labels.long()
    return whole if bool((whole == labels).all()) else labels


def _numbers(values: Any) -> str:
    """The numpy type of an array, or of the arrays in it, however deep."""
    if values.dtype != object:
        return str(values.dtype)
    return _numbers(values[0]) if hasattr(values[0], "dtype") else "float64"
