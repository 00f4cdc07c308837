"""Arrow data in the types that Spark reads. Pure: pyarrow only, no Spark, no Ray.

Spark knows a part of Arrow's types. `readable_type` gives, for any Arrow type, the one of them that
keeps every value, or refuses; `readable` converts a table, slice by slice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLICE_BYTES = 64 * 1024 * 1024
"""A slice given to Spark is not larger, so that no column of it outgrows 32-bit offsets."""
SLICE_ROWS = 65_536

_MOST_DIGITS = 38


class NoSparkTypeError(ValueError):
    """No type of Spark's keeps the values; the text says why."""


def readable_type(arrow_type: Any) -> Any:
    """The Arrow type that Spark reads and that keeps every value of this one.

    Raises
    ------
    NoSparkTypeError
        When there is none.
    """
    for matches, convert_type in _RULES:
        if matches(arrow_type):
            return convert_type(arrow_type)
    raise NoSparkTypeError("Spark has no such type")


def readable_field(field: Any) -> Any:
    """A field with its type made readable; name, nullability and metadata stay."""
    return field.with_type(readable_type(field.type))


def _list(arrow_type: Any) -> Any:
    return pa.list_(readable_field(arrow_type.value_field).with_name("element"))


def _map(arrow_type: Any) -> Any:
    return pa.map_(
        readable_field(arrow_type.key_field).with_name("key"),
        readable_field(arrow_type.item_field).with_name("value"),
    )


def _struct(arrow_type: Any) -> Any:
    names = [field.name for field in arrow_type]
    if len(set(names)) < len(names):
        raise NoSparkTypeError("a struct has two fields of one name")
    return pa.struct([readable_field(field) for field in arrow_type])


def _decimal(arrow_type: Any) -> Any:
    digits, scale = arrow_type.precision, arrow_type.scale
    if scale < 0:  # whole numbers with zeros at their end
        digits, scale = digits - scale, 0
    if digits > _MOST_DIGITS:
        raise NoSparkTypeError(f"Spark's decimals have at most {_MOST_DIGITS} digits")
    return pa.decimal128(digits, scale)


def _extension(arrow_type: Any) -> Any:
    if arrow_type.extension_name.startswith("ray.data.arrow_pickled_object"):
        raise NoSparkTypeError("its values are Python objects")
    if arrow_type.extension_name.startswith("ray.data.arrow_variable_shaped_tensor"):
        raise NoSparkTypeError("its tensors have different shapes")
    shape = tensor_shape(arrow_type)
    if shape is None:
        return readable_type(arrow_type.storage_type)
    element = readable_type(arrow_type.storage_type.value_type)
    for _ in shape:
        element = pa.list_(pa.field("element", element))
    return element


def _is_extension(arrow_type: Any) -> bool:
    return isinstance(arrow_type, pa.BaseExtensionType)


def _is_encoded(arrow_type: Any) -> bool:
    return bool(kind.is_dictionary(arrow_type) or kind.is_run_end_encoded(arrow_type))


def _is_list(arrow_type: Any) -> bool:
    return any(
        matches(arrow_type)
        for matches in (
            kind.is_list,
            kind.is_large_list,
            kind.is_fixed_size_list,
            kind.is_list_view,
            kind.is_large_list_view,
        )
    )


def _always(arrow_type: Any) -> Callable[[Any], Any]:
    return lambda _: arrow_type


def _same(arrow_type: Any) -> Any:
    return arrow_type


