"""Any table of any types: Spark -> Ray -> Spark and Ray -> Spark -> Ray are the same table."""

import datetime as dt
import decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import raydp_magic as rdm

FEW = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
"""Each example is a Spark job or two."""


@pytest.fixture(scope="module")
def spark(ray4):
    with rdm.start(executors=1, cores=1, memory="1g") as cluster:
        cluster.spark.conf.set("spark.sql.session.timeZone", "UTC")
        yield cluster.spark


# Spark -> Ray -> Spark ----------------------------------------------------------------------------


def spark_leaves():
    from pyspark.sql import types as t

    day = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
    moment = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2200, 1, 1))
    month = t.YearMonthIntervalType()
    return [
        (t.BooleanType(), st.booleans()),
        (t.ByteType(), st.integers(-128, 127)),
        (t.ShortType(), st.integers(-(2**15), 2**15 - 1)),
        (t.IntegerType(), st.integers(-(2**31), 2**31 - 1)),
        (t.LongType(), st.integers(-(2**63), 2**63 - 1)),
        (t.FloatType(), st.floats(width=32)),
        (t.DoubleType(), st.floats()),
        (t.DecimalType(38, 18), decimals(38, 18)),
        (t.DecimalType(5, 2), decimals(5, 2)),
        (t.StringType(), st.text(st.characters(codec="utf-8"), max_size=8)),
        (t.BinaryType(), st.binary(max_size=8).map(bytearray)),
        (t.DateType(), day),
        (t.TimestampNTZType(), moment),
        (t.TimestampType(), moment),
        (t.DayTimeIntervalType(), st.timedeltas(dt.timedelta(-999), dt.timedelta(999))),
        (month, st.none()),  # PySpark makes no values of it; its type must stay
    ]


def decimals(digits, scale):
    largest = decimal.Decimal(10) ** (digits - scale) - decimal.Decimal(10) ** -scale
    with decimal.localcontext(prec=40):
        return (
            st.integers(-(10**digits) + 1, 10**digits - 1)
            .map(lambda n: decimal.Decimal(n).scaleb(-scale))
            .filter(lambda value: abs(value) <= largest)
        )


def spark_nests(inner):
    from pyspark.sql import types as t

    def array(drawn):
        (kind, values), nulls = drawn
        return t.ArrayType(kind, nulls), st.lists(maybe(values, nulls), max_size=3)

    def mapping(drawn):
        (kind, values), nulls = drawn
        keys = st.text("abc", min_size=1, max_size=2)
        return (
            t.MapType(t.StringType(), kind, nulls),
            st.dictionaries(keys, maybe(values, nulls), max_size=3),
        )

    def struct(fields):
        names = [f"f.{n}" for n in range(len(fields))]
        parts = [
            t.StructField(name, kind, nulls)
            for name, ((kind, _), nulls) in zip(names, fields, strict=True)
        ]
        return t.StructType(parts), st.tuples(*(maybe(v, nulls) for (_, v), nulls in fields))

    pair = st.tuples(inner, st.booleans())
    return st.one_of(
        pair.map(array), pair.map(mapping), st.lists(pair, min_size=1, max_size=3).map(struct)
    )


def maybe(values, nulls):
    return st.none() | values if nulls else values


@st.composite
def spark_tables(draw):
    from pyspark.sql import types as t

    leaves = st.sampled_from(spark_leaves())
    kinds = st.recursive(leaves, spark_nests, max_leaves=5)
    columns = draw(st.lists(st.tuples(kinds, st.booleans()), min_size=1, max_size=5))
    nullable = [nulls or "interval" in kind.simpleString() for (kind, _), nulls in columns]
    fields = [
        t.StructField(f"c{n} `.é", kind, nulls, {"n": n} if n % 2 else {})
        for n, (((kind, _), _), nulls) in enumerate(zip(columns, nullable, strict=True))
    ]
    row = st.tuples(*(maybe(v, n) for ((_, v), _), n in zip(columns, nullable, strict=True)))
    return t.StructType(fields), draw(st.lists(row, max_size=6))


