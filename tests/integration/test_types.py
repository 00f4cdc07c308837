"""Every type crosses without loss, or is refused before a job runs; docs/types.md is made here.

``UPDATE_DOCS=1 pytest tests/integration/test_types.py`` writes the tables of docs/types.md anew.
"""

import datetime as dt
import decimal
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from machine import no_job

import raydp_magic as rdm
from raydp_magic.errors import BridgeError, UnsupportedTypeError

DOC = Path(__file__).parents[2] / "docs" / "types.md"
HUGE = "12345678901234567890.123456789012345678"

# Spark -> Ray -> Spark ----------------------------------------------------------------------------

SPARK = {
    "boolean": ["true", "false"],
    "byte": ["-128Y", "127Y"],
    "short": ["-32768S", "32767S"],
    "int": ["-2147483648", "2147483647"],
    "long": ["-9223372036854775807L", "9223372036854775807L"],
    "float": ["float('NaN')", "-0.0F", "float('Infinity')", "float('-Infinity')", "1.5F"],
    "double": ["double('NaN')", "-0.0D", "double('Infinity')", "double('-Infinity')", "0.1D"],
    "decimal(10,2)": ["12345678.90BD", "-0.01BD"],
    "decimal(38,18)": [f"CAST('{HUGE}' AS DECIMAL(38,18))", f"CAST('-{HUGE}' AS DECIMAL(38,18))"],
    "string": ["''", "'ä\\u0000\\n'", "repeat('x', 100000)"],
    "string collate UTF8_LCASE": ["'Ab' COLLATE UTF8_LCASE"],
    "binary": ["X''", "X'00FF'"],
    "date": ["DATE'0001-01-01'", "DATE'9999-12-31'", "DATE'1582-10-15'"],
    "timestamp": [
        "timestamp_micros(0L)",
        "TIMESTAMP'2021-03-14 02:30:00.123456 UTC'",
        "TIMESTAMP'1883-11-18 12:00:00 UTC'",
    ],
    "timestamp_ntz": [
        "TIMESTAMP_NTZ'0001-01-01 00:00:00'",
        "TIMESTAMP_NTZ'9999-12-31 23:59:59.999999'",
        "TIMESTAMP_NTZ'2021-03-14 02:30:00'",
    ],
    "time(6)": ["TIME'00:00:00'", "TIME'23:59:59.999999'"],
    "interval day to second": ["INTERVAL '-1 2:03:04.000005' DAY TO SECOND"],
    "interval hour": ["INTERVAL '7' HOUR"],
    "interval year to month": ["INTERVAL '-1-2' YEAR TO MONTH", "INTERVAL '10-0' YEAR TO MONTH"],
    "interval month": ["INTERVAL '3' MONTH"],
    "array of interval year to month": ["array(INTERVAL '1-2' YEAR TO MONTH, NULL)"],
    "array": ["array(1, NULL)", "array()"],
    "map": ["map('a', 1, 'b', NULL)", "map()"],
    "struct": ["named_struct('x', 1, 'y', CAST(NULL AS STRING))"],
    "nested five deep": [
        "array(map('k', named_struct('a', array(named_struct('b', map(1, array(NULL, 2)))))))"
    ],
    "variant": ['parse_json(\'{"a": [1, null, "x"]}\')'],
    "void": ["NULL"],
}
NEWER = {"string collate UTF8_LCASE": "4.0", "variant": "4.0", "time(6)": "4.1"}
"""Types that older Sparks lack."""

REFUSED_BY_ARROW = {"interval (calendar)": "make_interval(1, 2, 3)"}


def known_to(version):
    number = tuple(map(int, version.split(".")[:2]))
    return {
        name: values
        for name, values in SPARK.items()
        if name not in NEWER or number >= tuple(map(int, NEWER[name].split(".")))
    }


def frame_of(spark):
    """One row for each value, all types beside each other, NULLs below."""
    cases = known_to(spark.version)
    longest = max(map(len, cases.values()))
    rows = [
        ", ".join(values[row] if row < len(values) else "NULL" for values in cases.values())
        for row in range(longest + 1)
    ]
    names = ", ".join(f"`{name}`" for name in cases)
    return spark.sql(f"SELECT * FROM VALUES {', '.join(f'({row})' for row in rows)} AS t({names})")


@pytest.fixture(scope="module", params=["UTC", "America/New_York"])
def crossed(request, spark_session):
    spark = spark_session
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", request.param)
    frame = frame_of(spark)
    refs = rdm.to_refs(frame)
    yield frame, rdm.to_spark(refs), refs
    spark.conf.set("spark.sql.session.timeZone", before)


