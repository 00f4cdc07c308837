"""What a function may return, and what becomes of it."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from raydp_magic.errors import UsageError
from raydp_magic.ray_udf.failure import OutputError, words
from raydp_magic.ray_udf.output_form import to_table

SCHEMA = pa.schema([("id", pa.int32()), ("x", pa.float64())])
BIG = 2**53 + 1
NAN = float("nan")


def column(values, arrow_type):
    """A returned column, in the type that Spark wants."""
    return to_table({"x": values}, pa.schema([("x", arrow_type)])).column("x").to_pylist()


@pytest.mark.parametrize(
    "output",
    [
        {"id": np.array([1, 2]), "x": np.array([0.5, 1.5], dtype="float32")},
        {"x": [0.5, 1.5], "id": [1, 2]},
        {"id": pa.array([1, 2]), "x": pa.chunked_array([[0.5], [1.5]])},
        {"id": pd.Series([1, 2]), "x": (0.5, 1.5)},
        pd.DataFrame({"x": [0.5, 1.5], "id": [1, 2]}),
        pa.table({"id": [1, 2], "x": [0.5, 1.5]}),
        pa.RecordBatch.from_pydict({"id": [1, 2], "x": [0.5, 1.5]}),
        pl.DataFrame({"id": [1, 2], "x": [0.5, 1.5]}),
        iter([{"id": [1], "x": [0.5]}, pa.table({"id": [2], "x": [1.5]})]),
    ],
)
def test_columns_are_taken_by_name_and_cast(output):
    table = to_table(output, SCHEMA)
    assert table.schema == SCHEMA
    assert table.to_pylist() == [{"id": 1, "x": 0.5}, {"id": 2, "x": 1.5}]


def test_no_rows_and_no_batches():
    assert to_table({"id": [], "x": []}, SCHEMA).num_rows == 0
    assert to_table(iter(()), SCHEMA).schema == SCHEMA


def test_nested_values_and_arrays_of_arrays():
    schema = pa.schema([("v", pa.list_(pa.float32())), ("s", pa.struct([("a", pa.int64())]))])
    output = {"v": np.ones((2, 3), dtype="float32"), "s": [{"a": 1}, None]}
    assert to_table(output, schema).to_pylist() == [
        {"v": [1, 1, 1], "s": {"a": 1}},
        {"v": [1, 1, 1], "s": None},
    ]


def test_arrays_of_any_dimension_are_lists_of_lists():
    deep = pa.list_(pa.list_(pa.int64()))
    values = np.arange(12).reshape(2, 3, 2)
    assert column(values, deep) == values.tolist()
    assert column(values[:0], deep) == []
    assert column(np.zeros((2, 0, 3)), deep) == [[], []]
    assert column(np.array([[1.0, NAN]]), pa.list_(pa.int32())) == [[1, None]]
    with pytest.raises(OutputError, match="'x' does not go with the schema's double") as caught:
        column(np.zeros((2, 1)), pa.float64())
    assert "ravel()" in caught.value.hint


def test_nan_of_numpy_and_lists_stays_and_pandas_nan_is_null():
    assert column(np.array([NAN, 1.0]), pa.float64())[1] == 1.0
    assert np.isnan(column(np.array([NAN]), pa.float64())[0])
    assert np.isnan(column([NAN, None], pa.float64())[0])
    assert column([NAN, None], pa.float64())[1] is None
    assert column(pd.Series([NAN, 1.0]), pa.float64()) == [None, 1.0]
    assert column(pd.Series(["a", NAN]), pa.string()) == ["a", None]
    [[first, second], missing] = column(pd.Series([[NAN, None], None]), pa.list_(pa.float64()))
    assert np.isnan(first)
    assert second is missing is None


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.array([1.0, NAN]), [1, None]),
        (np.array([1.0, NAN], dtype="float16"), [1, None]),
        ([1.0, NAN, None], [1, None, None]),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (np.array([BIG, None], dtype=object), [BIG, None]),
        (pd.Series([BIG, None], dtype="Int64"), [BIG, None]),
        (pd.Series([BIG, NAN], dtype=object), [BIG, None]),
        (pd.Series([1, 2], dtype="category"), [1, 2]),
        (iter([1, 2]), [1, 2]),
        ([], []),
        ([None], [None]),
    ],
)
def test_whole_numbers(values, found):
    assert column(values, pa.int64()) == found


INSIDE = pa.struct([("n", pa.list_(pa.int64()))])


@pytest.mark.parametrize(
    ("values", "arrow_type", "said", "hint"),
    [
        ([1.5], pa.int64(), "truncated", "Int64"),
        (np.array([1.5, None], dtype=object), pa.int64(), "truncated", "Int64"),
        (np.array([2.0**53 + 2]), pa.int64(), "beyond 2**53", "astype('int64')"),
        (np.array([np.inf]), pa.int64(), "beyond 2**53", "astype('int64')"),
        (pa.array([NAN]), pa.int64(), "truncated", "Int64"),
        ([[1.5]], pa.list_(pa.int64()), "no whole number", "in the function"),
        ([np.array([1.0, 1.5])], pa.list_(pa.int64()), "no whole number", "in the function"),
        ([{"n": [1, 1.5]}], INSIDE, "no whole number", "in the function"),
        ([{1: 1.5}], pa.map_(pa.int64(), pa.int64()), "no whole number", "in the function"),
        ([[(1.5, 1)]], pa.map_(pa.int64(), pa.int64()), "no whole number", "in the function"),
        (np.array([1.0, 2.0]), pa.bool_(), "other numbers than 0 and 1", "in the function"),
        ([2, None], pa.bool_(), "other numbers than 0 and 1", "in the function"),
        (np.array(["2020-01-01T12"], "M8[ns]"), pa.date32(), "times of day", "timestamp"),
        ([dt.datetime(2020, 1, 1, 12)], pa.date32(), "times of day", "timestamp"),
        ([BIG], pa.float64(), "not in range", "in the function"),
        (np.array(["UA"], dtype=object), pa.int32(), "'UA'", "say string"),
        (pd.Series([None, "UA"]), pa.float64(), "'UA'", "say string"),
        (pa.array(["UA"]), pa.date32(), "'UA'", "say string"),
    ],
)
def test_what_would_be_another_value_is_refused(values, arrow_type, said, hint):
    with pytest.raises(OutputError, match="column 'x' does not go with") as caught:
        column(values, arrow_type)
    assert said in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize("value", [1, "UA", None, np.float64(1), np.array(1), {"k": 1}])
def test_one_value_is_no_column(value):
    with pytest.raises(OutputError, match="column 'x' is one value, of type ") as caught:
        column(value, pa.string())
    assert "as long as the batch" in caught.value.hint


def test_numbers_for_booleans_and_midnights_for_dates():
    assert column(np.array([1.0, NAN, 0.0]), pa.bool_()) == [True, None, False]
    assert column([1, None], pa.bool_()) == [True, None]
    days = pd.Series(pd.to_datetime(["2020-01-01", None]))
    assert column(days, pa.date32()) == [dt.date(2020, 1, 1), None]
    local = days.dt.tz_localize("America/New_York")
    assert column(local, pa.date32()) == [dt.date(2020, 1, 1), None]


def test_whole_floats_inside_of_nested_values():
    assert column([[1.0, None], None], pa.list_(pa.int64())) == [[1, None], None]
    assert column([{"n": np.array([2.0])}, None], INSIDE) == [{"n": [2]}, None]
    pairs = pa.map_(pa.string(), pa.int64())
    assert column([{"k": 1.0}, [("l", BIG)], None], pairs) == [[("k", 1)], [("l", BIG)], None]


def test_columns_of_a_frame_that_share_a_name_are_refused():
    frame = pd.DataFrame([[1, 2]], columns=["id", "id"])
    with pytest.raises(OutputError, match="same name"):
        to_table(frame, pa.schema([("id", pa.int64())]))


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (5, "it returned int, not a dict"),
        (None, "it returned NoneType"),
        ([{"id": [1], "x": [1.0]}], "it returned list"),
        ({"id": [1]}, "it lacks 'x'"),
        ({"id": [1], "x": [1.0], "y": [1]}, "the schema has no 'y'"),
        (pa.table({"y": [1], "x": [1.0]}), "it lacks 'id'; the schema has no 'y'"),
        ({"id": [1, 2], "x": [1.0]}, "different lengths: {'id': 2, 'x': 1}"),
        ({"id": [2**40], "x": [1.0]}, "column 'id' does not go with the schema's int32"),
        ({"id": ["one"], "x": [1.0]}, "column 'id' does not go with the schema's int32"),
        ({"id": [object()], "x": [1.0]}, "column 'id'"),
        ({"id": 7, "x": [1.0]}, "column 'id'"),
        (pd.DataFrame({"id": [1, "a"], "x": [1, 2]}), "'id'"),
    ],
)
def test_what_does_not_go_with_the_schema(output, said):
    with pytest.raises(OutputError) as caught:
        to_table(output, SCHEMA)
    assert said in str(caught.value)


def test_nulls_where_the_schema_has_none():
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False)])
    with pytest.raises(OutputError, match="column 'id' has nulls"):
        to_table({"id": [1, None]}, schema)


def test_words_of_an_error_end_with_the_functions_own_lines():
    def fails(batch):
        raise ValueError("bad\nvalue")

    try:
        fails(1)
    except ValueError as error:
        first, *frames = words(error).splitlines()
    assert first == "the function of map_batches failed: ValueError: bad value"
    assert frames[-1].strip() == 'raise ValueError("bad\\nvalue")'
    assert "in fails" in frames[-2]


def test_words_of_a_wrong_output_are_one_line_and_a_hint():
    try:
        to_table(5, SCHEMA)
    except OutputError as error:
        said = words(error).splitlines()
    assert len(said) == 2
    assert said[0].startswith("the function of map_batches failed: it returned int, not")
    assert said[1].startswith("Hint: such as ")


def test_words_of_an_error_of_ours_are_its_own():
    error = UsageError("Column 'x' has rows of different widths", hint="a model needs\nthe same.")
    assert words(error) == "Column 'x' has rows of different widths\nHint: a model needs the same."