def without_null_months(kind):
    """Whether a type asks for interval values, of which PySpark can make none but NULL."""
    return "interval year" in kind.simpleString() and "False" in repr(kind)


@FEW
@given(data=st.data())
def test_spark_to_ray_and_back(spark, data):
    schema, rows = data.draw(spark_tables().filter(lambda table: not without_null_months(table[0])))
    frame = spark.createDataFrame(rows, schema)
    back = rdm.to_spark(rdm.to_refs(frame))
    assert back.schema == frame.schema
    assert len(rows) == back.count()
    if "interval year" not in schema.simpleString():  # PySpark cannot fetch these
        assert repr(back.collect()) == repr(frame.collect())
    rdm.release(back)


# Ray -> Spark -> Ray ------------------------------------------------------------------------------

ARROW_LEAVES = [
    (pa.int8(), st.integers(-128, 127)),
    (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint8(), st.integers(0, 255)),
    (pa.uint16(), st.integers(0, 2**16 - 1)),
    (pa.uint32(), st.integers(0, 2**32 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.string(), st.text(max_size=5)),
    (pa.large_string(), st.text(max_size=5)),
    (pa.binary(), st.binary(max_size=5)),
    (pa.bool_(), st.booleans()),
    (pa.date32(), st.dates()),
    (pa.timestamp("us"), st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2200, 1, 1))),
    (pa.timestamp("s", "UTC"), st.integers(0, 2**32)),
    (pa.decimal128(20, 3), decimals(20, 3)),
]


def arrow_nests(inner):
    def array(drawn):
        kind, values = drawn
        return pa.large_list(kind), st.lists(st.none() | values, max_size=3)

    def struct(fields):
        names = [f"f{n}" for n in range(len(fields))]
        kinds = [pa.field(name, kind) for name, (kind, _) in zip(names, fields, strict=True)]
        values = {name: st.none() | v for name, (_, v) in zip(names, fields, strict=True)}
        return pa.struct(kinds), st.fixed_dictionaries(values)

    return st.one_of(inner.map(array), st.lists(inner, min_size=1, max_size=3).map(struct))


@st.composite
def arrow_tables(draw):
    kinds = st.recursive(st.sampled_from(ARROW_LEAVES), arrow_nests, max_leaves=5)
    columns = draw(st.lists(st.tuples(kinds, st.booleans()), min_size=1, max_size=5))
    count = draw(st.integers(0, 6))
    arrays, fields = [], []
    for number, ((kind, values), nulls) in enumerate(columns):
        column = st.lists(maybe(values, nulls), min_size=count, max_size=count)
        arrays.append(pa.array(draw(column), kind))
        fields.append(pa.field(f"c.{number}", kind, nulls))
    return pa.table(arrays, schema=pa.schema(fields))


@FEW
@given(table=arrow_tables())
def test_ray_to_spark_and_back(spark, table):
    import ray

    from raydp_magic.bridge.arrow_types import readable_type

    frame = rdm.to_spark(ray.put(table))
    assert [field.nullable for field in frame.schema] == [field.nullable for field in table.schema]
    came = pa.concat_tables(ray.get(rdm.to_refs(frame)))
    rdm.release(frame)
    assert [field.nullable for field in came.schema] == [field.nullable for field in table.schema]
    assert came.schema.types == [readable_type(field.type) for field in table.schema]
    assert repr(as_decimals(came.to_pylist())) == repr(as_decimals(table.to_pylist()))


def as_decimals(value):
    """Whole numbers as decimals, which uint64 becomes; the rest as it is, at any depth."""
    if isinstance(value, dict):
        return {key: as_decimals(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(as_decimals, value))
    return decimal.Decimal(value) if type(value) is int else value
