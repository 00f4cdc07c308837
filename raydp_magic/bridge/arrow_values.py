"""Arrow values in the types that Spark reads. Pure: pyarrow only, no Spark, no Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kind

from raydp_magic.bridge.arrow_types import is_extension, is_list, may_lose, tensor_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLICE_BYTES = 64 * 1024 * 1024
"""A slice given to Spark is not larger, so that no column of it outgrows 32-bit offsets."""
SLICE_ROWS = 65_536


def what_is_lost(array: Any, target: Any, *, truncate_timestamps: bool) -> str | None:
    """Why these values do not fit the target type; None when all do."""
    if not may_lose(array.type):
        return None
    try:
        for chunk in chunks_of(array):
            convert(chunk, target, truncate_timestamps=truncate_timestamps)
    except pa.ArrowInvalid as error:
        return " ".join(str(error).split())
    return None


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
    options = pc.CastOptions(coarse, allow_time_truncate=truncate_timestamps)
    return plain(array).cast(options=options).cast(target)


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


def plain(array: Any) -> Any:
    """The values without extension types, dictionaries, run lengths and views, at any depth.

    pyarrow's own casts do not reach into nested ones, or trip over their nulls (26.0, *measured*).
    """
    for matches, rebuild in _REBUILD:
        if matches(array.type):
            return rebuild(array)
    return array


def _plain_extension(array: Any) -> Any:
    shape = tensor_shape(array.type)
    return plain(array.storage) if shape is None else _nested_lists(array.storage, shape)


def _plain_dictionary(array: Any) -> Any:
    return plain(array.dictionary).take(array.indices)


def _plain_list(array: Any) -> Any:
    offsets = _offsets(pc.list_value_length(array))
    return pa.ListArray.from_arrays(offsets, plain(array.flatten()), mask=array.is_null())


def _plain_map(array: Any) -> Any:
    offsets, keys, items = _map_parts(array)
    return pa.MapArray.from_arrays(offsets, plain(keys), plain(items), mask=array.is_null())


def _map_parts(array: Any) -> tuple[Any, Any, Any]:
    """Offsets from 0, keys and items of a map; pyarrow's own ignore that an array is a slice."""
    offsets = array.offsets
    first, end = offsets[0].as_py(), offsets[-1].as_py()
    keys, items = (part.slice(first, end - first) for part in (array.keys, array.items))
    return pc.subtract(offsets, offsets[0]), keys, items


def _plain_struct(array: Any) -> Any:
    fields, children = list(array.type), [plain(array.field(i)) for i in range(len(array.type))]
    kept = [
        pa.field(field.name, child.type, field.nullable, field.metadata)
        for field, child in zip(fields, children, strict=True)
    ]
    if not kept:
        return array
    return pa.StructArray.from_arrays(children, fields=kept, mask=array.is_null())


def _offsets(lengths: Any) -> Any:
    ends = pc.cumulative_sum(pc.fill_null(lengths, 0).cast(pa.int32()))
    return pa.concat_arrays([pa.array([0], pa.int32()), ends])


def _nested_lists(storage: Any, shape: tuple[int, ...]) -> Any:
    """A column of tensors as lists of lists: one level for each dimension."""
    values = plain(storage.flatten())
    for size in reversed(shape):
        count = len(values) // size
        offsets = pa.array(range(0, (count + 1) * size, size), pa.int32())
        values = pa.ListArray.from_arrays(offsets, values)
    if storage.null_count == 0:
        return values
    position = pc.subtract(pc.cumulative_sum(storage.is_valid().cast(pa.int64())), 1)
    return values.take(pc.if_else(storage.is_valid(), position, None))


_REBUILD: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (is_extension, _plain_extension),
    (kind.is_dictionary, _plain_dictionary),
    (kind.is_run_end_encoded, lambda array: plain(pc.run_end_decode(array))),
    (kind.is_string_view, lambda array: array.cast(pa.large_string())),
    (kind.is_binary_view, lambda array: array.cast(pa.large_binary())),
    # Safe here, whatever is allowed for times: a date has no time of day to lose.
    (kind.is_date64, lambda array: array.cast(pa.date32())),
    (is_list, _plain_list),
    (kind.is_map, _plain_map),
    (kind.is_struct, _plain_struct),
)


def honest_field(field: Any, chunks: list[Any]) -> Any:
    """A readable field, nullable at every level at which the values have nulls.

    Parameters
    ----------
    field : pyarrow.Field
        In readable types.
    chunks : list of pyarrow.Array
        `plain` values.
    """
    return pa.field(
        field.name,
        _honest_type(field.type, chunks),
        nullable=field.nullable or any(chunk.null_count for chunk in chunks),
        metadata=field.metadata,
    )


def _honest_type(arrow_type: Any, chunks: list[Any]) -> Any:
    if kind.is_struct(arrow_type):
        there = [chunk.filter(chunk.is_valid()) for chunk in chunks]
        fields = [
            honest_field(field, [chunk.field(i) for chunk in there])
            for i, field in enumerate(arrow_type)
        ]
        return pa.struct(fields)
    if kind.is_list(arrow_type):
        return pa.list_(honest_field(arrow_type.value_field, [c.flatten() for c in chunks]))
    if kind.is_map(arrow_type):
        items = [_map_parts(chunk)[2] for chunk in chunks]
        return pa.map_(arrow_type.key_field, honest_field(arrow_type.item_field, items))
    return arrow_type


def chunks_of(array: Any) -> list[Any]:
    """The chunks of a column, or the array itself."""
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