@pytest.fixture(scope="module")
def spark_session(ray4):
    with rdm.start(executors=1, cores=1, memory="1g") as cluster:
        yield cluster.spark


def test_every_spark_type_comes_back_as_it_was(crossed):
    frame, back, _ = crossed
    assert back.schema == frame.schema
    for name in frame.columns:
        column = f"`{name}`"
        if name == "variant":
            column = f"to_json({column})"
        if "month" in name:  # PySpark itself cannot fetch these
            column = f"CAST({column} AS STRING)"
        sent = [repr(row[0]) for row in frame.selectExpr(column).collect()]
        came = [repr(row[0]) for row in back.selectExpr(column).collect()]
        assert came == sent, name
        assert len(set(sent)) > 1 or name == "void", name


def test_instants_stay_instants(crossed, ray4):
    frame, back, refs = crossed
    micros = "unix_micros(`timestamp`)"
    assert back.selectExpr(micros).collect() == frame.selectExpr(micros).collect()
    [column] = {ray4.get(ref).schema.field("timestamp").type.tz for ref in refs}
    assert column == frame.sparkSession.conf.get("spark.sql.session.timeZone")


def test_extreme_instants(spark_session):
    frame = spark_session.sql(
        "SELECT TIMESTAMP'0001-01-01 00:00:00 UTC' AS a, TIMESTAMP'9999-12-31 23:59:59.999999 UTC' AS b"
    )
    back = rdm.to_spark(rdm.to_ray(frame))
    both = ("unix_micros(a)", "unix_micros(b)")
    assert back.selectExpr(*both).first() == frame.selectExpr(*both).first()


def test_vectors_nullability_and_column_metadata(spark_session):
    from pyspark.ml.linalg import Vectors, VectorUDT
    from pyspark.sql import types as t

    schema = t.StructType(
        [
            t.StructField("v", VectorUDT(), True, {"ml_attr": {"num_attrs": 2}}),
            t.StructField("vs", t.ArrayType(VectorUDT(), False), False),
            t.StructField("m", t.MapType(t.StringType(), t.LongType(), False), False),
            t.StructField("s", t.StructType([t.StructField("z", t.LongType(), False)]), False),
        ]
    )
    dense, sparse = Vectors.dense([1.0, -0.0]), Vectors.sparse(3, [1], [2.0])
    rows = [(dense, [sparse], {"a": 1}, (1,)), (None, [dense, sparse], {}, (2,))]
    frame = spark_session.createDataFrame(rows, schema)
    back = rdm.to_spark(rdm.to_ray(frame))
    assert back.schema == frame.schema
    assert back.collect() == frame.collect()


def test_a_column_that_ray_changed_has_its_new_type(spark_session, ray4):
    frame = spark_session.sql("SELECT INTERVAL '1-2' YEAR TO MONTH AS i, 1 AS n")

    def shorter(table):
        number = table.schema.get_field_index("i")
        field = table.schema.field("i").with_type(pa.string())  # its note stays on it
        return table.set_column(number, field, table["i"].cast(pa.string()))

    back = rdm.to_spark(rdm.to_ray(frame).map_batches(shorter, batch_format="pyarrow"))
    assert [row.asDict() for row in back.collect()] == [{"i": "14", "n": 1}]


KEPT = "spark.sql.preserveCharVarcharTypeInfo"
CHARS = {
    "false": ["string", "string", "array<string>"],
    "true": ["char(5)", "varchar(5)", "array<char(3)>"],
}
"""Types of three columns of a table, by this setting; Spark 3.5 lacks it."""


@pytest.fixture(scope="module")
def chars(spark_session, tmp_path_factory):
    """A query on a table with such columns; a bare column is a string in each of Spark's releases."""
    path = tmp_path_factory.mktemp("chars")
    spark_session.sql(
        f"CREATE TABLE chars (c CHAR(5), v VARCHAR(5), l ARRAY<CHAR(3)>) USING parquet LOCATION '{path}'"
    )
    spark_session.sql(
        "INSERT INTO chars VALUES ('ab', 'ab', array('x', NULL)), (NULL, NULL, NULL), ('äbcde', '', array())"
    )
    yield lambda: spark_session.sql("SELECT c, CAST(v AS VARCHAR(5)) AS v, l FROM chars")
    spark_session.conf.set(KEPT, "false")
    spark_session.sql("DROP TABLE chars")


