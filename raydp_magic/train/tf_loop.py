"""What a Keras worker runs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError
from raydp_magic.train import tf_model
from raydp_magic.train.columns import check_whole
from raydp_magic.train.shares import share
from raydp_magic.train.tf_columns import FLOAT, KerasColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROGRESS = "progress.json"


@dataclass(frozen=True)
class KerasConfig:
    """What workers are told.

    Attributes
    ----------
    columns : KerasColumns
        Which columns are what.
    person : bytes
        What the person gave, pickled (`Given`): Keras must not be imported before it is told of
        its backend.
    batch_size : int
        Rows that a worker takes in a step.
    drop_last : bool
        Leave out an epoch's last rows when they do not fill a batch.
    epochs : int
        Epochs.
    seed : int
        Of weights that are made in the worker, and of Keras' random numbers.
    cpus : float
        What Ray has reserved for a worker.
    folder : str or None
        Where to tell how far an epoch is.
    rows : mapping of str to int
        Rows of each worker's shares, by what they are called: ``"train-0"``.
    shuffle_buffer : int or None
        Among how many rows each epoch shuffles; None keeps their order.
    """

    columns: KerasColumns
    person: bytes
    batch_size: int
    drop_last: bool
    epochs: int
    seed: int
    cpus: float
    folder: str | None
    rows: Mapping[str, int]
    shuffle_buffer: int | None


@dataclass(frozen=True)
class Given:
    """What the person gave.

    Attributes
    ----------
    model : bytes or callable
        An archive of Keras', or a function that makes the model.
    compiled : dict or None
        Arguments of ``compile``, packed; None takes those that the model has.
    callbacks : list
        Keras callbacks.
    objects : dict of str to object
        Own classes and functions.
    """

    model: bytes | Callable[[], Any]
    compiled: dict[str, Any] | None
    callbacks: list[Any]
    objects: dict[str, Any]


@dataclass
class Clock:
    """The epochs that are done."""

    epoch: int


def train(told: dict[str, Any]) -> None:
    """Train the model on this worker's rows, together with the other workers.

    Parameters
    ----------
    told : dict
        ``config``: a `KerasConfig`.
    """
    import ray.train

    from raydp_magic.train.tf_together import Together, average_gradients, prepare

    config: KerasConfig = told["config"]
    context = ray.train.get_context()
    prepare(config.cpus)
    together = Together(context.get_world_size(), context.get_world_rank())
    import keras
    from ray import cloudpickle

    from raydp_magic.train.tf_watch import First, Last

    keras.utils.set_random_seed(config.seed)
    given: Given = cloudpickle.loads(config.person)
    model, epoch, finished = restored() or (new_model(given), 0, False)
    if finished or epoch >= config.epochs:
        return
    objects = own_objects(model, given)
    average_gradients(model.optimizer, together)
    if together.workers > 1:
        model.jit_compile = False  # XLA cannot compile what talks to other workers
    clock = Clock(epoch)
    evaluation = share("evaluate") is not None, batches("evaluate", together.rank, config, clock)
    sample = config.columns.inputs(first_row(share("train")))
    first = First(config, together, clock, evaluation)
    model.fit(
        batches("train", together.rank, config, clock),
        epochs=config.epochs,
        initial_epoch=epoch,
        callbacks=[first, *given.callbacks, Last(together, objects, sample)],
        verbose=0,
        shuffle=False,
    )


def new_model(given: Given) -> Any:
    """The person's model, compiled."""
    compiled = given.compiled
    if isinstance(given.model, bytes):
        model = tf_model.from_bytes(given.model, given.objects, compiled=compiled is None)
    else:
        model = given.model()
    if compiled is not None:
        model.compile(**tf_model.unpacked(compiled, given.objects))
    if not model.compiled:
        raise UsageError(
            "The function gave a model that is not compiled",
            hint="compile it there, or give optimizer and loss to the estimator.",
        )
    if not isinstance(given.model, bytes):
        tf_model.check_readable(tf_model.as_bytes(model), own_objects(model, given))
    return model


def own_objects(model: Any, given: Given) -> dict[str, Any]:
    """The person's classes and functions in a model."""
    return tf_model.own_objects(model, given.compiled) | given.objects


def restored() -> tuple[Any, int, bool] | None:
    """The model of the last checkpoint, the epochs it has had, whether it is the final one."""
    import ray.train

    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        progress = json.loads((Path(folder) / PROGRESS).read_text())
        model = tf_model.restore(folder, compiled=True)
        return model, progress["epoch"], progress["finished"]


def batches(name: str, rank: int, config: KerasConfig, clock: Clock) -> Any:
    """A worker's rows as a tf.data.Dataset, read anew each epoch; None without any."""
    import tensorflow as tf

    rows = share(name)
    sample = None if rows is None else first_row(rows)
    if rows is None or sample is None:
        return None
    columns, learning = config.columns, name == "train"
    whole = [name for name in columns.whole if name in columns.features]

    def pairs() -> Iterator[tuple[Any, Any]]:
        for batch in rows.iter_batches(
            batch_size=config.batch_size,
            batch_format="numpy",
            drop_last=config.drop_last and learning,
            local_shuffle_buffer_size=config.shuffle_buffer if learning else None,
            local_shuffle_seed=config.seed + clock.epoch,
        ):
            check_whole(batch, whole)
            yield columns.inputs(batch), columns.targets(batch)

    specs = tf.nest.map_structure(
        lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype),
        (columns.inputs(sample), columns.targets(sample)),
    )
    count = steps(config.rows[f"{name}-{rank}"], config, learning=learning)
    found = tf.data.Dataset.from_generator(pairs, output_signature=specs)
    # Else Keras finds the end by one step too many, and its optimizers count that one, too.
    return found.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


def steps(rows: int, config: KerasConfig, *, learning: bool) -> int:
    """How many steps an epoch of a worker has."""
    if config.drop_last and learning:
        return rows // config.batch_size
    return math.ceil(rows / config.batch_size)


def first_row(rows: Any) -> Any:
    """A batch of one row; None without rows."""
    return next(iter(rows.iter_batches(batch_size=1, batch_format="numpy")), None)


def predictor(archive: bytes, objects: bytes, columns: KerasColumns) -> Callable[[Any], Any]:
    """What predicts batches, arrays by name."""
    import os

    from raydp_magic.train.tf_together import prepare

    prepare(float(os.environ.get("OMP_NUM_THREADS", "1")))
    import numpy as np
    from ray import cloudpickle

    model = tf_model.from_bytes(archive, cloudpickle.loads(objects), compiled=False)

    def predict(batch: Any) -> Any:
        found = np.asarray(model.predict_on_batch(columns.inputs(batch)), FLOAT)
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found

    return predict
