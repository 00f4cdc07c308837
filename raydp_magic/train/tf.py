"""`TFEstimator`: Keras 3 models on TensorFlow, trained data-parallel on Ray Train."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from raydp_magic.errors import UsageError
from raydp_magic.train import shares, tf_model
from raydp_magic.train.columns import Features, check_columns, whole_columns
from raydp_magic.train.estimator import Estimator
from raydp_magic.train.learner import named
from raydp_magic.train.tf_checks import check_inputs, check_model, is_creator, need_tensorflow
from raydp_magic.train.tf_columns import FLOAT, KerasColumns
from raydp_magic.train.tf_loop import PROGRESS, Given, KerasConfig, predictor, train
from raydp_magic.train.tf_scores import KerasScorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    import ray

_SHUFFLE_BYTES = 64 * 1024 * 1024


class TFEstimator(Estimator):
    """Train a Keras 3 model on TensorFlow; with several workers each has a part of the rows.

    Every worker has the whole model; in each step their gradients are averaged.

    Parameters
    ----------
    num_workers : int
        Training processes. Each takes `batch_size` rows a step.
    resources_per_worker : mapping, optional
        What Ray reserves for each, ``{"CPU": 1}`` by default; a GPU more where Ray has free ones.
    model : keras.Model or callable
        The model, or a function without arguments that makes it. Training starts from a model's
        own weights and leaves it alone.
    optimizer : keras.optimizers.Optimizer or str
        May be left out, with `loss` and `metrics`, for a model that is compiled.
    loss : keras.losses.Loss, str or callable
        The loss.
    metrics : list, optional
        Keras metrics, their names, or functions. `history` has them as ``train_...`` and
        ``eval_...``.
    feature_columns : str or list of str, optional
        The columns to learn from; by default all but the labels. Several ones are given to the
        model as a dict by name, for a model with an input for each.
    label_columns : str or list of str
        The column to learn; several ones are side by side in one tensor.
    merge_feature_columns : bool
        Give the feature columns as one tensor of shape (rows, width) instead.
    batch_size : int
        Rows a step of one worker.
    drop_last : bool
        Leave out the last step of an epoch when it has fewer rows.
    num_epochs : int
        How often all rows are learnt from.
    shuffle : bool
        Shuffle all rows before training, and each worker's again for each epoch.
    callbacks : list of keras.callbacks.Callback, optional
        They run in every worker. What is decided at an epoch's end is decided alike: its logs
        have the numbers of all workers.
    feature_type : str
        Type of merged features, and of separate ones that hold fractions.
    custom_objects : mapping of str to object, optional
        Classes and functions of yours in the model. They are found by themselves unless they are
        only named in it.
    seed : int
        Of the shuffling, of the first weights that `model` as a function makes, of dropout.
    placement_strategy, storage_path
        As for :class:`Estimator`.
    """

    _library: ClassVar[str] = "keras"
    _extra: ClassVar[str] = "tensorflow"

    @named
    def __init__(  # noqa: PLR0917 - the order is RayDP's
        self,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        model: Any = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: list[Any] | None = None,
        feature_columns: str | Sequence[str] | None = None,
        label_columns: str | Sequence[str] | None = None,
        merge_feature_columns: bool = False,
        batch_size: int = 128,
        drop_last: bool = False,
        num_epochs: int = 1,
        shuffle: bool = True,
        callbacks: Sequence[Any] | None = None,
        *,
        feature_type: str = FLOAT,
        custom_objects: Mapping[str, Any] | None = None,
        seed: int = 0,
        placement_strategy: str = "PACK",
        storage_path: str | None = None,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        labels = [label_columns] if isinstance(label_columns, str) else list(label_columns or ())
        super().__init__(
            features=Features.of(feature_columns) if feature_columns else None,
            label_column=labels[0] if labels else None,
            num_workers=num_workers,
            resources_per_worker=resources_per_worker,
            shuffle=shuffle,
            seed=seed,
            placement_strategy=placement_strategy,
            storage_path=storage_path,
        )
        need_tensorflow(type(self).__name__)
        for name, value in (("batch_size", batch_size), ("num_epochs", num_epochs)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name}={value!r}: a whole number of at least 1 is needed")
        check_model(model, optimizer, loss)
        self._given = given
        self._labels = labels
        self._whole: tuple[str, ...] = ()

    @property
    def _rounds(self) -> int:
        return int(self._given["num_epochs"])

    # Training ------------------------------------------------------------------------------------

    def _trainer(
        self, datasets: dict[str, ray.data.Dataset], run_config: Any, scaling_config: Any
    ) -> Any:
        from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

        from raydp_magic.train.tf_backend import TFConfig

        given = self._given
        rows = datasets["train-0"].count()
        if given["drop_last"] and rows < given["batch_size"]:
            raise UsageError(
                f"A worker has {rows} rows, which drop_last=True leaves out: they are no whole "
                f"batch of {given['batch_size']}",
                hint="use a smaller batch_size.",
            )
        row_bytes = max(1, datasets["train-0"].size_bytes() // max(1, rows))
        buffer = max(given["batch_size"], _SHUFFLE_BYTES // row_bytes)
        self._whole = whole_columns(datasets["train-0"].schema())
        columns = self._keras_columns()
        config = KerasConfig(
            columns=columns,
            person=self._person(),
            batch_size=given["batch_size"],
            drop_last=given["drop_last"],
            epochs=given["num_epochs"],
            seed=self._seed,
            cpus=self._resources["CPU"],
            folder=run_config.callbacks[0].folder,
            rows={name: part.count() for name, part in datasets.items()},
            shuffle_buffer=min(rows, buffer) if self._shuffle else None,
        )
        return DataParallelTrainer(
            train,
            train_loop_config={"config": config},
            backend_config=TFConfig(),
            datasets=dict(datasets),
            dataset_config=shares.as_they_are(),
            run_config=run_config,
            scaling_config=scaling_config,
        )

    def _person(self) -> bytes:
        """What the person gave, pickled for the workers."""
        from ray import cloudpickle

        given = self._given
        model, callbacks = given["model"], list(given["callbacks"] or ())
        own = None if is_creator(model) else model
        compiled = None
        if given["optimizer"] is not None:
            parts = {name: given[name] for name in ("optimizer", "loss", "metrics")}
            compiled = {name: tf_model.packed(part) for name, part in parts.items()}
        objects = tf_model.own_objects(own, [given["loss"], given["metrics"], given["optimizer"]])
        objects |= given["custom_objects"] or {}
        shipped = model if own is None else tf_model.as_bytes(own)
        if own is not None:
            tf_model.check_readable(shipped, objects)
        try:
            return bytes(cloudpickle.dumps(Given(shipped, compiled, callbacks, objects)))
        except Exception as error:
            raise UsageError(
                f"What goes to the workers cannot be pickled: {error}",
                hint="look for open files, locks and the like in callbacks and custom objects.",
            ) from error

    def _keras_columns(self) -> KerasColumns:
        return KerasColumns(
            tuple(self._feature_names()),
            tuple(self._labels),
            self._given["merge_feature_columns"],
            self._given["feature_type"],
            self._whole,
        )

    def _feature_names(self) -> list[str]:
        return [name for name in super()._feature_names() if name not in self._labels]

    def _columns(self, data: Any) -> list[str]:
        return list(dict.fromkeys([*super()._columns(data), *self._labels]))

    def _features_in(self, columns: Iterable[str]) -> list[str]:
        return [name for name in super()._features_in(columns) if name not in self._labels]

    def _check_features(
        self, names: list[str], kinds: Mapping[str, str], table: str | None
    ) -> None:
        super()._check_features(names, kinds, table)
        merged = self._given["merge_feature_columns"]
        check_inputs(self._given["model"], KerasColumns(tuple(names), (), merged))

    def _check_labels(self, kinds: Mapping[str, str], table: str | None) -> None:
        check_columns(self._labels, kinds, what="label", table=table)

    # What was learnt -----------------------------------------------------------------------------

    def _load(self, folder: str) -> Any:
        return tf_model.restore(folder, compiled=True)

    def _predictor(self) -> Callable[[], Callable[[Any], np.ndarray[Any, Any]]]:
        with self._checkpoint_folder() as folder:
            archive = Path(folder, tf_model.FILE).read_bytes()
            objects = Path(folder, tf_model.OBJECTS).read_bytes()
        return partial(predictor, archive, objects, self._keras_columns())

    def _prediction_type(self) -> str:
        with self._checkpoint_folder() as folder:
            shape = json.loads(Path(folder, PROGRESS).read_text())["output"]
        depth = 0 if shape == [1] else len(shape)
        return "array<" * depth + "float" + ">" * depth

    def _scorer(self) -> KerasScorer:
        return KerasScorer(self.get_model(), self._keras_columns())

    def _scored_columns(self) -> list[str]:
        return self._labels

    def _describe(self) -> dict[str, Any]:
        return {"whole": list(self._whole)}

    def _described(self, state: Mapping[str, Any]) -> None:
        self._whole = tuple(state["whole"])

    def _arguments(self) -> dict[str, Any]:
        """A model goes as a function that makes it anew, with its own classes."""
        given = dict(self._given)
        parts = [given[name] for name in ("optimizer", "loss", "metrics")]
        if not is_creator(given["model"]):
            objects = tf_model.own_objects(given["model"], parts) | (given["custom_objects"] or {})
            archive = tf_model.as_bytes(given["model"])
            compiled = given["optimizer"] is None
            given["model"] = partial(tf_model.from_bytes, archive, objects, compiled=compiled)
            given["custom_objects"] = objects
        for name in ("optimizer", "loss", "metrics"):
            given[name] = tf_model.packed(given[name])
        return given