@pytest.mark.parametrize("kept", CHARS)
def test_columns_of_char_and_varchar(spark_session, ray4, chars, kept):
    spark_session.conf.set(KEPT, kept)
    frame = chars()
    types = [field.dataType.simpleString() for field in frame.schema]
    assert types == CHARS[kept if spark_session.version >= "4" else "false"]
    refs = rdm.to_refs(frame)
    assert [str(kind) for kind in ray4.get(refs[0]).schema.types] == [
        "string",
        "string",
        "list<element: string>",
    ]
    back = rdm.to_spark(refs, spark=spark_session)
    assert back.schema == frame.schema
    sent = frame.collect()
    assert back.collect() == sent
    assert {row["c"] for row in sent} == {"ab   ", None, "äbcde"}
    spark_session.conf.set(KEPT, "false")
    plain = rdm.to_spark(refs, spark=spark_session)  # where Spark does not keep these types
    assert [field.dataType.simpleString() for field in plain.schema] == CHARS["false"]
    assert plain.collect() == sent


@pytest.mark.parametrize("expression", REFUSED_BY_ARROW.values(), ids=REFUSED_BY_ARROW)
def test_what_arrow_lacks_is_refused_before_a_job(spark_session, expression):
    frame = spark_session.sql(f"SELECT 1 AS ok, {expression} AS bad")
    with no_job(spark_session), pytest.raises(UnsupportedTypeError) as caught:
        rdm.to_refs(frame)
    assert (caught.value.column, caught.value.type) == ("bad", "interval")


# Ray -> Spark -------------------------------------------------------------------------------------

DAY = dt.date(2020, 2, 29)
AT = dt.datetime(2020, 2, 29, 1, 2, 3)
ARROW = {
    "uint8": (pa.array([0, 255, None], pa.uint8()), [0, 255, None]),
    "uint16": (pa.array([65535, None], pa.uint16()), [65535, None]),
    "uint32": (pa.array([2**32 - 1, None], pa.uint32()), [2**32 - 1, None]),
    "uint64": (pa.array([2**64 - 1, None], pa.uint64()), [decimal.Decimal(2**64 - 1), None]),
    "halffloat": (pa.array(np.array([1.5, np.nan], np.float16)), [1.5, float("nan")]),
    "large_string": (pa.array(["ä", None], pa.large_string()), ["ä", None]),
    "string_view": (pa.array(["ä" * 20, None], pa.string_view()), ["ä" * 20, None]),
    "large_binary": (pa.array([b"\0", None], pa.large_binary()), [b"\0", None]),
    "binary_view": (pa.array([b"\0" * 20, None], pa.binary_view()), [b"\0" * 20, None]),
    "fixed_size_binary": (pa.array([b"ab", None], pa.binary(2)), [b"ab", None]),
    "date64": (pa.array([DAY, None], pa.date64()), [DAY, None]),
    "time32[s]": (pa.array([dt.time(1, 2, 3)], pa.time32("s")), [dt.time(1, 2, 3)]),
    "time32[ms]": (pa.array([dt.time(1, 2, 3)], pa.time32("ms")), [dt.time(1, 2, 3)]),
    "time64[us]": (pa.array([dt.time(1, 2, 3, 4)], pa.time64("us")), [dt.time(1, 2, 3, 4)]),
    "time64[ns]": (pa.array([dt.time(1, 2, 3, 4)], pa.time64("ns")), [dt.time(1, 2, 3, 4)]),
    "timestamp[s]": (pa.array([AT, None], pa.timestamp("s")), [AT, None]),
    "timestamp[ms]": (pa.array([AT], pa.timestamp("ms")), [AT]),
    "timestamp[us]": (pa.array([AT], pa.timestamp("us")), [AT]),
    "timestamp[ns]": (pa.array([AT], pa.timestamp("ns")), [AT]),
    "timestamp[s, tz]": (pa.array([AT], pa.timestamp("s", "Asia/Tokyo")), [AT]),
    "timestamp[ns, tz]": (pa.array([AT], pa.timestamp("ns", "Asia/Tokyo")), [AT]),
    "duration[s]": (pa.array([dt.timedelta(1)], pa.duration("s")), [dt.timedelta(1)]),
    "duration[ns]": (pa.array([dt.timedelta(1)], pa.duration("ns")), [dt.timedelta(1)]),
    "decimal32": (
        pa.array([decimal.Decimal("1.50")], pa.decimal32(5, 2)),
        [decimal.Decimal("1.50")],
    ),
    "decimal64": (
        pa.array([decimal.Decimal("1.50")], pa.decimal64(9, 2)),
        [decimal.Decimal("1.50")],
    ),
    "decimal256": (
        pa.array([decimal.Decimal("1.50")], pa.decimal256(38, 2)),
        [decimal.Decimal("1.50")],
    ),
    "null": (pa.nulls(2), [None, None]),
    "dictionary": (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    "run_end_encoded": (pa.compute.run_end_encode(pa.array(["a", "a", None])), ["a", "a", None]),
    "large_list": (pa.array([[1], None, []], pa.large_list(pa.uint8())), [[1], None, []]),
    "fixed_size_list": (pa.array([[1, 2], None], pa.list_(pa.int8(), 2)), [[1, 2], None]),
    "list_view": (pa.array([[1], None], pa.list_view(pa.int8())), [[1], None]),
    "map": (pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.uint8())), [{"k": 1}, None]),
    "struct": (pa.array([{"a": 1}, None], pa.struct([("a", pa.uint8())])), [(1,), None]),
    "json": (pa.array(["{}"], pa.json_()), ["{}"]),
    "uuid": (pa.array([b"0" * 16], pa.uuid()), [b"0" * 16]),
}
"""Arrow columns and what Spark shows of them."""

