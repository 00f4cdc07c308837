"""Every Arrow type becomes one that Spark reads and that keeps the values, or is refused."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raydp_magic.bridge.arrow_types import (
    NoSparkTypeError,
    claims_no_nulls,
    readable_type,
    tensor_shape,
)
from raydp_magic.bridge.arrow_values import (
    SLICE_ROWS,
    convert,
    honest_field,
    readable,
    what_is_lost,
)

DAY = dt.date(2020, 2, 29)
CASES = {
    "uint8": (pa.array([0, 255, None], pa.uint8()), pa.int16()),
    "uint16": (pa.array([65535, None], pa.uint16()), pa.int32()),
    "uint32": (pa.array([2**32 - 1, None], pa.uint32()), pa.int64()),
    "uint64": (pa.array([2**64 - 1, None], pa.uint64()), pa.decimal128(20, 0)),
    "float16": (pa.array(np.array([1.5, -0.0], np.float16)), pa.float32()),
    "large_string": (pa.array(["ä", None], pa.large_string()), pa.string()),
    "string_view": (pa.array(["ä" * 20, None], pa.string_view()), pa.string()),
    "large_binary": (pa.array([b"\0", None], pa.large_binary()), pa.binary()),
    "binary_view": (pa.array([b"\0" * 20, None], pa.binary_view()), pa.binary()),
    "fixed binary": (pa.array([b"ab", None], pa.binary(2)), pa.binary()),
    "date64": (pa.array([DAY, None], pa.date64()), pa.date32()),
    "time32": (pa.array([dt.time(1, 2, 3), None], pa.time32("s")), pa.time64("ns")),
    "time64": (pa.array([dt.time(1, 2, 3, 4), None], pa.time64("us")), pa.time64("ns")),
    "seconds": (pa.array([1, None], pa.timestamp("s", "UTC")), pa.timestamp("us", "UTC")),
    "nanoseconds": (pa.array([1000, None], pa.timestamp("ns")), pa.timestamp("us")),
    "duration": (pa.array([1, None], pa.duration("ms")), pa.duration("us")),
    "decimal32": (pa.array([decimal.Decimal("1.5")], pa.decimal32(5, 2)), pa.decimal128(5, 2)),
    "decimal256": (pa.array([decimal.Decimal("1.5")], pa.decimal256(38, 2)), pa.decimal128(38, 2)),
    "zeros at the end": (pa.array([decimal.Decimal(1500)], pa.decimal128(5, -2)), pa.decimal128(7)),
    "dictionary": (pa.array(["a", None, "a"]).dictionary_encode(), pa.string()),
    "run ends": (pa.compute.run_end_encode(pa.array(["a", "a", None])), pa.string()),
    "large_list": (pa.array([[1], None], pa.large_list(pa.uint8())), pa.list_(pa.int16())),
    "fixed list": (pa.array([[1, 2], None], pa.list_(pa.int8(), 2)), pa.list_(pa.int8())),
    "list view": (pa.array([[1], None], pa.list_view(pa.int8())), pa.list_(pa.int8())),
    "list view, NULL behind": (
        pa.concat_arrays(
            [
                pa.array([[1, 2], []], pa.list_view(pa.int8())),
                pa.nulls(2, pa.list_view(pa.int8())),
            ]
        ),
        pa.list_(pa.int8()),
    ),
    "map": (
        pa.array([[("k", 1)], None], pa.map_(pa.large_string(), pa.uint8())),
        pa.map_(pa.string(), pa.int16()),
    ),
    "struct": (
        pa.array([{"a": 1, "b": [{"c": "x"}]}, None]),
        pa.struct([("a", pa.int64()), ("b", pa.list_(pa.struct([("c", pa.string())])))]),
    ),
    "nested dictionary": (
        pa.StructArray.from_arrays([pa.array(["a", "b"]).dictionary_encode()], ["d"]),
        pa.struct([("d", pa.string())]),
    ),
    "uuid": (pa.array([b"0" * 16], pa.uuid()), pa.binary()),
    "json": (pa.array(["{}"], pa.json_()), pa.string()),
    "bool8": (
        pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8())),
        pa.int8(),
    ),
    "null": (pa.nulls(2), pa.null()),
}


@pytest.mark.parametrize(("array", "expected"), CASES.values(), ids=CASES)
def test_every_value_is_kept(array, expected):
    assert readable_type(array.type) == expected
    assert what_is_lost(array, expected, truncate_timestamps=False) is None
    got = convert(array, expected)
    assert got.type == expected
    plain = array.storage if isinstance(array.type, pa.BaseExtensionType) else array
    assert got.to_pylist() == plain.to_pylist()
    got.validate(full=True)


@pytest.mark.parametrize(
    "refused",
    [
        pa.decimal256(40, 2),
        pa.month_day_nano_interval(),
        pa.dense_union([pa.field("a", pa.int8())]),
        pa.list_(pa.month_day_nano_interval()),
        pa.struct([pa.field("a", pa.int8()), pa.field("a", pa.int8())]),
        pa.fixed_shape_tensor(pa.int8(), (2, 0)),
        pa.fixed_shape_tensor(pa.int8(), (2, 3), permutation=[1, 0]),
    ],
    ids=str,
)
def test_what_spark_lacks_is_refused(refused):
    with pytest.raises(NoSparkTypeError):
        readable_type(refused)


LOSSY = {
    "nanoseconds": pa.array([1001], pa.timestamp("ns", "UTC")),
    "nanoseconds in a list": pa.array([[1001]], pa.list_(pa.timestamp("ns"))),
    "duration": pa.array([1001], pa.duration("ns")),
    "time": pa.array([1001], pa.time64("ns")),
    "time in a struct": pa.StructArray.from_arrays([pa.array([1001], pa.time64("ns"))], ["t"]),
}


@pytest.mark.parametrize("array", LOSSY.values(), ids=LOSSY)
def test_what_is_finer_than_a_microsecond_is_told_or_cut_on_request(array):
    target = readable_type(array.type)
    assert "lose data" in what_is_lost(array, target, truncate_timestamps=False)
    assert what_is_lost(array, target, truncate_timestamps=True) is None
    convert(array, target, truncate_timestamps=True)


def test_seconds_that_outgrow_microseconds_are_told_even_then():
    array = pa.array([2**60], pa.timestamp("s"))
    assert what_is_lost(array, pa.timestamp("us"), truncate_timestamps=True) is not None


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 2)])
def test_tensors_become_nested_lists(shape):
    from ray.data.extensions import ArrowTensorArray

    values = np.arange(4 * int(np.prod(shape))).reshape((4, *shape)).astype(np.float32)
    array = ArrowTensorArray.from_numpy(values)
    assert tensor_shape(array.type) == shape
    assert convert(array, readable_type(array.type)).to_pylist() == values.tolist()
    assert convert(array.slice(1, 2), readable_type(array.type)).to_pylist() == values[1:3].tolist()


def test_a_missing_tensor_is_null():
    kind = pa.fixed_shape_tensor(pa.int32(), (2, 2))
    storage = pa.array([[1, 2, 3, 4], None, [5, 6, 7, 8]], pa.list_(pa.int32(), 4))
    array = pa.ExtensionArray.from_storage(kind, storage)
    got = convert(array, readable_type(kind)).to_pylist()
    assert got == [[[1, 2], [3, 4]], None, [[5, 6], [7, 8]]]


def test_a_schema_that_claims_no_nulls_is_not_believed():
    inner = pa.struct([pa.field("x", pa.list_(pa.field("element", pa.int64(), nullable=False)))])
    claimed = pa.field("s", inner, nullable=False)
    array = pa.array([{"x": [1, None]}, None], inner)
    field = honest_field(claimed, [array])
    assert field.nullable
    assert field.type.field("x").type.value_field.nullable
    full = pa.array([{"x": [1]}, None], inner)
    field = honest_field(pa.field("s", inner), [array.slice(1), full])
    assert not field.type.field("x").type.value_field.nullable
    assert claims_no_nulls(claimed)
    assert not claims_no_nulls(pa.field("s", pa.list_(pa.int8())))


NESTED = {
    "dictionary of views": pa.DictionaryArray.from_arrays(
        pa.array([0, None, 1], pa.int8()), pa.array(["a" * 20, "b"], pa.string_view())
    ),
    "struct of views": pa.StructArray.from_arrays(
        [pa.array(["a" * 20, None], pa.string_view())], ["a"], mask=pa.array([False, True])
    ),
    "run ends in a struct": pa.StructArray.from_arrays(
        [pa.compute.run_end_encode(pa.array(["a", "a", None]))], ["r"]
    ),
    "list views in a list": pa.ListArray.from_arrays(
        pa.array([0, 2, 3], pa.int32()), pa.array([[1, 2], None, [3]], pa.list_view(pa.int8()))
    ),
    "large lists in a map": pa.MapArray.from_arrays(
        pa.array([0, 1, 2], pa.int32()),
        pa.array(["a", "b"], pa.string_view()),
        pa.array([[1], None], pa.large_list(pa.uint8())),
    ),
}


@pytest.mark.parametrize("array", NESTED.values(), ids=NESTED)
def test_exotic_types_below_the_top(array):
    target = readable_type(array.type)
    got = convert(array, target)
    got.validate(full=True)
    assert got.type == target
    assert got.to_pylist() == array.to_pylist()
    tail = convert(array.slice(1), target)
    assert tail.to_pylist() == array.to_pylist()[1:]


def test_tensors_below_the_top():
    kind = pa.fixed_shape_tensor(pa.int32(), (2, 2))
    storage = pa.array([[1, 2, 3, 4], [5, 6, 7, 8]], pa.list_(pa.int32(), 4))
    array = pa.StructArray.from_arrays([pa.ExtensionArray.from_storage(kind, storage)], ["t"])
    assert convert(array, readable_type(array.type)).to_pylist() == [
        {"t": [[1, 2], [3, 4]]},
        {"t": [[5, 6], [7, 8]]},
    ]


def test_a_date_with_a_time_of_day_is_never_cut():
    array = pa.array([1], pa.int64()).cast(pa.date64())
    assert what_is_lost(array, pa.date32(), truncate_timestamps=True) is not None


def test_slices_are_small_and_missing_columns_null():
    rows = SLICE_ROWS + 1
    table = pa.table({"b": range(rows), "a": ["x"] * rows})
    schema = pa.schema([("a", pa.string()), ("b", pa.int64()), ("c", pa.date32())])
    batches = list(readable(table, schema))
    assert [batch.num_rows for batch in batches] == [SLICE_ROWS, 1]
    assert all(batch.schema == schema for batch in batches)
    assert batches[1].to_pylist() == [{"a": "x", "b": rows - 1, "c": None}]


def test_wide_rows_make_short_slices():
    table = pa.table({"s": pa.array(["x" * 1_000_000] * 200, pa.large_string())})
    batches = list(readable(table, pa.schema([("s", pa.string())])))
    assert len(batches) > 2
    assert sum(batch.num_rows for batch in batches) == 200


ELEMENTS = st.recursive(
    st.sampled_from(
        [
            (pa.uint8(), st.integers(0, 255)),
            (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
            (pa.uint64(), st.integers(0, 2**64 - 1)),
            (pa.float64(), st.floats(allow_nan=False)),
            (pa.large_string(), st.text(max_size=5)),
            (pa.binary(), st.binary(max_size=5)),
            (pa.date32(), st.dates()),
            (pa.timestamp("us"), st.datetimes()),
            (pa.bool_(), st.booleans()),
        ]
    ),
    lambda inner: st.one_of(
        inner.map(lambda e: (pa.large_list(e[0]), st.lists(st.none() | e[1], max_size=3))),
        inner.map(
            lambda e: (
                pa.struct([("x", e[0]), ("y", pa.int8())]),
                st.fixed_dictionaries({"x": st.none() | e[1], "y": st.none()}),
            )
        ),
    ),
    max_leaves=4,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
@given(st.data())
def test_any_nesting_of_them_is_kept(data):
    arrow_type, values = data.draw(ELEMENTS)
    array = pa.array(data.draw(st.lists(st.none() | values, max_size=6)), arrow_type)
    got = convert(array, readable_type(arrow_type))
    assert got.to_pylist() == array.to_pylist()
    got.validate(full=True)
