"""Spark schemas <-> Arrow schemas, and clear words for what cannot cross."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import BridgeError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from pyspark.sql.types import StructType


def check_names(names: Sequence[str]) -> None:
    """Raise when a column name occurs twice: Ray Data addresses columns by name.

    Raises
    ------
    BridgeError
        Naming the columns.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BridgeError(
            f"Columns with the same name cannot cross: {', '.join(map(repr, twice))}",
            hint="give each its own name, e.g. with `AS` or `df.withColumnRenamed`.",
        )


def arrow_schema(spark_schema: StructType, time_zone: str) -> pa.Schema:
    """The Arrow schema that Spark's own conversion gives for this schema.

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
    import inspect

    import pyarrow as pa
    from pyspark.sql.pandas.types import to_arrow_schema
    from pyspark.sql.types import StructType

    # Spark 3.5 has no such option and always writes UTC.
    has_zone = "timezone" in inspect.signature(to_arrow_schema).parameters
    options: dict[str, Any] = {"timezone": time_zone} if has_zone else {}
    fields = []
    for field in spark_schema.fields:
        try:
            fields.append(to_arrow_schema(StructType([field]), **options).field(0))
        except Exception as error:
            raise UnsupportedTypeError(
                field.name,
                field.dataType.simpleString(),
                hint="cast it to a type that Arrow has (`CAST(c AS STRING)`), or leave it out.",
            ) from error
    return pa.schema([field.with_type(_in_zone(field.type, time_zone)) for field in fields])


def spark_schema(schema: pa.Schema) -> StructType:
    """The Spark schema for Arrow data.

    Raises
    ------
    UnsupportedTypeError
        For the first column whose type Spark lacks.
    """
    import pyarrow as pa
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import StructType

    fields = []
    for field in schema:
        try:
            spark_type = from_arrow_schema(pa.schema([field]), prefer_timestamp_ntz=True)
            fields.extend(spark_type.fields)
        except Exception as error:
            raise UnsupportedTypeError(
                field.name,
                str(field.type),
                hint="cast it first, e.g. with `Dataset.map_batches` and `pyarrow.compute.cast`.",
            ) from error
    return StructType(fields)


def target_arrow_schema(schema: StructType) -> pa.Schema:
    """The Arrow schema that Spark wants to be given for its own `schema`."""
    return arrow_schema(schema, "UTC")


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
