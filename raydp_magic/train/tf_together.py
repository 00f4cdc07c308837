"""Several workers train one Keras 3 model: their gradients are averaged.

Keras 3 does not run under TensorFlow's MultiWorkerMirroredStrategy (keras issue 20585). So each
worker has the whole model as on one machine, and only the optimizer is changed: before it uses
gradients, it takes their mean over all workers, by TensorFlow's own collective operations. With
the same start and the same number of rows in each step, all workers keep the same weights.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def prepare(cpus: float) -> None:
    """Settle the environment, before TensorFlow and Keras are imported.

    Parameters
    ----------
    cpus : float
        What Ray has reserved for this process.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    with _no_stderr():  # it tells of its kernels before it knows of any log level
        import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    threads = max(1, int(cpus))
    with suppress(RuntimeError):  # a process that has used it keeps its settings
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, enable=True)


@contextmanager
def _no_stderr() -> Iterator[None]:
    """Nothing goes to this process' standard error, from C++ either."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Together:
    """Sums over all workers. All of them must ask for the same, in the same order.

    Parameters
    ----------
    workers : int
        How many there are; with one nothing is done.
    rank : int
        Which one this is.
    """

    def __init__(self, workers: int, rank: int) -> None:
        self.workers = workers
        self.rank = rank
        self._sums: Any = None
        if workers > 1:
            self._sums = _collective()

    def sum(self, tensors: Sequence[Any]) -> list[Any]:
        """Sums of tensors over all workers; also while a function is traced."""
        if self._sums is None or not tensors:
            return list(tensors)
        import tensorflow as tf

        return list(self._sums([tf.convert_to_tensor(tensor) for tensor in tensors]))

    def any(self, flag: bool) -> bool:
        """Whether it is true for one of the workers."""
        import tensorflow as tf

        return bool(self.sum([tf.constant(float(flag))])[0] > 0)

    def mean(self, tensors: Sequence[Any]) -> list[Any]:
        """Means of tensors over all workers."""
        import tensorflow as tf

        if self._sums is None:
            return list(tensors)
        return [total / tf.cast(self.workers, total.dtype) for total in self.sum(tensors)]

    def of_first(self, tensors: Sequence[Any]) -> list[Any]:
        """What the first worker has."""
        import tensorflow as tf

        mine = tensors if self.rank == 0 else [tf.zeros_like(tensor) for tensor in tensors]
        return self.sum(mine)


def _collective() -> Any:
    """A function that sums a list of tensors over the processes that TF_CONFIG names."""
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()

    def mine(tensors: list[Any]) -> Any:
        here = [tf.identity(tensor) for tensor in tensors]  # on the device of this replica
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, here)

    return tf.function(lambda tensors: strategy.run(mine, args=(tensors,)))


def average_gradients(optimizer: Any, together: Together) -> None:
    """Have a Keras optimizer use the gradients' mean over all workers.

    Clipping, accumulation and weight decay come after it, as with one worker.
    """
    if together.workers == 1:
        return
    apply = optimizer.apply

    def apply_mean(grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> Any:
        mean = iter(together.mean([grad for grad in grads if grad is not None]))
        return apply([None if g is None else next(mean) for g in grads], trainable_variables)

    optimizer.apply = apply_mean


def start_alike(model: Any, together: Together) -> None:
    """Give all workers the first one's weights, and each its own random numbers."""
    if together.workers == 1:
        return
    floats = floating(model.variables)
    for variable, value in zip(floats, together.of_first([v.value for v in floats]), strict=True):
        variable.assign(value)
    for variable in model.non_trainable_variables:
        if "seed_generator" in variable.path:
            variable.assign(variable.value + together.rank)


def agree_on_statistics(model: Any, together: Together) -> None:
    """Take the mean over all workers of what layers have counted (moving means)."""
    floats = floating(model.non_trainable_variables)
    for variable, value in zip(floats, together.mean([v.value for v in floats]), strict=True):
        variable.assign(value)


def metrics_of_all(model: Any, together: Together) -> dict[str, float]:
    """A model's metrics over the rows of all workers.

    A Keras metric's state is a sum over rows (Keras itself adds it up across replicas).
    """
    for metric in model.metrics:
        variables = metric.variables
        totals = together.sum([variable.value for variable in variables])
        for variable, total in zip(variables, totals, strict=True):
            variable.assign(total)
    return {name: float(value) for name, value in model.get_metrics_result().items()}


def floating(variables: Sequence[Any]) -> list[Any]:
    """Those that hold fractions."""
    import tensorflow as tf

    return [v for v in variables if tf.as_dtype(v.dtype).is_floating]
