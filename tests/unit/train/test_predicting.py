"""Predictions as columns of Arrow and of Spark."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from raydp_magic.train.predicting import AddPredictions, as_arrow, column, spark_type


def doubled():
    return lambda batch: np.stack([batch["a"] * 2.0, batch["b"]], axis=1).astype("float32")


def test_a_column_is_added_and_the_others_keep_their_types():
    table = pa.table({"a": pa.array([1, None]), "b": [0.5, 1.5], "s": [b"x", None]})
    found = AddPredictions(doubled, ["a", "b"], "p")(table)
    assert found.schema.field("p").type == pa.list_(pa.float32())
    assert found["p"].to_pylist() == [[2.0, 0.5], [pytest.approx(float("nan"), nan_ok=True), 1.5]]
    assert found.select(["a", "b", "s"]) == table
    assert AddPredictions(doubled, ["a", "b"], "p", ["b"])(table).column_names == ["b", "p"]


def test_an_empty_batch_is_an_empty_batch():
    table = pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.float64())})
    found = AddPredictions(doubled, ["a", "b"], "p")(table)
    assert found.num_rows == 0
    assert found.schema.field("p").type == pa.list_(pa.float32())


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 2)])
def test_arrays_of_any_depth(shape):
    values = np.arange(np.prod(shape), dtype="float64").reshape(shape)
    assert as_arrow(values).to_pylist() == values.tolist()


def test_lists_stay_lists():
    found = column(pa.chunked_array([[[1.0, 2.0]], [[3.0, 4.0]]]))
    assert [row.tolist() for row in found] == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("name", ["float", "double", "bigint", "boolean", "array<array<float>>"])
def test_types_of_spark_without_a_jvm(name):
    assert spark_type(name).simpleString() == name