_RULES: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (_is_extension, _extension),
    (_is_encoded, lambda encoded: readable_type(encoded.value_type)),
    (_is_list, _list),
    (kind.is_map, _map),
    (kind.is_struct, _struct),
    (kind.is_timestamp, lambda timestamp: pa.timestamp("us", timestamp.tz)),
    (kind.is_decimal, _decimal),
    (kind.is_uint8, _always(pa.int16())),
    (kind.is_uint16, _always(pa.int32())),
    (kind.is_uint32, _always(pa.int64())),
    (kind.is_uint64, _always(pa.decimal128(20, 0))),
    (kind.is_float16, _always(pa.float32())),
    (kind.is_large_string, _always(pa.string())),
    (kind.is_string_view, _always(pa.string())),
    (kind.is_large_binary, _always(pa.binary())),
    (kind.is_binary_view, _always(pa.binary())),
    (kind.is_fixed_size_binary, _always(pa.binary())),
    (kind.is_date64, _always(pa.date32())),
    (kind.is_time, _always(pa.time64("ns"))),
    (kind.is_duration, _always(pa.duration("us"))),
    (kind.is_boolean, _same),
    (kind.is_signed_integer, _same),
    (kind.is_float32, _same),
    (kind.is_float64, _same),
    (kind.is_string, _same),
    (kind.is_binary, _same),
    (kind.is_date32, _same),
    (kind.is_null, _same),
)
"""What becomes of which type; the first rule that matches counts."""


def tensor_shape(arrow_type: Any) -> tuple[int, ...] | None:
    """Shape of one element of a fixed-shape tensor column; None for any other type."""
    if not isinstance(arrow_type, pa.BaseExtensionType):
        return None
    name = arrow_type.extension_name
    if not (name.startswith("ray.data.arrow_tensor") or name == "arrow.fixed_shape_tensor"):
        return None
    return tuple(arrow_type.shape)


def what_is_lost(array: Any, target: Any, *, truncate_timestamps: bool) -> str | None:
    """Why these values do not fit the target type; None when all do."""
    if not may_lose(array.type):
        return None
    try:
        for chunk in _chunks(array):
            convert(chunk, target, truncate_timestamps=truncate_timestamps)
    except pa.ArrowInvalid as error:
        return " ".join(str(error).split())
    return None


def may_lose(arrow_type: Any) -> bool:
    """Whether values of a type may not fit its readable one, so that they must be looked at."""
    if kind.is_timestamp(arrow_type) or kind.is_duration(arrow_type):
        return bool(arrow_type.unit != "us")
    if kind.is_time64(arrow_type) or kind.is_date64(arrow_type):
        return True
    return any(may_lose(inner) for inner in _inner_types(arrow_type))


def _inner_types(arrow_type: Any) -> list[Any]:
    if _is_extension(arrow_type):
        return [arrow_type.storage_type]
    if _is_encoded(arrow_type) or _is_list(arrow_type):
        return [arrow_type.value_type]
    if kind.is_map(arrow_type):
        return [arrow_type.key_type, arrow_type.item_type]
    if kind.is_struct(arrow_type):
        return [field.type for field in arrow_type]
    return []


def convert(array: Any, target: Any, *, truncate_timestamps: bool = False) -> Any:
    """An array in its readable type.

    Parameters
    ----------
    array : pyarrow.Array
        Any values.
    target : pyarrow.DataType
        Its `readable_type`, or a wider one.
    truncate_timestamps : bool
        Drop what is finer than a microsecond instead of raising.

    Raises
    ------
    pyarrow.ArrowInvalid
        When a value does not fit.
    """
    coarse = _times_in_microseconds(target)
    if array.type == target and coarse == target:
        return array
    shape = tensor_shape(array.type)
    if shape is not None:
        array = _nested_lists(array, shape)
    options = pc.CastOptions(coarse, allow_time_truncate=truncate_timestamps)
    return _plain(array).cast(options=options).cast(target)


def _times_in_microseconds(arrow_type: Any) -> Any:
    """The same type with every time of day in microseconds: Spark's are, in nanoseconds' type."""
    if kind.is_time64(arrow_type):
        return pa.time64("us")
    if kind.is_list(arrow_type):
        field = arrow_type.value_field
        return pa.list_(field.with_type(_times_in_microseconds(field.type)))
    if kind.is_map(arrow_type):
        item = arrow_type.item_field
        return pa.map_(
            arrow_type.key_field.with_type(_times_in_microseconds(arrow_type.key_type)),
            item.with_type(_times_in_microseconds(item.type)),
        )
    if kind.is_struct(arrow_type):
        fields = [field.with_type(_times_in_microseconds(field.type)) for field in arrow_type]
        return pa.struct(fields)
    return arrow_type


