"""What a table becomes for boosting."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from raydp_magic.errors import UsageError
from raydp_magic.train import lightgbm_loop, xgboost_loop
from raydp_magic.train.tree_loop import rows_of
from raydp_magic.train.tree_table import (
    TreeColumns,
    distinct,
    joined,
    sorted_values,
)


def test_a_matrix_has_the_features_in_order_and_nan_for_what_is_missing():
    table = pa.table(
        {
            "y": [1.0, 0.0, 1.0],
            "flag": [True, None, False],
            "amount": pa.array([Decimal("1.5"), Decimal("2.0"), None], pa.decimal128(5, 2)),
            "count": pa.array([1, 2, None], pa.int64()),
        }
    )
    matrix = TreeColumns(("count", "flag", "amount"), "y").matrix(table, "float32")
    assert matrix.dtype == "float32"
    np.testing.assert_array_equal(matrix, [[1, 1, 1.5], [2, np.nan, 2.0], [np.nan, 0, np.nan]])


def test_a_category_is_its_place_among_the_known_ones():
    columns = TreeColumns(("carrier", "month"), "y", categories={"carrier": ["AA", "UA"]})
    table = pa.table({"carrier": ["UA", None, "AA", "ZZ"], "month": [1, 2, 3, 4]})
    matrix = columns.matrix(table, "float64")
    np.testing.assert_array_equal(matrix[:, 0], [1, np.nan, 0, np.nan])
    assert columns.feature_types() == ["c", "q"]


def test_categories_are_found_in_dictionary_columns_too():
    columns = TreeColumns(("carrier",), "y", categories={"carrier": ["AA", "UA"]})
    table = pa.table({"carrier": pa.array(["UA", "AA"]).dictionary_encode()})
    np.testing.assert_array_equal(columns.matrix(table, "float64")[:, 0], [1, 0])


def test_arrays_of_a_predictor_become_the_same_matrix_as_tables():
    columns = TreeColumns(("carrier", "month"), "y", categories={"carrier": ["AA", "UA"]})
    table = pa.table({"carrier": ["UA", None, "AA"], "month": [1, None, 3]})
    arrays = {
        "carrier": np.array(["UA", None, "AA"], object),
        "month": np.array([1, np.nan, 3]),
    }
    np.testing.assert_array_equal(
        columns.of_arrays(arrays, "float64"), columns.matrix(table, "float64")
    )


def test_a_batch_without_any_value_is_all_missing():
    columns = TreeColumns(("carrier", "month"), "y", categories={"carrier": ["AA"]})
    matrix = columns.of_arrays({"carrier": [None], "month": [None]}, "float32")
    assert np.isnan(matrix).all()


def test_categories_of_whole_numbers_match_when_nulls_made_them_fractions():
    columns = TreeColumns(("month",), "y", categories={"month": [1, 7]})
    matrix = columns.of_arrays({"month": np.array([7.0, np.nan, 1.0])}, "float64")
    np.testing.assert_array_equal(matrix[:, 0], [1, np.nan, 0])


def test_decimals_are_categories_whatever_digits_a_batch_has():
    columns = TreeColumns(("fee",), "y", categories={"fee": [Decimal("1.50"), Decimal("12.55")]})
    table = pa.table({"fee": pa.array([Decimal("12.55"), None], pa.decimal128(9, 2))})
    np.testing.assert_array_equal(columns.matrix(table, "float64")[:, 0], [1, np.nan])
    for batch, wanted in (([Decimal("1.5"), Decimal(3)], [0, np.nan]), ([None], [np.nan])):
        matrix = columns.of_arrays({"fee": np.array(batch, object)}, "float64")
        np.testing.assert_array_equal(matrix[:, 0], wanted)


def test_needed_columns_are_named_once():
    columns = TreeColumns(("a", "w"), "y", weight="w")
    assert columns.needed() == ["a", "w", "y"]


def test_names_for_models_are_safe_and_differ():
    assert TreeColumns(("a[0]", "a_0_", "x y", "<b>", "ü"), "y").safe_names() == [
        "a_0_",
        "a_0__",
        "x_y",
        "_b_",
        "ü",
    ]


def test_distinct_values_of_a_table_and_of_many():
    first = distinct(pa.table({"c": ["b", None, "b"], "n": [2, 1, 2]}))
    second = distinct(pa.table({"c": pa.array(["a"]).dictionary_encode(), "n": [2]}))
    rows = first.to_pylist() + second.to_pylist()
    assert sorted_values(v for row in rows for v in row["c"]) == ["a", "b"]
    assert sorted_values(v for row in rows for v in row["n"]) == [1, 2]
    assert sorted_values([2.0, float("nan"), 1.0]) == [1.0, 2.0]


def test_tables_are_joined_though_their_types_differ():
    whole = joined(
        [pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}), pa.table({"a": [2.5]})], ["a"]
    )
    assert whole.to_pydict() == {"a": [1.0, 2.5]}
    assert joined([], ["a", "b"]).num_rows == 0


@pytest.mark.parametrize("column", ["y", "w"])
def test_a_row_without_a_label_or_a_weight_is_refused(column):
    columns = TreeColumns(("x",), "y", "w")
    table = pa.table({"x": [1.0, None], "y": [1, 0], "w": [0.5, 2.0]})
    rows = rows_of([table], columns, "float64")
    assert (rows.label.tolist(), rows.weight.tolist()) == ([1, 0], [0.5, 2])
    gap = table.set_column(table.column_names.index(column), column, [[1, None]])
    with pytest.raises(UsageError, match=f"column '{column}' has rows without a value"):
        rows_of([gap], columns, "float64")


@pytest.mark.parametrize(
    ("loop", "params"),
    [
        (xgboost_loop, {"objective": "reg:squarederror", "eval_metric": ["mae"]}),
        (lightgbm_loop, {"objective": "regression", "metric": ["l1"]}),
    ],
    ids=["xgboost", "lightgbm"],
)
def test_scores_are_of_rows_with_a_label_and_a_weight(loop, params):
    scorer = loop.Scorer(params, ["y", "w"])
    scorer.add(np.array([1.0, 1.0]), np.array([Decimal("1.5"), Decimal(3)], object), [3.0, 1.0])
    scorer.add(np.array([1.0]), np.array([0]), np.array([4]))
    assert scorer.result()["loss"] == pytest.approx((3 * 0.5 + 2 + 4) / 8)
    for values in (([0.0, None], [1.0, 1.0]), ([0.0, 1.0], [1.0, np.nan])):
        with pytest.raises(UsageError, match="has rows without a value"):
            scorer.add(np.zeros(2), *(np.array(given, object) for given in values))
