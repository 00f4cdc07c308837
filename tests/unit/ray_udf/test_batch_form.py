"""What a function is given, and that it comes back unchanged when the function leaves it alone."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from raydp_magic.ray_udf.batch_form import to_batch, unknown_floats
from raydp_magic.ray_udf.output_form import to_table

TABLE = pa.table({"id": [1, 2], "name": ["a", None], "list": [[1, 2], []]})
BIG = 2**53 + 1
NAN = float("nan")
DAY, TIME = dt.date(2020, 2, 29), dt.datetime(1, 1, 1, 12, 0, 0, 5)
FIELDS = pa.struct([("x", pa.int64()), ("y", pa.list_(pa.float64())), ("d", pa.date32())])


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


def test_arrays_of_one_length_can_be_stacked():
    table = pa.table({"v": pa.array([[1, 2, 3], [4, 5, 6]], pa.list_(pa.float32()))})
    assert np.stack(to_batch(table, "numpy")["v"]).shape == (2, 3)


@pytest.mark.parametrize("batch_format", ["numpy", "pandas"])
@pytest.mark.parametrize(
    ("arrow_type", "values"),
    [
        (pa.int8(), [1, None]),
        (pa.int64(), [2**53, None]),
        (pa.int64(), [BIG, None]),
        (pa.int64(), [-BIG, 1]),
        (pa.int64(), [None, None]),
        (pa.float32(), [1.5, None]),
        (pa.float64(), [1.5, NAN]),
        (pa.float64(), [NAN, None, 1.5]),
        (pa.bool_(), [True, None]),
        (pa.decimal128(10, 2), [Decimal("1.50"), None]),
        (pa.string(), ["a", None]),
        (pa.binary(), [b"a", None]),
        (pa.date32(), [DAY, None]),
        (pa.timestamp("us", "America/New_York"), [TIME, None]),
        (pa.timestamp("us"), [TIME, dt.datetime(9999, 12, 31), None]),
        (pa.time64("ns"), [dt.time(1, 2, 3, 4), None]),
        (pa.duration("us"), [dt.timedelta(days=300_000), None]),
        (pa.list_(pa.int64()), [[BIG, None], None, []]),
        (pa.list_(pa.float64()), [[1.5, None, NAN], None]),
        (pa.list_(pa.float64()), [[1.5, NAN], None]),
        (pa.list_(pa.bool_()), [[True, None], None]),
        (pa.list_(pa.date32()), [[DAY, None], None]),
        (pa.list_(pa.timestamp("us", "UTC")), [[TIME, None], None]),
        (pa.list_(pa.list_(pa.int32())), [[[1, None], None], None]),
        (pa.map_(pa.string(), pa.int64()), [[("k", BIG), ("l", None)], None]),
        (pa.map_(pa.date32(), pa.float64()), [[(DAY, NAN)], None]),
        (FIELDS, [{"x": BIG, "y": [1.0], "d": DAY}, {"x": None, "y": None, "d": None}, None]),
        (pa.list_(FIELDS), [[{"x": BIG, "y": [None], "d": DAY}, None], None]),
        (pa.null(), [None, None]),
    ],
)
def test_what_a_function_leaves_alone_comes_back_as_it_was(batch_format, arrow_type, values):
    table = pa.table({"x": pa.array(values, arrow_type)})
    batch = to_batch(table, batch_format)
    back = to_table(batch, table.schema, unknown_floats(batch, table))
    assert back.schema == table.schema
    assert repr(back.to_pylist()) == repr(table.to_pylist())  # NaN is no equal of its own


def test_whole_numbers_with_nulls_can_be_counted_with():
    table = pa.table({"x": pa.array([1, None])})
    arrays = to_batch(table, "numpy")
    assert arrays["x"].dtype == np.float64
    doubled = {"x": arrays["x"] * 2, "y": arrays["x"] * 2}
    schema = pa.schema([("x", pa.int64()), ("y", pa.float64())])
    out = to_table(doubled, schema, unknown_floats(arrays, table)).to_pydict()
    assert out["x"] == [2, None]
    assert np.isnan(out["y"][1])
    frame = to_batch(table, "pandas")
    assert frame["x"].dtype == "Int64"
    assert to_table(frame * 2, table.schema).to_pydict() == {"x": [2, None]}


def test_a_double_is_plain_in_pandas_unless_it_has_a_nan():
    table = pa.table({"a": [1.5, None], "b": [1.5, NAN]})
    assert to_batch(table, "pandas").dtypes.astype(str).to_dict() == {
        "a": "float64",
        "b": "Float64",
    }


def test_an_array_that_is_filled_where_it_lies_has_its_new_values():
    table = pa.table({"x": [1.5, None, None]})
    batch = to_batch(table, "numpy")
    unknown = unknown_floats(batch, table)
    batch["x"][1] = 7
    assert to_table(batch, table.schema, unknown).to_pydict() == {"x": [1.5, 7, None]}
