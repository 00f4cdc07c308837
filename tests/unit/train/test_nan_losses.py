"""A loss that became NaN, and the columns that are named for it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from raydp_magic.train.nan_losses import columns_with_gaps, first_nan, nan_text, warn_of_nan

NAN = float("nan")


class Part:
    """A share of a Dataset's rows."""

    def __init__(self, *tables):
        self.tables = tables

    def iter_batches(self, *, batch_size, batch_format):
        assert (batch_size, batch_format) == (None, "pyarrow")
        return iter(self.tables)


FULL = pa.table({"a": [1.0, 2.0], "b": [1, 2], "c": [[1.0], [2.0]], "d": [1.0, np.inf]})


def test_columns_with_null_or_nan():
    for name, values in {"a": [1.0, NAN], "b": [None, 2], "c": [[1.0], [NAN]]}.items():
        gap = FULL.set_column(FULL.column_names.index(name), name, pa.array(values))
        assert columns_with_gaps([Part(FULL), Part(FULL, gap)], ["d", "c", "b", "a"]) == [name]
    assert columns_with_gaps([Part(FULL)], ["a", "b", "c", "d"]) == []


def test_what_is_said():
    assert nan_text("train_loss", "epoch", 2, ["a", "b"]) == (
        "train_loss is NaN since epoch 2: rows without a value in 'a', 'b'; "
        "fill them, e.g. `df.fillna(0)`, or drop them: `df.dropna()`"
    )
    assert "smaller learning rate" in nan_text("train_loss", "epoch", 2, [])
    assert (
        first_nan([{"epoch": 1, "train_loss": 1.0}, {"epoch": 2, "train_loss": NAN}], "train_loss")
        == 2
    )
    assert first_nan([{"epoch": 1, "train_loss": 1.0}], "eval_loss") is None


def test_a_fit_warns_once_of_the_rows_that_it_comes_of(recwarn):
    gap = FULL.set_column(0, "a", pa.array([1.0, None]))
    shares = {"train-0": Part(FULL), "evaluate-0": Part(gap)}
    good, bad = {"train_loss": 1.0, "eval_loss": 1.0}, {"train_loss": 1.0, "eval_loss": NAN}
    warn_of_nan("epoch", [{"epoch": 1, **good}], shares, ["a"])
    assert len(recwarn) == 0
    with pytest.warns(UserWarning, match="eval_loss is NaN since epoch 1: rows .* in 'a'") as said:
        warn_of_nan("epoch", [{"epoch": 1, **bad}, {"epoch": 2, **bad}], shares, ["a", "b"])
    assert len(said) == 1
    assert said[0].filename == __file__, "the person's own line"
