"""Which columns are fed to a model, and what becomes of a batch of them."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import types as t

from raydp_magic.errors import UsageError
from raydp_magic.train.columns import (
    Features,
    as_array,
    check_columns,
    check_whole,
    labels,
    stacked,
)
from raydp_magic.train.kinds import kinds_of

BATCH = {
    "a": np.array([1, 2, 3]),
    "b": np.array([0.5, np.nan, 1.5]),
    "picture": np.array(
        [np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])], dtype=object
    ),
    "cube": np.arange(24.0).reshape(3, 2, 4),
    "money": np.array([Decimal("1.5"), None, Decimal("2.5")], dtype=object),
}


def test_names_are_the_columns_of_one_input_side_by_side():
    [matrix] = Features.of(["a", "picture", "b"]).arrays(BATCH, ["float32"])
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix[0], [1, 1, 2, 0.5])
    assert matrix.shape == (3, 4)


def test_lists_of_names_are_one_input_each_with_its_type():
    features = Features.of([["a", "b"], ["a"]], ["float", "long"])
    floats, longs = features.arrays(BATCH, ["float64", "int64"])
    assert floats.shape == (3, 2)
    assert longs.tolist() == [[1], [2], [3]]
    assert features.types == ("float", "long")
    assert features.names == ["a", "b"]


def test_arrays_of_arrays_as_arrow_gives_them_are_as_deep():
    rows = pa.array([[[1.0, 2.0], [3.0, None]], [[5.0, 6.0], [7.0, 8.0]]])
    values = rows.to_numpy(zero_copy_only=False)
    wanted = [[[1, 2], [3, np.nan]], [[5, 6], [7, 8]]]
    for given in (values, values.tolist()):
        [cube] = Features.of("cube").arrays({"cube": given}, ["float32"])
        assert cube.dtype == np.float32
        np.testing.assert_array_equal(cube, wanted)
    np.testing.assert_array_equal(stacked([values, values[:1]]), [*wanted, wanted[0]])


@pytest.mark.parametrize(
    "row",
    [[[1.0, 2.0]], [[1.0, 2.0], [3.0]], [[1.0, 2.0], None], [[1.0, 2.0], 3.0], [1.0, 2.0], None],
)
def test_arrays_of_arrays_that_differ_are_refused_by_name(row):
    rows = np.empty(2, object)
    rows[0] = np.array([np.array([1.0, 2.0]), np.array([3.0, 4.0])])
    rows[1] = row
    with pytest.raises(UsageError, match="'cube' has rows of different widths"):
        as_array(rows, "cube", "float32")


def test_a_single_column_of_arrays_keeps_their_shape():
    [cube] = Features.of("cube").arrays(BATCH, ["float32"])
    assert cube.shape == (3, 2, 4)


def test_decimals_are_numbers_and_null_is_nan():
    np.testing.assert_array_equal(as_array(BATCH["money"], "money", "float64"), [1.5, np.nan, 2.5])


@pytest.mark.parametrize(
    ("columns", "types", "message"),
    [
        ([], None, "No feature columns"),
        ([["a"], "b"], None, "mixes names and lists"),
        (["a", "b"], ["x"], "1 feature_types for 2 feature columns"),
        (["a", "b"], ["x", "y"], "one input and cannot have several types"),
    ],
)
def test_features_that_make_no_sense(columns, types, message):
    with pytest.raises(UsageError, match=message):
        Features.of(columns, types)


def test_one_type_for_each_column_of_an_input():
    assert Features.of(["a", "b"], ["x", "x"]).types == ("x",)


def test_rows_of_different_widths_are_refused_by_name():
    ragged = np.array([np.array([1.0]), np.array([1.0, 2.0])], dtype=object)
    with pytest.raises(UsageError, match="'ragged' has rows of different widths"):
        as_array(ragged, "ragged", "float32")


def test_whole_numbers_cannot_be_missing():
    with pytest.raises(UsageError, match="'b' has rows without a value, and int64"):
        as_array(BATCH["b"], "b", "int64")


def test_a_missing_column_names_the_nearest():
    with pytest.raises(UsageError, match="no feature column 'distnce'") as raised:
        check_columns(["distnce"], {"distance": "number", "hour": "number"}, what="feature")
    assert raised.value.hint == "did you mean 'distance'?"


@pytest.mark.parametrize("kind", ["string", "timestamp", "vector"])
def test_a_column_without_numbers_is_refused(kind):
    with pytest.raises(UsageError, match="'c' holds"):
        check_columns(["c"], {"c": kind}, what="label")


def test_kinds_of_spark_columns():
    fields = {
        "a": t.IntegerType(),
        "b": t.DecimalType(5, 2),
        "c": t.BooleanType(),
        "d": t.ArrayType(t.ArrayType(t.FloatType())),
        "e": t.StringType(),
        "f": t.ArrayType(t.StringType()),
        "g": t.DateType(),
    }
    schema = t.StructType([t.StructField(name, kind) for name, kind in fields.items()])
    kinds = kinds_of("df", SimpleNamespace(schema=schema))
    assert kinds == {
        **dict.fromkeys("abc", "number"),
        "d": "numbers",
        "e": "string",
        "f": "array<string>",
        "g": "date",
    }


def test_kinds_of_a_dataset():
    class Dataset:
        __module__ = "ray.data.dataset"

        def schema(self):
            fields = {
                "i": pa.int8(),
                "l": pa.list_(pa.float32()),
                "f": pa.list_(pa.int8(), 3),
                "s": pa.string(),
                "p": np.dtype("float64"),
                "o": np.dtype(object),
            }
            return SimpleNamespace(names=list(fields), types=list(fields.values()))

    assert kinds_of("ds", Dataset()) == {
        "i": "number",
        "l": "numbers",
        "f": "numbers",
        "s": "string",
        "p": "number",
        "o": "unknown",
    }


def test_anything_else_is_no_table():
    with pytest.raises(UsageError, match="train_ds is a list"):
        kinds_of("train_ds", [1, 2])


def test_batches_of_rows_of_numbers_become_a_matrix():
    lists = np.empty(2, object)
    lists[:] = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    np.testing.assert_array_equal(stacked([lists, lists[:1]]), [[1, 2], [3, 4], [1, 2]])
    np.testing.assert_array_equal(stacked([np.array([1.0]), np.array([2.0])]), [1, 2])


def test_a_row_without_a_label_is_refused():
    with pytest.raises(UsageError, match="label column 'y' has rows without a value") as raised:
        labels({"y": np.array([1.0, None], object)}, "y", "float32")
    assert "dropna" in raised.value.hint
    np.testing.assert_array_equal(labels({"y": np.array([1, 2])}, "y", "int64"), [1, 2])


def test_arrays_of_which_the_first_is_missing_are_refused():
    rows = np.empty(2, object)
    rows[1] = np.array([1.0])
    with pytest.raises(UsageError, match="'a' has rows of different widths, or without a value"):
        as_array(rows, "a", "float32")


def test_a_column_that_is_not_there_is_missed_in_its_table_and_not_confused_with_another():
    kinds = dict.fromkeys(["worst_area", "mean_radius"], "number")
    with pytest.raises(UsageError, match="There is no label column 'target' in evaluate_df") as no:
        check_columns(["target"], kinds, what="label", table="evaluate_df")
    assert no.value.hint == "the columns are: worst_area, mean_radius."


def test_whole_numbers_that_are_missing_are_refused_before_they_become_nan():
    whole, gap = np.array([1, 2]), np.array([1.0, np.nan])
    check_whole({"a": whole, "b": gap}, ["a"])
    with pytest.raises(UsageError, match="'b' has rows without a value, and whole numbers") as no:
        check_whole({"a": whole, "b": gap}, ["a", "b"])
    assert "fillna" in no.value.hint
