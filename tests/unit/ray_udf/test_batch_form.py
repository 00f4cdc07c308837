"""What a function is given, and what it may return."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from raydp_magic.ray_udf.batch_form import to_batch, to_table
from raydp_magic.ray_udf.failure import OutputError, words

TABLE = pa.table({"id": [1, 2], "name": ["a", None], "list": [[1, 2], []]})
SCHEMA = pa.schema([("id", pa.int32()), ("x", pa.float64())])


def test_the_three_forms():
    arrays = to_batch(TABLE, "numpy")
    assert {name: type(values) for name, values in arrays.items()} == dict.fromkeys(
        TABLE.column_names, np.ndarray
    )
    assert arrays["id"].dtype == np.int64
    assert arrays["name"].tolist() == ["a", None]
    assert arrays["list"][0].tolist() == [1, 2]
    assert to_batch(TABLE, "pandas")["id"].tolist() == [1, 2]
    assert to_batch(TABLE, "pyarrow") is TABLE


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
        ({"id": [2**40], "x": [1.0]}, "types of the schema"),
        ({"id": ["one"], "x": [1.0]}, "types of the schema"),
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


def test_words_of_a_wrong_output_are_one_line():
    try:
        to_table(5, SCHEMA)
    except OutputError as error:
        said = words(error).splitlines()
    assert said[0].startswith("the function of map_batches failed: it returned int, not")
    assert len([line for line in said if "raydp_magic/" in line]) == 0