ARROW_REFUSED = {
    "decimal256, more than 38 digits": pa.array([decimal.Decimal(1)], pa.decimal256(40, 2)),
    "month_day_nano_interval": pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
    "union": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
    "timestamp[ns] with nanoseconds": pa.array([1], pa.timestamp("ns")),
    "duration[ns] with nanoseconds": pa.array([1], pa.duration("ns")),
    "time64[ns] with nanoseconds": pa.array([1], pa.time64("ns")),
}


def padded(column, rows):
    return pa.chunked_array([column, pa.nulls(rows - len(column), column.type)])


def arrow_table(spark):
    columns = {name: case[0] for name, case in ARROW.items() if spark_reads(spark, name)}
    rows = max(map(len, columns.values()))
    filled = {
        name: column if len(column) == rows else _longer(column, rows)
        for name, column in columns.items()
    }
    return pa.table(filled)


def _longer(column, rows):
    """The column and NULLs below; some encodings have no nulls of their own to join."""
    if pa.types.is_run_end_encoded(column.type):
        values = pa.compute.run_end_decode(column)
        return pa.compute.run_end_encode(_longer(values, rows).combine_chunks())
    if pa.types.is_dictionary(column.type):
        return _longer(column.dictionary_decode(), rows).combine_chunks().dictionary_encode()
    if isinstance(column.type, pa.BaseExtensionType):
        storage = _longer(column.storage, rows).combine_chunks()
        return pa.ExtensionArray.from_storage(column.type, storage)
    return padded(column, rows)


def spark_reads(spark, name):
    return (
        not name.startswith("time") or "[" not in name or "stamp" in name or spark.version >= "4.1"
    )


@pytest.fixture(scope="module")
def from_arrow(spark_session, ray4):
    spark_session.conf.set("spark.sql.session.timeZone", "UTC")
    return rdm.to_spark(arrow_table(spark_session))


def test_every_arrow_type_is_read_by_spark(from_arrow):
    rows = from_arrow.collect()
    for name in from_arrow.columns:
        expected = ARROW[name][1]
        came = [row[name] for row in rows][: len(expected)]
        if "tz" in name:
            micros = from_arrow.selectExpr(f"unix_micros(`{name}`) AS u").first()["u"]
            assert micros == pa.array([AT], pa.timestamp("us")).cast(pa.int64())[0].as_py()
            continue
        plain = [
            tuple(v) if isinstance(v, tuple) else bytes(v) if isinstance(v, bytearray) else v
            for v in came
        ]
        assert repr(plain) == repr(expected), name


@pytest.mark.parametrize("column", ARROW_REFUSED.values(), ids=ARROW_REFUSED)
def test_what_spark_cannot_keep_is_refused_before_a_job(spark_session, ray4, column):
    table = pa.table({"ok": pa.array([1]), "bad": column})
    with no_job(spark_session), pytest.raises(UnsupportedTypeError) as caught:
        rdm.to_spark(table, spark=spark_session)
    assert caught.value.column == "bad"
    assert caught.value.type.startswith(str(column.type))
    assert caught.value.hint


RAY_LACKS = ("view", "run_end", "decimal")
"""Arrow types that Ray itself cannot hold as objects."""


