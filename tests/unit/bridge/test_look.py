"""What is seen in one block, and what is refused, without Ray and Spark."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from raydp_magic.bridge.look import is_table, look_at
from raydp_magic.errors import BridgeError, UnsupportedTypeError, UsageError


def seen(block):
    return look_at(block, truncate_timestamps=False)


def test_a_table_s_schema_rows_and_bytes():
    found = seen(pa.table({"a": pa.array([1, 2], pa.uint8()), "b": ["x", None]}))
    assert found.schema == pa.schema([("a", pa.int16()), ("b", pa.string())])
    assert (found.rows, found.arrow, found.problem) == (2, (), None)


def test_frames_come_as_arrow():
    polars = pl.DataFrame({"c": ["a", "b"], "s": [{"x": "y"}, None]}).with_columns(
        pl.col("c").cast(pl.Categorical)
    )
    found = seen(polars)
    assert found.schema.field("c").type == pa.string()
    assert found.arrow[0].num_rows == 2
    assert seen(pd.DataFrame({1: [1]})).schema.names == ["1"]


def test_claims_of_no_nulls_are_checked_where_they_are_made():
    schema = pa.schema([pa.field("d", pa.dictionary(pa.int8(), pa.string()), nullable=False)])
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(["a", None]))
    found = seen(pa.table([column], schema=schema))
    assert found.schema.field("d").nullable
    lists = pa.large_list(pa.field("item", pa.int8(), nullable=False))
    table = pa.table([pa.array([[1]], lists)], schema=pa.schema([("l", lists)]))
    assert not seen(table).schema.field("l").type.value_field.nullable


@pytest.mark.parametrize(
    ("block", "error", "says"),
    [
        (5, UsageError, "holds int"),
        (pa.array([1]), UsageError, "holds Int64Array"),
        (pl.Series([1]), UsageError, "holds Series"),
        (pa.table([[1], [2]], names=["a", "a"]), BridgeError, "same name"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), BridgeError, "same name"),
        (pd.DataFrame({"o": [1, "x"]}), UnsupportedTypeError, "'o'"),
        (pd.DataFrame({"o": [2**70]}), BridgeError, "cannot become an Arrow table"),
        (pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)}), UnsupportedTypeError, "'o'"),
        (pa.table({"t": pa.array([1], pa.timestamp("ns"))}), UnsupportedTypeError, "truncate_"),
        (
            pa.table({"t": pa.array([2**60], pa.timestamp("s"))}),
            UnsupportedTypeError,
            "leave those",
        ),
        (pa.table({}), BridgeError, "without columns"),
    ],
    ids=str,
)
def test_what_is_refused(block, error, says):
    problem = seen(block).problem
    assert type(problem) is error
    assert says in str(problem)
    assert problem.hint


def test_ray_s_placeholder_for_rows_without_columns_is_no_column():
    rows = pa.nulls(3)
    found = seen(pa.table({"a": [1, 2, 3], "__bsp_stub": rows}))
    assert (found.schema.names, found.rows) == (["a"], 3)
    assert "without columns" in str(seen(pa.table({"__bsp_stub": rows})).problem)
    assert seen(pa.table({"__bsp_stub": [1]})).schema.names == ["__bsp_stub"]


def test_what_counts_as_a_table():
    assert is_table(pa.table({"a": [1]}))
    assert is_table(pa.RecordBatch.from_pydict({"a": [1]}))
    assert not is_table(pa.chunked_array([[1]]))
    assert not is_table([1])
