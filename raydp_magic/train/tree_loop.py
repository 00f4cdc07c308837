"""What a worker does around boosting: reads its rows, restores, reports, stops."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from raydp_magic.train.columns import complete
from raydp_magic.train.shares import share
from raydp_magic.train.tree_rounds import (
    EVALUATE,
    Patience,
    Row,
    is_maximised,
    rounds_until_report,
    row_of,
    watched_metric,
)
from raydp_magic.train.tree_table import joined, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    import pyarrow as pa

    from raydp_magic.train.tree_table import TreeColumns

T = TypeVar("T")

MODEL, PROGRESS = "model", "progress.json"
"""Files of a checkpoint."""

REPORT_SECONDS = 1.0


@dataclass(frozen=True)
class TreeConfig:
    """What workers are told.

    Attributes
    ----------
    params : dict
        The library's own.
    rounds : int
        Boosting rounds.
    columns : TreeColumns
        Which columns are what.
    patience : int or None
        Rounds without a better score after which to stop.
    watched : str or None
        The metric to stop by; the first one by default.
    maximise : bool or None
        Whether it is better when larger; by its name by default.
    """

    params: dict[str, Any]
    rounds: int
    columns: TreeColumns
    patience: int | None
    watched: str | None
    maximise: bool | None


@dataclass(frozen=True)
class Rows:
    """A worker's part of a table: the matrix, the labels and the weights (None: all alike)."""

    matrix: np.ndarray[Any, Any]
    label: np.ndarray[Any, Any]
    weight: np.ndarray[Any, Any] | None


def rows_of(batches: Iterable[pa.Table], columns: TreeColumns, dtype: str) -> Rows:
    """Bring batches of a table into one matrix; see `TreeColumns.matrix`.

    Raises
    ------
    UsageError
        When a row has no label or no weight: LightGBM would take 0 for it.
    """
    table = joined(batches, columns.needed())

    def of_each_row(name: str, what: str) -> np.ndarray[Any, Any]:
        return complete(numbers(table.column(name)), name, what=what)

    label = of_each_row(columns.label, "label")
    weight = None if columns.weight is None else of_each_row(columns.weight, "weight")
    return Rows(columns.matrix(table, dtype), label, weight)


class TreeRun:
    """One worker's run.

    Parameters
    ----------
    config : TreeConfig
        What it is told.

    Attributes
    ----------
    model : bytes or None
        The model to go on from, when the run was interrupted.
    rounds_done : int
        Rounds behind it.
    finished : bool
        Whether its last checkpoint was the final one.
    """

    def __init__(self, config: TreeConfig) -> None:
        import ray.train

        context = ray.train.get_context()
        self.config = config
        self.workers: int = context.get_world_size()
        self.chief = context.get_world_rank() == 0
        self.model: bytes | None = None
        self.rounds_done = 0
        self.finished = False
        self._patience: Patience | None = None
        self._unreported: list[Row] = []
        checkpoint = ray.train.get_checkpoint()
        if checkpoint is not None:
            with checkpoint.as_directory() as folder:
                state = json.loads(Path(folder, PROGRESS).read_text())
                self.model = Path(folder, MODEL).read_bytes()
            self.rounds_done, self.finished = state["rounds"], state["finished"]
            self._patience = state["patience"] and Patience(**state["patience"])
        self._next_report = self.rounds_done + 1
        self._timed_from = time.monotonic()

    @property
    def rounds_left(self) -> int:
        """Rounds that are still to do, 0 when stopping was decided before."""
        if self.finished or (self._patience and self._patience.is_over(self.rounds_done)):
            return 0
        return max(0, self.config.rounds - self.rounds_done)

    @property
    def best_round(self) -> int | None:
        """With early stopping: the round with the best score, from 1."""
        return self._patience.best_round if self._patience else None

    def rows(self, name: str, dtype: str, *, of_all: bool = False) -> Rows | None:
        """Rows of a dataset; None when the run has no such dataset.

        Parameters
        ----------
        name : str
            ``"train"`` or ``"evaluate"``.
        dtype : str
            NumPy's name of the matrix' type.
        of_all : bool
            Of all workers, not only this one's share.
        """
        ranks = range(self.workers) if of_all else [None]
        found = [part for rank in ranks if (part := share(name, rank)) is not None]
        if not found:
            return None
        batches = (
            batch
            for part in found
            for batch in part.iter_batches(batch_size=None, batch_format="pyarrow")
        )
        return rows_of(batches, self.config.columns, dtype)

    def after_round(
        self,
        metrics: list[tuple[str, str, float]],
        save: Callable[[str], None],
        *,
        alike: bool = True,
    ) -> bool:
        """Take a round's metrics, and report when it is time.

        Parameters
        ----------
        metrics : list of (str, str, float)
            As for `row_of`.
        save : callable
            Writes the model to a file.
        alike : bool
            Whether all workers have the same metrics, to the last bit.

        Returns
        -------
        bool
            Whether to stop, the same on all workers.
        """
        self.rounds_done += 1
        row = row_of(self.rounds_done, metrics)
        self._unreported.append(row)
        stop = self._impatient(row, [name for table, name, _ in metrics if table == EVALUATE])
        if self.config.patience is not None and not alike:
            stop = self._agreed(stop)
        last = stop or self.rounds_done == self.config.rounds
        if self.rounds_done >= self._next_report and not last:  # `finish` reports the last ones
            seconds = (time.monotonic() - self._timed_from) / len(self._unreported)
            upcoming = self.rounds_done + rounds_until_report(seconds, REPORT_SECONDS)
            self._next_report = self._agreed(upcoming)
            self._report(save, finished=False)
            self._timed_from = time.monotonic()
        return stop

    def finish(self, save: Callable[[str], None]) -> None:
        """Report what is left, with the final model."""
        if not self.finished:
            self._report(save, finished=True)

    def _agreed(self, value: T) -> T:
        """What the first worker says; every worker must ask."""
        if self.workers == 1:
            return value
        from ray.train.collective import broadcast_from_rank_zero

        return broadcast_from_rank_zero(value)  # type: ignore[no-any-return] # Ray has no types

    def _impatient(self, row: Row, names: list[str]) -> bool:
        config = self.config
        if config.patience is None or not names:
            return False
        if self._patience is None:
            metric = watched_metric(names, config.watched)
            larger = is_maximised(metric) if config.maximise is None else config.maximise
            self._patience = Patience(config.patience, f"{EVALUATE}_{metric}", larger)
        self._patience.take(self.rounds_done, row)
        return self._patience.is_over(self.rounds_done)

    def _report(self, save: Callable[[str], None], *, finished: bool) -> None:
        import ray.train
        from ray.train import Checkpoint

        rows, self._unreported = self._unreported, []
        report = {**(rows[-1] if rows else {"epoch": self.rounds_done}), "points": rows}
        if not self.chief:
            ray.train.report(report)
            return
        with tempfile.TemporaryDirectory(prefix="raydp_magic-trees-") as folder:
            save(str(Path(folder) / MODEL))
            state = {
                "rounds": self.rounds_done,
                "patience": self._patience and asdict(self._patience),
                "finished": finished,
            }
            (Path(folder) / PROGRESS).write_text(json.dumps(state))
            ray.train.report(report, checkpoint=Checkpoint.from_directory(folder))
