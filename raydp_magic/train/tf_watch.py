"""Keras callbacks that go before and after the person's own, in each worker."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras  # a base class: this module is imported late

from raydp_magic.train import tf_model
from raydp_magic.train.tf_loop import PROGRESS
from raydp_magic.train.tf_together import agree_on_statistics, metrics_of_all, start_alike
from raydp_magic.train.told import Teller

if TYPE_CHECKING:
    from raydp_magic.train.tf_loop import Clock, KerasConfig
    from raydp_magic.train.tf_together import Together


class First(keras.callbacks.Callback):  # type: ignore[misc] # Keras may not be installed
    """Makes an epoch's numbers those of all workers.

    What the person's callbacks decide by them, they decide alike everywhere.

    Parameters
    ----------
    config : KerasConfig
        What the worker is told.
    together : Together
        All workers.
    clock : Clock
        Shared with who reads the rows.
    evaluation : tuple of bool and tf.data.Dataset
        Whether there are rows to evaluate on, and those of this worker; None when it has none.
    """

    def __init__(
        self, config: KerasConfig, together: Together, clock: Clock, evaluation: tuple[bool, Any]
    ) -> None:
        super().__init__()
        self._together = together
        self._clock = clock
        self._evaluated, self._evaluation = evaluation
        self._batch_size = config.batch_size
        self._teller = Teller(config.folder if together.rank == 0 else None, config.rows["train-0"])

    def on_train_begin(self, logs: Any = None) -> None:
        """The weights are there, also where the first rows made them."""
        del logs
        start_alike(self.model, self._together)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Rows of this epoch are read from now on."""
        del logs
        self._clock.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell how far the epoch is."""
        del logs
        self._teller.tell(self._clock.epoch + 1, (batch + 1) * self._batch_size)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Put the numbers of all workers into the logs."""
        del epoch
        assert logs is not None  # Keras gives its dict, which later callbacks see
        agree_on_statistics(self.model, self._together)
        logs.update(metrics_of_all(self.model, self._together))
        if self._evaluated:
            self.model.reset_metrics()
            if self._evaluation is not None:
                self.model.evaluate(self._evaluation, verbose=0)
            found = metrics_of_all(self.model, self._together)
            logs.update({f"val_{name}": value for name, value in found.items()})


class Last(keras.callbacks.Callback):  # type: ignore[misc] # as above
    """Reports each epoch to Ray Train, and has all workers stop together.

    Parameters
    ----------
    together : Together
        All workers.
    objects : dict of str to object
        The person's own classes and functions in the model.
    sample : array or dict of arrays
        A row as the model takes it.
    """

    def __init__(self, together: Together, objects: dict[str, Any], sample: Any) -> None:
        super().__init__()
        self._sample = sample
        self._together = together
        self._objects = objects
        self._stop = False
        self._told: dict[str, float] = {}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Put off a stop in the middle of an epoch: the other workers would wait for ever."""
        del batch, logs
        if self._together.workers > 1 and self.model.stop_training:
            self._stop, self.model.stop_training = True, False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Report."""
        stop = self._stop or self.model.stop_training
        self.model.stop_training = self._together.any(stop)
        self._told = point_of(epoch + 1, logs or {})
        self._report(epoch + 1, finished=False)

    def on_train_end(self, logs: Any = None) -> None:
        """Report the final weights: a callback may have put the best epoch's back."""
        del logs
        self._report(int(self._told["epoch"]), finished=True)

    def _report(self, epoch: int, *, finished: bool) -> None:
        import ray.train
        from ray.train import Checkpoint

        if self._together.rank != 0:
            ray.train.report(self._told)
            return
        with tempfile.TemporaryDirectory(prefix="raydp_magic-keras-") as folder:
            tf_model.save(folder, self.model, self._objects)
            output = [int(size) for size in self.model(self._sample).shape[1:]]
            progress = {"epoch": epoch, "finished": finished, "output": output}
            (Path(folder) / PROGRESS).write_text(json.dumps(progress))
            ray.train.report(self._told, checkpoint=Checkpoint.from_directory(folder))


def point_of(epoch: int, logs: dict[str, Any]) -> dict[str, float]:
    """An epoch's report: Keras' ``loss`` and ``val_loss`` by the names of all estimators.

    The order is theirs, too: losses come before metrics, ``train_...`` before ``eval_...``.
    """
    point: dict[str, float] = {"epoch": epoch}
    order = sorted(logs, key=lambda name: (name.startswith("val_"), not name.endswith("loss")))
    for name in order:
        value = logs[name]
        bare = name.removeprefix("val_")
        point[f"train_{name}" if bare == name else f"eval_{bare}"] = float(value)
    return point