def _plain(array: Any) -> Any:
    """Without extension types, dictionaries and run-length encoding at the top."""
    while isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if kind.is_dictionary(array.type):
        array = array.dictionary_decode()
    if kind.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    if kind.is_list_view(array.type) or kind.is_large_list_view(array.type):
        array = _list_of_view(array)
    return array


def _list_of_view(array: Any) -> Any:
    """A list view as a list; pyarrow's own cast trips over nulls (26.0, *measured*)."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    ends = pc.cumulative_sum(lengths.cast(pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.ListArray.from_arrays(offsets, array.flatten(), mask=array.is_null())


def _nested_lists(array: Any, shape: tuple[int, ...]) -> Any:
    """A column of tensors as lists of lists: one level for each dimension."""
    storage = array.storage
    rows, present = len(storage), storage.is_valid()
    values = storage.drop_null().flatten()
    for size in reversed(shape):
        values = pa.FixedSizeListArray.from_arrays(values, size)
    if storage.null_count == 0:
        return values
    where = pc.if_else(present, pc.subtract(pc.cumulative_sum(present.cast(pa.int64())), 1), None)
    assert len(where) == rows
    return values.take(where)


def honest_field(field: Any, array: Any) -> Any:
    """The field, nullable at every level at which the values have nulls."""
    return pa.field(
        field.name,
        _honest_type(field.type, array),
        nullable=field.nullable or array.null_count > 0,
        metadata=field.metadata,
    )


def _honest_type(arrow_type: Any, array: Any) -> Any:
    if isinstance(arrow_type, pa.BaseExtensionType):
        return arrow_type
    chunks = _chunks(array)
    if kind.is_struct(arrow_type):
        fields = [
            honest_field(field, _joined([c.flatten()[i] for c in _present(chunks)], field.type))
            for i, field in enumerate(arrow_type)
        ]
        return pa.struct(fields)
    if kind.is_list(arrow_type):
        values = _joined([chunk.flatten() for chunk in chunks], arrow_type.value_type)
        return pa.list_(honest_field(arrow_type.value_field, values))
    if kind.is_map(arrow_type):
        items = _joined([chunk.items for chunk in chunks], arrow_type.item_type)
        return pa.map_(arrow_type.key_field, honest_field(arrow_type.item_field, items))
    return arrow_type


def _present(chunks: list[Any]) -> list[Any]:
    """Structs that are there: what is below a missing one is no null of its own."""
    return [chunk.drop_null() for chunk in chunks]


def _joined(chunks: list[Any], arrow_type: Any) -> Any:
    return pa.chunked_array(chunks, type=arrow_type)


def _chunks(array: Any) -> list[Any]:
    return array.chunks if isinstance(array, pa.ChunkedArray) else [array]


def readable(
    table: pa.Table, schema: pa.Schema, *, truncate_timestamps: bool = False
) -> Iterator[pa.RecordBatch]:
    """A table's rows in this schema, in slices; a column that it lacks is null.

    Blocks of one Dataset may differ in column order, or lack a column.

    Parameters
    ----------
    table : pyarrow.Table
        A block.
    schema : pyarrow.Schema
        In readable types.
    truncate_timestamps : bool
        As for `convert`.

    Yields
    ------
    pyarrow.RecordBatch
        At most `SLICE_ROWS` rows of about `SLICE_BYTES` at most.
    """
    names = set(table.column_names)
    size = max(1, table.get_total_buffer_size() // max(1, table.num_rows))
    rows = max(1, min(SLICE_ROWS, SLICE_BYTES // size))
    for batch in table.to_batches(max_chunksize=rows):
        columns = [
            convert(batch.column(field.name), field.type, truncate_timestamps=truncate_timestamps)
            if field.name in names
            else pa.nulls(batch.num_rows, field.type)
            for field in schema
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
