"""`TorchEstimator`: PyTorch models, trained with DistributedDataParallel on Ray Train."""

from __future__ import annotations

import copy
import inspect
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from raydp_magic.errors import UsageError
from raydp_magic.train import shares
from raydp_magic.train.columns import Features, whole_columns
from raydp_magic.train.estimator import Estimator
from raydp_magic.train.learner import named
from raydp_magic.train.torch_parts import OUTPUT, load_predictor, make_loss, make_model, type_named
from raydp_magic.train.torch_scores import Scores, check_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

_CLASS_LOSSES = ("CrossEntropyLoss", "NLLLoss")
_SHUFFLE_BYTES = 64 * 1024 * 1024


class TorchEstimator(Estimator):
    """Train a PyTorch model; with several workers each has a part of the rows (DDP).

    Parameters
    ----------
    num_workers : int
        Training processes. Each takes `batch_size` rows a step, and their gradients are averaged.
    resources_per_worker : mapping, optional
        What Ray reserves for each, ``{"CPU": 1}`` by default; a GPU more where Ray has free ones.
    model : torch.nn.Module or callable
        The model, or ``f(config)`` that makes it. A model is copied: training leaves it alone.
    optimizer : torch.optim.Optimizer or callable
        The optimizer of `model`, or ``f(model, config)`` that makes one.
    loss : loss module, its class, or callable
        ``f(outputs, labels)``, or ``f(config)`` that makes one.
    lr_scheduler_creator : callable, optional
        ``f(optimizer, config)`` that makes a learning-rate scheduler.
    scheduler_step_freq : str or None
        When its ``step`` is called: after each ``"batch"`` or ``"epoch"``; None never. A
        ``ReduceLROnPlateau`` needs ``"epoch"``, and is given the loss: of the rows to evaluate
        on, where there are such.
    feature_columns : str, list of str or list of list of str, optional
        ``["x1", "x2"]`` is one input of shape (rows, 2); a list of lists gives several inputs.
        A column that holds arrays is as wide as they are. By default all but the label.
    feature_types : torch.dtype or list of torch.dtype, optional
        ``torch.float`` by default; one for all, or one for each input or column.
    label_column : str
        The column to learn.
    label_type : torch.dtype, optional
        ``torch.float`` by default, ``torch.long`` for losses over classes.
    batch_size : int
        Rows a step of one worker.
    drop_last : bool
        Leave out the last step of an epoch when it has fewer rows.
    num_epochs : int
        How often all rows are learnt from.
    shuffle : bool
        Shuffle all rows before training, and each worker's again for each epoch.
    metrics : list, optional
        Names of ``torchmetrics`` classes, metrics of that library, or functions
        ``f(outputs, labels)`` whose mean over the rows is taken.
    metrics_config : mapping of str to mapping, optional
        Arguments of the metrics that are given by name.
    seed : int
        Of the shuffling, of the first weights that `model` as a function makes, of dropout.
    placement_strategy, storage_path
        As for :class:`Estimator`.
    config : mapping, optional
        More entries of the `config` that the functions are called with.
    """

    _library: ClassVar[str] = "torch"
    _extra: ClassVar[str] = "torch"

    @named
    def __init__(  # noqa: PLR0917 - in RayDP's order
        self,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        model: torch.nn.Module | Callable[..., torch.nn.Module] | None = None,
        optimizer: torch.optim.Optimizer | Callable[..., torch.optim.Optimizer] | None = None,
        loss: Any = None,
        lr_scheduler_creator: Callable[..., Any] | None = None,
        scheduler_step_freq: str | None = "batch",
        feature_columns: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
        feature_types: Any = None,
        label_column: str | None = None,
        label_type: torch.dtype | None = None,
        batch_size: int = 64,
        drop_last: bool = False,
        num_epochs: int = 1,
        shuffle: bool = True,
        metrics: Sequence[Any] | None = None,
        metrics_config: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        seed: int = 0,
        placement_strategy: str = "PACK",
        storage_path: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        super().__init__(
            features=Features.of(feature_columns, feature_types) if feature_columns else None,
            feature_types=feature_types,
            label_column=label_column,
            num_workers=num_workers,
            resources_per_worker=resources_per_worker,
            shuffle=shuffle,
            seed=seed,
            placement_strategy=placement_strategy,
            storage_path=storage_path,
        )
        _check(model, optimizer, loss)
        if scheduler_step_freq not in ("batch", "epoch", None):
            raise UsageError(
                f"scheduler_step_freq={scheduler_step_freq!r} is not known",
                hint='"batch", "epoch" or None.',
            )
        for name, value in (("batch_size", batch_size), ("num_epochs", num_epochs)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name}={value!r}: a whole number of at least 1 is needed")
        check_metrics(metrics or (), metrics_config or {})
        self._given = given
        self._config = dict(config or {}) | {
            "batch_size": batch_size,
            "num_epochs": num_epochs,
            "num_workers": num_workers,
            "drop_last": drop_last,
            "seed": seed,
        }
        named = (
            type(loss).__name__ in _CLASS_LOSSES or getattr(loss, "__name__", "") in _CLASS_LOSSES
        )
        self._label_type = type_named(label_type or ("long" if named else None))

    @property
    def _rounds(self) -> int:
        return int(self._given["num_epochs"])

    def _trainer(self, datasets: dict[str, Any], run_config: Any, scaling_config: Any) -> Any:
        from ray.train.torch import TorchTrainer

        from raydp_magic.train.torch_loop import train_loop

        rows = datasets["train-0"].count()
        schema = datasets["train-0"].schema()
        if self._given["drop_last"] and rows < self._given["batch_size"]:
            raise UsageError(
                f"A worker has {rows} rows, which drop_last=True leaves out: they are no whole "
                f"batch of {self._given['batch_size']}",
                hint="use a smaller batch_size.",
            )
        row_bytes = max(1, datasets["train-0"].size_bytes() // max(1, rows))
        buffer = max(self._given["batch_size"], _SHUFFLE_BYTES // row_bytes)
        return TorchTrainer(
            train_loop,
            train_loop_config=self._parts()
            | {
                "whole": [n for n in whole_columns(schema) if n in self._feature_names()],
                "rows": rows,
                "shuffle_buffer": min(rows, buffer) if self._shuffle else None,
                "folder": run_config.callbacks[0].folder,
            },
            datasets=datasets,
            dataset_config=shares.as_they_are(),
            run_config=run_config,
            scaling_config=scaling_config,
        )

    def _parts(self) -> dict[str, Any]:
        """What the workers train with. Model and optimizer travel together: they share tensors."""
        given = self._given
        return {
            "model": given["model"],
            "optimizer": given["optimizer"],
            "loss": given["loss"],
            "scheduler": given["lr_scheduler_creator"],
            "step": given["scheduler_step_freq"],
            "features": self._used,
            "label": self._label_column,
            "label_type": self._label_type,
            "metrics": list(given["metrics"] or ()),
            "metrics_config": dict(given["metrics_config"] or {}),
            "config": self._config,
        }

    def _load(self, folder: str) -> torch.nn.Module:
        import torch

        state = torch.load(Path(folder) / "model.pt", map_location="cpu", weights_only=True)
        definition = self._given["model"]
        if isinstance(definition, torch.nn.Module):
            model = copy.deepcopy(definition)
        else:
            model = make_model(definition, self._config)
        model.load_state_dict(state)
        return model.eval()

    def _predictor(self) -> Callable[[], Callable[[Any], Any]]:
        from ray import cloudpickle

        assert self._used is not None
        return partial(load_predictor, cloudpickle.dumps(self.get_model()), self._used)

    def _output(self) -> dict[str, Any]:
        with self._checkpoint_folder() as folder:
            found: dict[str, Any] = json.loads((Path(folder) / OUTPUT).read_text())
        return found

    def _prediction_type(self) -> str:
        output = self._output()
        kind = _SPARK_TYPES.get(output["type"], "float")
        for _ in output["shape"] if output["shape"] != [1] else []:
            kind = f"array<{kind}>"
        return kind

    def _scorer(self) -> Scores:
        return Scores(
            make_loss(self._given["loss"], self._config),
            self._given["metrics"] or (),
            self._given["metrics_config"] or {},
            label_type=self._label_type,
            label=str(self._label_column),
            shape=self._output()["shape"],
        )

    def _arguments(self) -> dict[str, Any]:
        return self._given


_SPARK_TYPES = {
    "float64": "double",
    "int64": "bigint",
    "int32": "int",
    "int16": "smallint",
    "int8": "tinyint",
    "uint8": "smallint",
    "bool": "boolean",
}


def _check(model: Any, optimizer: Any, loss: Any) -> None:
    """Raise for a model, an optimizer or a loss that is missing or something else."""
    import torch

    if not (isinstance(model, torch.nn.Module) or callable(model)):
        raise UsageError(
            "TorchEstimator needs a model",
            hint="pass a torch.nn.Module, or a function of the config that makes one.",
        )
    if inspect.isclass(optimizer) and issubclass(optimizer, torch.optim.Optimizer):
        raise UsageError(
            f"optimizer={optimizer.__name__} is a class, and does not know its model",
            hint="pass `lambda model, config: "
            f"torch.optim.{optimizer.__name__}(model.parameters(), lr=0.01)`.",
        )
    if not (isinstance(optimizer, torch.optim.Optimizer) or callable(optimizer)):
        raise UsageError(
            "TorchEstimator needs an optimizer",
            hint="pass one of the model's, or a function of model and config that makes one.",
        )
    if not callable(loss):
        raise UsageError("TorchEstimator needs a loss", hint="such as torch.nn.MSELoss().")
