"""What kind of values the columns of a DataFrame or Dataset hold."""

from __future__ import annotations

from typing import Any

from raydp_magic.errors import UsageError
from raydp_magic.train.columns import NUMBER, NUMBERS, UNKNOWN

_SPARK_NUMBERS = frozenset(
    f"{name}Type"
    for name in ("Byte", "Short", "Integer", "Long", "Float", "Double", "Decimal", "Boolean")
)


def is_dataset(data: Any) -> bool:
    """Whether it is a Dataset of Ray's."""
    return any(
        f"{k.__module__}.{k.__name__}" == "ray.data.dataset.Dataset" for k in type(data).__mro__
    )


def kinds_of(name: str, data: Any) -> dict[str, str]:
    """The kind of each column, in order.

    Parameters
    ----------
    name : str
        What the person calls it, for the error.
    data : DataFrame of Spark, or Dataset of Ray
        Of a Dataset that is not computed yet, Ray computes the first rows.

    Raises
    ------
    UsageError
        When it is something else, or a Dataset without columns.
    """
    if is_dataset(data):
        return _of_dataset(name, data)
    schema: Any = getattr(data, "schema", None)
    if type(schema).__name__ == "StructType":
        return {field.name: _spark_kind(field.dataType) for field in schema}
    raise UsageError(
        f"{name} is a {type(data).__name__}",
        hint="give a DataFrame of Spark to `fit_on_spark`, a Dataset of Ray to `fit`; "
        "`evaluate` and `predict` take both.",
    )


def _spark_kind(kind: Any) -> str:
    name = type(kind).__name__
    if name in _SPARK_NUMBERS:
        return NUMBER
    if name == "ArrayType" and _spark_kind(kind.elementType) in (NUMBER, NUMBERS):
        return NUMBERS
    if name == "VectorUDT":
        return "vector"
    return str(kind.simpleString())


def _of_dataset(name: str, data: Any) -> dict[str, str]:
    schema = data.schema()
    if schema is None:
        raise UsageError(f"{name} has no rows and no columns")
    return {
        column: _arrow_kind(kind) for column, kind in zip(schema.names, schema.types, strict=True)
    }


def _arrow_kind(kind: Any) -> str:
    import pyarrow as pa

    if not isinstance(kind, pa.DataType):  # blocks of pandas
        letter = getattr(kind, "kind", None)
        known = {"O": UNKNOWN, **dict.fromkeys("iufb", NUMBER)}
        return known.get(letter or "", str(kind))
    is_a = pa.types
    if any(
        test(kind) for test in (is_a.is_integer, is_a.is_floating, is_a.is_decimal, is_a.is_boolean)
    ):
        return NUMBER
    if any(test(kind) for test in (is_a.is_list, is_a.is_large_list, is_a.is_fixed_size_list)):
        inner = _arrow_kind(kind.value_type)
        return NUMBERS if inner in (NUMBER, NUMBERS) else str(kind)
    return UNKNOWN if isinstance(kind, pa.BaseExtensionType) else str(kind)
