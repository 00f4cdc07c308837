"""Between two boosting rounds: what is reported, when, and when to stop. Pure.

Ray Train takes a report every few seconds only, and a boosting round may take milliseconds. So
rounds are collected, and handed over together; all workers must do so after the same round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Row = dict[str, float]
"""What is known after a round: ``epoch`` (from 1), and a number for each metric."""

TRAIN, EVALUATE = "train", "eval"
"""What the two tables are called in metrics: ``train_loss``, ``eval_auc``."""

MAXIMISED = ("auc", "auc_mu", "aucpr", "ndcg", "map", "pre", "average_precision", "accuracy", "r2")
"""Metrics that are better when they are larger."""


def is_maximised(metric: str) -> bool:
    """Whether a metric is better when it is larger, by its name: ``auc``, ``ndcg@5``, ``map-``."""
    return metric.partition("@")[0].removesuffix("-") in MAXIMISED


@dataclass
class Patience:
    """Early stopping; its state goes into checkpoints, so that a restart does not forget it.

    Attributes
    ----------
    rounds : int
        Rounds without a better score after which to stop.
    metric : str
        Whose score: a key of a row.
    maximise : bool
        Whether larger is better.
    min_delta : float
        How much better counts.
    best : float or None
        Best score so far.
    best_round : int
        The round (from 1) that had it; 0 before the first.
    """

    rounds: int
    metric: str
    maximise: bool
    min_delta: float = 0.0
    best: float | None = None
    best_round: int = 0

    def take(self, number: int, row: Row) -> None:
        """Note the score of a round."""
        score = row[self.metric]
        gain = 0.0 if self.best is None else score - self.best
        better = (gain if self.maximise else -gain) > self.min_delta
        if self.best is None or math.isnan(self.best) or better:
            self.best, self.best_round = score, number

    def is_over(self, number: int) -> bool:
        """Whether that round is the last one."""
        return number - self.best_round >= self.rounds


def row_of(number: int, metrics: list[tuple[str, str, float]]) -> Row:
    """A round's row.

    Parameters
    ----------
    number : int
        The round, from 1.
    metrics : list of (str, str, float)
        Table (`TRAIN` or `EVALUATE`), metric, value. A table's first metric is also its loss.
    """
    row: Row = {"epoch": number}
    for table, metric, value in metrics:
        row.setdefault(f"{table}_loss", float(value))
        row[f"{table}_{metric}"] = float(value)
    return row


def watched_metric(names: list[str], asked: str | None) -> str:
    """The metric that early stopping watches.

    Parameters
    ----------
    names : list of str
        The metrics of the rows to evaluate on, in order.
    asked : str, optional
        Which one; the first by default.

    Raises
    ------
    ValueError
        When there is no such metric.
    """
    if asked is not None and asked not in names:
        raise ValueError(f"There is no metric {asked!r} to stop by; there are: {', '.join(names)}")
    return names[0] if asked is None else asked


def rounds_until_report(seconds_per_round: float, interval: float) -> int:
    """How many rounds to go on before the next report, so that about `interval` seconds pass.

    Parameters
    ----------
    seconds_per_round : float
        Measured so far; 0 or less when nothing was.
    interval : float
        Seconds.
    """
    if seconds_per_round <= 0:
        return 1
    return max(1, round(interval / seconds_per_round))
