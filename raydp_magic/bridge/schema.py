"""Spark schemas <-> Arrow schemas, and clear words for what cannot cross.

An Arrow column that came from Spark carries its Spark field in the Arrow field's metadata where
the Arrow type alone does not tell it (UDTs, year-month intervals, char and varchar, collations,
column metadata).
On the way back that field counts, as long as the column still has the type that belongs to it.
"""

from __future__ import annotations

import inspect
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge.arrow_types import NoSparkTypeError, readable_field, readable_type
from raydp_magic.errors import BridgeError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructField, StructType

SPARK_FIELD = b"raydp_magic.spark_field"
"""Key of an Arrow field's metadata: the Spark field as JSON."""


def check_names(names: Sequence[str]) -> None:
    """Raise when a column name occurs twice: Ray Data addresses columns by name.

    Raises
    ------
    BridgeError
        Naming the columns; or when there is no column at all.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BridgeError(
            f"Columns with the same name cannot cross: {', '.join(map(repr, twice))}",
            hint="give each its own name, e.g. with `AS` or `df.withColumnRenamed`.",
        )
    if not names:
        raise BridgeError(
            "A table without columns cannot cross",
            hint="give it one, e.g. with `df.withColumn('one', lit(1))`.",
        )


# Spark -> Arrow -----------------------------------------------------------------------------------


def wire_type(spark_type: DataType) -> DataType:
    """The Spark type in which a column crosses, since PySpark has no Arrow type for some.

    The same, but whole months for year-month intervals and strings for char and varchar, at any
    depth.
    """
    from pyspark.sql import types as t

    def wire(leaf: DataType) -> DataType:
        if isinstance(leaf, t.YearMonthIntervalType):
            return t.IntegerType()
        return t.StringType() if isinstance(leaf, (t.CharType, t.VarcharType)) else leaf

    return _rebuilt(spark_type, wire)


def as_wire(df: DataFrame) -> DataFrame:
    """A DataFrame's columns in the types in which they cross, called ``c0``, ``c1``, ...

    By position: `mapInArrow` takes a name such as `a.b` for a field of a struct.
    """
    plain = df.toDF(*(f"c{number}" for number in range(len(df.columns))))
    if all(wire_type(field.dataType) == field.dataType for field in df.schema):
        return plain
    columns = [
        _cast(plain[f"c{number}"], field.dataType, wire_type(field.dataType)).alias(f"c{number}")
        for number, field in enumerate(df.schema)
    ]
    return plain.select(*columns)


def from_wire(df: DataFrame, schema: StructType) -> DataFrame:
    """The way back: columns of `as_wire` in the types of `schema`."""
    if all(wire_type(field.dataType) == field.dataType for field in schema):
        return df
    plain = df.toDF(*(f"c{number}" for number in range(len(schema))))  # names may have dots
    columns = [
        _cast(plain[f"c{number}"], wire_type(field.dataType), field.dataType).alias(
            field.name, **({"metadata": field.metadata} if field.metadata else {})
        )
        for number, field in enumerate(schema)
    ]
    return plain.select(*columns)


def _cast(column: Any, source: DataType, target: DataType) -> Any:
    """Cast to a wire type and back; of the intervals only those of one unit have numbers."""
    from pyspark.sql import types as t

    if source == target:
        return column
    month = t.YearMonthIntervalType(t.YearMonthIntervalType.MONTH, t.YearMonthIntervalType.MONTH)
    own = target if wire_type(source) == source else source

    def in_months(leaf: DataType) -> DataType:
        return month if isinstance(leaf, t.YearMonthIntervalType) else leaf

    return column.cast(_rebuilt(own, in_months)).cast(target)


def _rebuilt(spark_type: DataType, leaf: Callable[[DataType], DataType]) -> DataType:
    """The type with what is in its arrays, maps and structs replaced, at any depth."""
    from pyspark.sql import types as t

    if isinstance(spark_type, t.ArrayType):
        return t.ArrayType(_rebuilt(spark_type.elementType, leaf), spark_type.containsNull)
    if isinstance(spark_type, t.MapType):
        return t.MapType(
            _rebuilt(spark_type.keyType, leaf),
            _rebuilt(spark_type.valueType, leaf),
            spark_type.valueContainsNull,
        )
    if isinstance(spark_type, t.StructType):
        return t.StructType(
            [
                t.StructField(f.name, _rebuilt(f.dataType, leaf), f.nullable, f.metadata)
                for f in spark_type
            ]
        )
    return leaf(spark_type)


def arrow_schema(spark_schema: StructType, time_zone: str) -> pa.Schema:
    """The Arrow schema of a DataFrame's blocks.

    Parameters
    ----------
    spark_schema : StructType
        Schema of the DataFrame.
    time_zone : str
        The session's time zone, which Spark writes into timestamp types.

    Raises
    ------
    UnsupportedTypeError
        For the first column whose type Arrow conversion refuses, before any job runs.
    """
    import pyarrow as pa

    return pa.schema([_arrow_field(field, time_zone) for field in spark_schema])


def _arrow_field(field: StructField, time_zone: str) -> Any:
    plain = _wire_field(field, time_zone)
    if _plain_spark_field(plain) == field:
        return plain
    note = {SPARK_FIELD: json.dumps(field.jsonValue())}
    return plain.with_metadata({**(plain.metadata or {}), **note})


def _wire_field(field: StructField, time_zone: str) -> Any:
    """Spark's own Arrow field for a column as it crosses."""
    from pyspark.sql.pandas.types import to_arrow_schema
    from pyspark.sql.types import StructField, StructType

    # Spark 3.5 has no such option and always writes UTC.
    has_zone = "timezone" in inspect.signature(to_arrow_schema).parameters
    options: dict[str, Any] = {"timezone": time_zone} if has_zone else {}
    wire = StructField(field.name, wire_type(field.dataType), field.nullable, field.metadata)
    try:
        arrow = to_arrow_schema(StructType([wire]), **options).field(0)
    except Exception as error:
        raise UnsupportedTypeError(
            field.name,
            field.dataType.simpleString(),
            hint="cast it to a type that Arrow has (`CAST(c AS STRING)`), or leave it out.",
        ) from error
    return arrow.with_type(_in_zone(arrow.type, time_zone))