def test_the_same_types_in_ray_objects(spark_session, ray4, from_arrow):
    table = arrow_table(spark_session)
    held = [name for name in table.column_names if not any(lack in name for lack in RAY_LACKS)]
    refs = [ray4.put(table.select(held)), ray4.put(table.select(held[::-1]).slice(1, 2))]
    frame = rdm.to_spark(refs, spark=spark_session)
    columns = [f"`{name}`" for name in held]
    assert frame.schema == from_arrow.select(*columns).schema
    assert repr(frame.collect()[:3]) == repr(from_arrow.select(*columns).collect())
    lossy = ray4.put(pa.table({"ok": [1], "bad": pa.array([1], pa.timestamp("ns"))}))
    with pytest.raises(UnsupportedTypeError, match="truncate_timestamps=True"):
        rdm.to_spark([refs[0], lossy], spark=spark_session)


def test_nanoseconds_are_cut_only_on_request(spark_session, ray4):
    table = pa.table({"at": pa.array([1_234_567], pa.timestamp("ns"))})
    frame = rdm.to_spark(ray4.put(table), spark=spark_session, truncate_timestamps=True)
    assert frame.first()["at"] == dt.datetime(1970, 1, 1, 0, 0, 0, 1234)


def test_frames_and_tensors(spark_session, ray4):
    import polars as pl

    frame = pd.DataFrame(
        {
            "n": pd.array([1, None], "Int64"),
            "c": pd.Categorical(["a", "b"]),
            "t": pd.to_datetime(["2020-01-01", None]),
            "x": [np.nan, 1.5],
        }
    )
    rows = rdm.to_spark(ray4.put(frame), spark=spark_session).collect()
    assert [tuple(row) for row in rows] == [
        (1, "a", dt.datetime(2020, 1, 1), None),
        (None, "b", None, 1.5),
    ]
    polars = pl.DataFrame({"s": ["a", None], "l": [[1], [2, 3]]})
    assert [tuple(row) for row in rdm.to_spark(polars, spark=spark_session).collect()] == [
        ("a", [1]),
        (None, [2, 3]),
    ]
    tensors = ray4.data.from_numpy(np.arange(12, dtype=np.float32).reshape(2, 2, 3))
    back = rdm.to_spark(tensors, spark=spark_session)
    assert back.schema["data"].dataType.simpleString() == "array<array<float>>"
    assert back.collect()[1]["data"] == [[6.0, 7.0, 8.0], [9.0, 10.0, 11.0]]
    items = ray4.data.from_items([1, 2, 3])  # simple values: a column `item`
    assert sorted(row["item"] for row in rdm.to_spark(items, spark=spark_session).collect()) == [
        1,
        2,
        3,
    ]
    with pytest.raises(UnsupportedTypeError, match="'o'"):
        rdm.to_spark(ray4.put(pd.DataFrame({"o": [{1}, object()]})), spark=spark_session)


def test_blocks_of_different_schemas_are_unified(spark_session, ray4):
    blocks = [
        pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}),
        pa.table({"b": ["y"], "a": pa.array([2**40], pa.int64()), "c": [1.5]}),
        pa.table({"a": pa.nulls(1), "b": pa.array(["z"], pa.large_string())}),
    ]
    frame = rdm.to_spark([ray4.put(block) for block in blocks], spark=spark_session)
    assert frame.schema.simpleString() == "struct<a:bigint,b:string,c:double>"
    assert [tuple(row) for row in frame.collect()] == [
        (1, "x", None),
        (2**40, "y", 1.5),
        (None, "z", None),
    ]
    floats = pa.table({"a": [0.5]})
    whole = rdm.to_spark([ray4.put(pa.table({"a": [3]})), ray4.put(floats)], spark=spark_session)
    assert [row["a"] for row in whole.collect()] == [3.0, 0.5]
    for column in (pa.array([2**53 + 1]), pa.array([decimal.Decimal("0.1")])):
        blocks = [ray4.put(pa.table({"a": column})), ray4.put(floats)]
        with pytest.raises(BridgeError, match="do not go together|keeps not all"):
            rdm.to_spark(blocks, spark=spark_session)


def ragged(data):
    def array(row):
        import numpy as np

        return {"ok": 1, "bad": np.zeros((row["id"] + 1, 2))}

    return data.range(3, override_num_blocks=1).map(array)


def in_one_batch(data):
    def batch(_):
        import numpy as np

        return {"bad": np.array([1, "x"], dtype=object)}

    return data.range(2, override_num_blocks=1).map_batches(batch)


