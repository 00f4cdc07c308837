"""How rows are shared out to the training workers, and how a worker finds its own.

The rows are in Ray's object store before training starts, and each worker's share is fixed: so a
worker needs nothing but its own CPU while it trains, and one that takes over after a failure sees
the rows that the one before it saw.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import ray


_NO_ROWS = {
    "train": "There are no rows to train on",
    "evaluate": "There are no rows to evaluate on",
}
_NO_ROWS_HINT = {"evaluate": "leave the second DataFrame or Dataset out, or look at its filter."}


def cut_points(rows: int, workers: int, *, equal: bool) -> list[int]:
    """Where each worker's share ends.

    Parameters
    ----------
    rows, workers : int
        How many there are.
    equal : bool
        Give all the same number of rows; up to ``workers - 1`` rows at the end are left out.

    Raises
    ------
    UsageError
        When there are fewer rows than workers, and each must have one.
    """
    if not equal:
        return [rows * (rank + 1) // workers for rank in range(workers)]
    if rows < workers:
        raise UsageError(
            f"{rows} row{'s' * (rows != 1)} cannot train {workers} workers"
            if rows
            else "There are no rows to train on",
            hint="give more rows, or fewer workers.",
        )
    return [rows // workers * (rank + 1) for rank in range(workers)]


def share_out(
    name: str,
    data: ray.data.Dataset,
    workers: int,
    *,
    equal: bool,
    columns: list[str],
    shuffle_seed: int | None,
) -> dict[str, ray.data.Dataset]:
    """Compute a Dataset and cut it into the workers' shares.

    Parameters
    ----------
    name : str
        What workers ask for: ``"train"``, ``"evaluate"``.
    data : Dataset
        The rows.
    workers : int
        How many shares.
    equal : bool
        As for :func:`cut_points`.
    columns : list of str
        The columns to keep.
    shuffle_seed : int or None
        Shuffle all rows with this seed; None leaves their order.

    Returns
    -------
    dict of str to Dataset
        What the trainer is given; see :func:`share`.
    """
    with _without_bars(data.context):
        if list(data.schema().names) != columns:
            data = data.select_columns(columns)
        if shuffle_seed is not None:
            data = data.random_shuffle(seed=shuffle_seed)
        data = data.materialize()
        rows = data.count()
        if not rows:
            raise UsageError(_NO_ROWS[name], hint=_NO_ROWS_HINT.get(name))
        points = cut_points(rows, workers, equal=equal)
        shares = data.split_at_indices(points)[:workers]
    for part in shares:
        _hush(part.context)
    return {f"{name}-{rank}": part for rank, part in enumerate(shares)}


def as_they_are() -> Any:
    """The trainer's ``dataset_config``: each share stays whole."""
    from ray.data import ExecutionOptions
    from ray.train import DataConfig

    # Options of our own: making Ray Train's default ones warns of a deprecation in each fit.
    return DataConfig(datasets_to_split=[], execution_options=ExecutionOptions())


def share(name: str, rank: int | None = None) -> Any:
    """The rows of the training worker that asks: an iterator of Ray Data's; None without any.

    Parameters
    ----------
    name : str
        ``"train"`` or ``"evaluate"``.
    rank : int, optional
        Of another worker.
    """
    import ray.data
    import ray.train
    from ray.train.v2._internal.execution import context

    _hush(ray.data.DataContext.get_current())
    for logger in ("ray.data", context.__file__):  # the second one's has its file's name
        logging.getLogger(logger).setLevel(logging.ERROR)
    if rank is None:
        rank = ray.train.get_context().get_world_rank()
    try:
        return ray.train.get_dataset_shard(f"{name}-{rank}")
    except KeyError:
        return None  # a fit without rows to evaluate on


@contextmanager
def _without_bars(context: Any) -> Iterator[None]:
    """What the notebook shows of a training stands for them."""
    bars, said = context.enable_progress_bars, context.print_on_execution_start
    context.enable_progress_bars = context.print_on_execution_start = False
    try:
        yield
    finally:
        context.enable_progress_bars, context.print_on_execution_start = bars, said


def _hush(context: Any) -> None:
    """No bars and no callbacks of the kernel's for what runs inside of training."""
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.custom_execution_callback_classes = []
