"""How rows are cut into batches."""

from types import SimpleNamespace

import pytest
from pyspark.sql import types as t

from raydp_magic.bridge import batches
from raydp_magic.bridge.batches import BATCH_BYTES, BYTES, NO_LIMIT, ROWS, Batches, applied, cut


def schema(*kinds):
    return t.StructType([t.StructField(f"c{n}", kind) for n, kind in enumerate(kinds)])


def test_rows_of_one_size_are_counted():
    assert cut(schema(t.LongType(), t.DoubleType())) == Batches(
        BATCH_BYTES // 16, bound_bytes=False
    )


def test_wide_rows_come_in_smaller_batches():
    found = cut(schema(*[t.DecimalType(38, 18)] * 5000))
    assert found.rows == BATCH_BYTES // (5000 * 16)


def test_texts_are_watched():
    found = cut(schema(t.LongType(), t.StringType()))
    assert found.rows == 4096
    assert found.too_large == f"coalesce(octet_length(c1), 0) > {BATCH_BYTES // 4096 - 12}"


def test_fields_of_structs_are_addressed_by_name():
    inner = t.StructType([t.StructField("a.`b", t.BinaryType())])
    assert "coalesce(octet_length(c0.`a.``b`), 0)" in cut(schema(inner)).too_large


def test_arrays_and_maps_of_fixed_width_count_their_items():
    found = cut(schema(t.ArrayType(t.LongType()), t.MapType(t.IntegerType(), t.BooleanType())))
    assert "greatest(size(c0), 0) * 8L + greatest(size(c1), 0) * 5L >" in found.too_large


@pytest.mark.parametrize(
    "kind",
    [
        t.ArrayType(t.StringType()),
        t.MapType(t.StringType(), t.LongType()),
        t.CalendarIntervalType(),
    ],
)
def test_what_is_not_cheap_to_tell_is_left_to_spark(kind):
    assert cut(schema(kind)) is None


def test_a_very_long_sum_is_left_to_spark():
    assert cut(schema(*[t.StringType()] * 201)) is None


class Conf(dict):
    def get(self, key):
        return self[key]

    def set(self, key, value):
        self[key] = str(value)


class Session:
    def __init__(self, **conf):
        self.conf = Conf(conf)


@pytest.fixture
def session():
    return Session(**{ROWS: "10000", BYTES: "67108864b"})


def test_settings_apply_for_the_query_only(session):
    with applied(Batches(5000, bound_bytes=False), session):
        assert session.conf == {ROWS: "5000", BYTES: str(NO_LIMIT)}
    assert session.conf == {ROWS: "10000", BYTES: "67108864b"}


def test_a_person_s_smaller_batches_stay_small(session):
    session.conf.set(ROWS, 500)
    with applied(Batches(5000, bound_bytes=False), session):
        assert session.conf[ROWS] == "500"


def test_two_at_a_time_leave_the_person_s_settings_behind(session):
    first, second = (applied(Batches(n, bound_bytes=n == 9), session) for n in (7, 9))
    first.__enter__()
    second.__enter__()
    assert session.conf == {ROWS: "9", BYTES: "67108864b"}
    first.__exit__(None, None, None)
    assert session.conf[ROWS] == "9"
    second.__exit__(None, None, None)
    assert session.conf == {ROWS: "10000", BYTES: "67108864b"}


def test_an_interrupt_while_they_are_set_leaves_the_person_s_settings_behind(session):
    def interrupted(key, value):
        session.conf[key] = str(value)
        session.conf.set = Conf.set.__get__(session.conf)
        raise KeyboardInterrupt

    session.conf.set = interrupted
    with pytest.raises(KeyboardInterrupt), applied(Batches(7, bound_bytes=False), session):
        pass
    assert session.conf == {ROWS: "10000", BYTES: "67108864b"}
    with applied(Batches(7, bound_bytes=False), session):
        assert session.conf[ROWS] == "7"
    assert session.conf == {ROWS: "10000", BYTES: "67108864b"}


class Seq(list):
    def size(self):
        return len(self)

    def apply(self, index):
        return self[index]


def node(name, *children, subqueries=(), **more):
    fields = {"nodeName": name, "children": Seq(children), "subqueries": Seq(subqueries), **more}
    return SimpleNamespace(**{key: lambda value=value: value for key, value in fields.items()})


def frame(plan):
    execution = SimpleNamespace(executedPlan=lambda: plan)
    return SimpleNamespace(_jdf=SimpleNamespace(queryExecution=lambda: execution))


PLAIN = node("Project", node("Range"))
CACHED = node(
    "InMemoryTableScan", relation=SimpleNamespace(cachedPlan=lambda: node("MapInPandas", PLAIN))
)


@pytest.mark.parametrize(
    ("below", "found"),
    [
        (PLAIN, False),
        (node("ArrowEvalPython", PLAIN), True),
        (node("AdaptiveSparkPlan", inputPlan=node("Sort", node("MapInArrow", PLAIN))), True),
        (node("AdaptiveSparkPlan", inputPlan=node("Sort", PLAIN)), False),
        (CACHED, True),
        (node("Filter", PLAIN, subqueries=[node("BatchEvalPython", PLAIN)]), True),
    ],
)
def test_functions_of_the_person_are_found_in_a_plan(below, found):
    assert batches.runs_python(frame(node("MapInArrow", below))) is found


def test_what_cannot_be_known_counts_as_found():
    assert batches.runs_python(object())
    deep = PLAIN
    for _ in range(batches.MOST_NODES):
        deep = node("Filter", deep)
    assert batches.runs_python(frame(deep))


def test_an_older_spark_gets_few_large_rows():
    old = Session(**{ROWS: "10000"})
    by_spark = batches.cut_by_spark(old)
    with applied(by_spark, old):
        assert old.conf == {ROWS: "64"}
    assert old.conf == {ROWS: "10000"}