OF_OBJECTS = "arrow_pickled_object"
RAY_DATASETS_REFUSED = {
    "objects": (lambda data: data.from_items([{"ok": 1, "bad": object()}]), OF_OBJECTS),
    "pandas, mixed": (
        lambda data: data.from_pandas(pd.DataFrame({"ok": [1, 2], "bad": [1, "x"]})),
        OF_OBJECTS,
    ),
    "numpy, mixed": (in_one_batch, OF_OBJECTS),
    "numpy, ragged": (ragged, "VariableShapedTensor"),
    "mixed over blocks": (
        lambda data: data.from_items([{"bad": 1}, {"bad": "x"}], override_num_blocks=2),
        "int64 in one block and string in another",
    ),
    "ragged over blocks": (
        lambda data: data.from_items(
            [{"bad": np.zeros(2)}, {"bad": np.zeros((2, 2))}], override_num_blocks=2
        ),
        "list<element: double> in one block",
    ),
}


@pytest.mark.parametrize(("make", "kind"), RAY_DATASETS_REFUSED.values(), ids=RAY_DATASETS_REFUSED)
def test_datasets_of_objects_and_ragged_arrays_are_refused(spark_session, ray4, make, kind):
    dataset = make(ray4.data)
    with no_job(spark_session), pytest.raises(UnsupportedTypeError) as caught:
        rdm.to_spark(dataset, spark=spark_session)
    assert caught.value.column == "bad"
    assert kind in caught.value.type
    assert "Dataset.map" in caught.value.hint


def test_what_the_hints_say_helps(spark_session, ray4):
    lists = ragged(ray4.data).map(lambda row: row | {"bad": row["bad"].tolist()})
    back = rdm.to_spark(lists, spark=spark_session)
    assert back.schema["bad"].dataType.simpleString() == "array<array<double>>"
    assert [len(row["bad"]) for row in back.collect()] == [1, 2, 3]


def test_a_task_that_failed_is_told_as_such(spark_session, ray4):
    @ray4.remote
    def fails():
        raise ValueError("no such file")

    with pytest.raises(BridgeError, match="no such file"):
        rdm.to_spark(fails.remote(), spark=spark_session)


# docs/types.md ------------------------------------------------------------------------------------


def spark_table(frame, refs, ray):
    schema = ray.get(refs[0]).schema
    rows = [
        f"| {field.dataType.simpleString() if name in ('array', 'map', 'struct') else name} "
        f"| {_short(schema.field(name).type)} | the same |"
        for name, field in zip(frame.columns, frame.schema, strict=True)
    ]
    rows.append("| char(5), varchar(5), as Spark reads tables | string | string |")
    rows.append(f"| char(5), varchar(5), with `{KEPT}` | string | the same |")
    rows.append("| UDTs, such as ML vectors | their storage, as a struct | the same |")
    rows += [f"| {name} | refused | |" for name in REFUSED_BY_ARROW]
    return ["| Spark | in Ray (Arrow) | and back in Spark |", "|---|---|---|", *rows]


def arrow_rows(frame):
    rows = [
        f"| {name} | {field.dataType.simpleString()} |"
        for name, field in zip(frame.columns, frame.schema, strict=True)
    ]
    rows += [
        "| fixed-shape tensors, of Ray or Arrow | arrays, one level for each dimension |",
        "| Python objects; tensors of different shapes | refused |",
    ]
    rows += [f"| {name} | refused |" for name in ARROW_REFUSED]
    return ["| Arrow, in Ray | in Spark |", "|---|---|", *rows]


def _short(arrow_type):
    return str(arrow_type).replace(" not null", "")


def test_the_documentation_says_what_was_seen_here(crossed, from_arrow, ray4, spark_session):
    if not spark_session.version.startswith("4.3") or "New_York" in str(
        spark_session.conf.get("spark.sql.session.timeZone")
    ):
        return
    frame, _, refs = crossed
    text = DOC.read_text()
    for name, lines in (
        ("spark", spark_table(frame, refs, ray4)),
        ("arrow", arrow_rows(from_arrow)),
    ):
        table = "\n".join(lines)
        block = re.compile(rf"(<!-- {name}: made by .*? -->\n).*?(\n<!-- end -->)", re.DOTALL)
        assert block.search(text), name
        text = block.sub(lambda m, table=table: m[1] + table + m[2], text)
    if os.environ.get("UPDATE_DOCS"):
        DOC.write_text(text)
    assert DOC.read_text() == text, "docs/types.md is stale: run with UPDATE_DOCS=1"
