"""Which Arrow types Spark reads. Pure: pyarrow only, no Spark, no Ray.

Spark knows a part of Arrow's types. `readable_type` gives, for any Arrow type, the one of them that
keeps every value, or refuses; :mod:`raydp_magic.bridge.arrow_values` converts the values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.types as kind

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_DIGITS = 38


class NoSparkTypeError(ValueError):
    """No type of Spark's keeps the values; the text says why, `hint` what to do."""

    def __init__(
        self,
        why: str,
        *,
        hint: str = "cast it first, e.g. with `Dataset.map_batches` and `pyarrow.compute.cast`.",
    ) -> None:
        super().__init__(why)
        self.hint = hint


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
        raise NoSparkTypeError(
            "its values are Python objects",
            hint="make numbers, texts, lists or bytes of them first, e.g. with `Dataset.map`.",
        )
    if arrow_type.extension_name.startswith("ray.data.arrow_variable_shaped_tensor"):
        raise NoSparkTypeError(
            "its tensors have different shapes",
            hint="make lists of them first, e.g. with `Dataset.map` and `ndarray.tolist`.",
        )
    shape = tensor_shape(arrow_type)
    if shape is None:
        return readable_type(arrow_type.storage_type)
    if 0 in shape:
        raise NoSparkTypeError("its tensors are empty")
    if getattr(arrow_type, "permutation", None) not in (None, list(range(len(shape)))):
        raise NoSparkTypeError("its tensors have a permuted layout")
    element = readable_type(arrow_type.storage_type.value_type)
    for _ in shape:
        element = pa.list_(pa.field("element", element))
    return element


def is_extension(arrow_type: Any) -> bool:
    """Whether it is an extension type, pyarrow's own or registered."""
    return isinstance(arrow_type, pa.BaseExtensionType)


def _is_encoded(arrow_type: Any) -> bool:
    return bool(kind.is_dictionary(arrow_type) or kind.is_run_end_encoded(arrow_type))


def is_list(arrow_type: Any) -> bool:
    """Whether it is one of Arrow's five kinds of lists."""
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
    (is_extension, _extension),
    (_is_encoded, lambda encoded: readable_type(encoded.value_type)),
    (is_list, _list),
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


def may_lose(arrow_type: Any) -> bool:
    """Whether values of a type may not fit its readable one, so that they must be looked at."""
    if kind.is_timestamp(arrow_type) or kind.is_duration(arrow_type):
        return bool(arrow_type.unit != "us")
    if kind.is_time64(arrow_type) or kind.is_date64(arrow_type):
        return True
    return any(may_lose(inner) for inner in _inner_types(arrow_type))


def _inner_types(arrow_type: Any) -> list[Any]:
    if is_extension(arrow_type):
        return [arrow_type.storage_type]
    if _is_encoded(arrow_type) or is_list(arrow_type):
        return [arrow_type.value_type]
    if kind.is_map(arrow_type):
        return [arrow_type.key_type, arrow_type.item_type]
    if kind.is_struct(arrow_type):
        return [field.type for field in arrow_type]
    return []


def claims_no_nulls(field: Any) -> bool:
    """Whether a field calls itself or anything in it non-nullable (a map's keys always are)."""
    if not field.nullable:
        return True
    if kind.is_map(field.type):
        return claims_no_nulls(field.type.item_field)
    if kind.is_struct(field.type):
        return any(map(claims_no_nulls, field.type))
    return bool(kind.is_list(field.type)) and claims_no_nulls(field.type.value_field)
