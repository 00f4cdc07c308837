"""Spark's types in Arrow's words and back, without a JVM."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyspark.sql import types as t

from raydp_magic.bridge.schema import arrow_schema, spark_schema, wire_type

MONTHS = t.YearMonthIntervalType()


def around(inner):
    """A type at some depth, not nullable there."""
    struct = t.StructType([t.StructField("x", inner, nullable=False), t.StructField("n", MONTHS)])
    return t.MapType(t.StringType(), t.ArrayType(struct, containsNull=False))


@pytest.mark.parametrize("kind", [t.CharType(5), t.VarcharType(5)], ids=str)
def test_char_and_varchar_cross_as_strings_and_come_back(kind):
    schema = t.StructType([t.StructField("c", kind), t.StructField("deep", around(kind))])
    arrow = arrow_schema(schema, "UTC")
    assert arrow.field("c").type == pa.string()
    assert arrow.field("deep").type.item_type.value_type.field("x").type == pa.string()
    assert spark_schema(arrow) == schema


def test_a_note_counts_while_the_column_has_its_type():
    arrow = arrow_schema(t.StructType([t.StructField("c", t.CharType(5))]), "UTC")
    changed = arrow.set(0, arrow.field(0).with_type(pa.int64()))
    assert spark_schema(changed)["c"].dataType == t.LongType()


def test_the_wire_type_is_the_same_where_arrow_knows_it():
    plain = t.MapType(t.StringType(), t.ArrayType(t.DecimalType(5, 2)))
    assert wire_type(plain) == plain
    assert wire_type(MONTHS) == t.IntegerType()
    inner = wire_type(around(t.CharType(2))).valueType.elementType
    assert [field.dataType for field in inner] == [t.StringType(), t.IntegerType()]
