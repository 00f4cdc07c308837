"""DataFrames in plain cells, with a class of PySpark's name."""

from types import SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell

from raydp_magic.notebook import dataframe_display
from raydp_magic.notebook.dataframe_display import DataFrameDisplay


class DataFrame:
    def __init__(self, context):
        self.sparkSession = SimpleNamespace(sparkContext=context)

    def __repr__(self):
        return "DataFrame[a: int]"


DataFrame.__module__ = "pyspark.sql.dataframe"


class Classic(DataFrame):
    """Spark 4's has a subclass for each kind of session."""


@pytest.fixture
def shown(monkeypatch):
    monkeypatch.setattr(dataframe_display, "preview", lambda _, rows, name: (rows, name))
    monkeypatch.setattr(
        dataframe_display, "bundle", lambda told: {"text/plain": "{} rows {}".format(*told).strip()}
    )
    shell = InteractiveShell()
    has = SimpleNamespace(session=SimpleNamespace(sparkContext="ours"), rows=20)
    frames = DataFrameDisplay(shell, lambda: has.session, lambda: has.rows)
    has.remove, has.variables = frames.remove, shell.user_ns
    has.of = lambda value: shell.display_formatter.format(value)[0]["text/plain"]
    return has


def test_one_of_our_cluster_shows_its_rows(shown):
    assert shown.of(Classic("ours")) == "20 rows"
    assert shown.of(DataFrame("ours")) == "20 rows"


def test_a_hint_names_the_variable_that_holds_it_if_one_does(shown):
    wide = Classic("ours")
    shown.variables.update(_=wide, wide=wide, _spark=Classic("ours"))
    assert shown.of(wide) == "20 rows wide"
    assert shown.of(shown.variables["_spark"]) == "20 rows"


def test_any_other_shows_as_ever(shown):
    assert shown.of(Classic("theirs")) == "DataFrame[a: int]"
    shown.rows = None
    assert shown.of(Classic("ours")) == "DataFrame[a: int]"
    shown.rows, shown.session = 20, None
    assert shown.of(Classic("ours")) == "DataFrame[a: int]"


def test_one_of_a_spark_that_has_ended_says_so(shown):
    ended = Classic(SimpleNamespace(_jsc=None))
    assert "of a Spark that has ended" in shown.of(ended)
    shown.rows = shown.session = None
    assert "of a Spark that has ended" in shown.of(ended)
    assert shown.of(Classic(SimpleNamespace(_jsc="java"))) == "DataFrame[a: int]"


def test_it_can_be_taken_out_again(shown):
    assert shown.of(Classic("ours")) == "20 rows"
    shown.remove()
    assert shown.of(Classic("ours")) == "DataFrame[a: int]"