# Arrow -> Spark -----------------------------------------------------------------------------------


def spark_schema(schema: pa.Schema) -> StructType:
    """The Spark schema for Arrow data.

    Raises
    ------
    UnsupportedTypeError
        For the first column whose type Spark lacks.
    """
    from pyspark.sql.types import StructType

    return StructType([_spark_field(field) for field in schema])


def _spark_field(field: Any) -> StructField:
    return _noted_spark_field(field) or _plain_spark_field(field)


def _noted_spark_field(field: Any) -> StructField | None:
    """The Spark field that an Arrow field remembers, if its type is still the one that belongs."""
    from pyspark.sql.types import StructField

    note = (field.metadata or {}).get(SPARK_FIELD)
    if note is None:
        return None
    try:
        noted = StructField.fromJson(json.loads(note))
        expected = _wire_field(noted, "UTC").type
        if expected != _in_zone(readable_type(field.type), "UTC"):
            return None
    except (UnsupportedTypeError, NoSparkTypeError, ValueError, ImportError, AttributeError):
        return None  # a UDT's class that is not installed here, say
    return StructField(field.name, noted.dataType, field.nullable, noted.metadata)


def _plain_spark_field(field: Any) -> StructField:
    import pyarrow as pa
    from pyspark.sql.pandas.types import from_arrow_schema

    try:
        schema = from_arrow_schema(pa.schema([readable_field(field)]), prefer_timestamp_ntz=True)
    except Exception as error:  # ours, and PySpark's own refusals, which differ by release
        raise UnsupportedTypeError(
            field.name,
            str(field.type),
            hint="cast it first, e.g. with `Dataset.map_batches` and `pyarrow.compute.cast`.",
        ) from error
    found: StructField = schema.fields[0]
    return found


def wire_schema(schema: StructType) -> StructType:
    """The schema in which `mapInArrow` brings these columns; see `from_wire`."""
    from pyspark.sql.types import StructField, StructType

    fields = [
        StructField(f.name, wire_type(f.dataType), f.nullable, f.metadata) for f in schema.fields
    ]
    return StructType(fields)


def target_arrow_schema(schema: StructType) -> pa.Schema:
    """The Arrow schema that Spark wants to be given for its own `schema`."""
    import pyarrow as pa

    return pa.schema([_wire_field(field, "UTC") for field in schema])


def in_utc(schema: pa.Schema) -> pa.Schema:
    """The same schema with its zoned timestamps in UTC: the same instants."""
    import pyarrow as pa

    return pa.schema([_field_in_zone(field, "UTC") for field in schema])


def _in_zone(arrow_type: Any, time_zone: str) -> Any:
    """The same type with every zoned timestamp, at any depth, in `time_zone`."""
    import pyarrow as pa

    kind = pa.types
    if kind.is_timestamp(arrow_type) and arrow_type.tz is not None:
        return pa.timestamp(arrow_type.unit, time_zone)
    if kind.is_list(arrow_type):
        return pa.list_(_field_in_zone(arrow_type.value_field, time_zone))
    if kind.is_struct(arrow_type):
        return pa.struct([_field_in_zone(field, time_zone) for field in arrow_type])
    if kind.is_map(arrow_type):
        return pa.map_(
            _field_in_zone(arrow_type.key_field, time_zone),
            _field_in_zone(arrow_type.item_field, time_zone),
        )
    return arrow_type


def _field_in_zone(field: Any, time_zone: str) -> Any:
    return field.with_type(_in_zone(field.type, time_zone))
