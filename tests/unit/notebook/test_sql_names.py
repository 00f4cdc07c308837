"""Names for SQL: kept for a second, never waited for long."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest

from raydp_magic.notebook import sql_names
from raydp_magic.notebook.lazy import PendingDataset
from raydp_magic.notebook.sql_names import KnownNames


class Found(list):
    """A Scala collection."""

    def take(self, most):
        return Found(self[:most])

    def mkString(self, between):  # noqa: N802 -- Scala's name
        return between.join(self)


class Session:
    """As much of a session as is asked for its names."""

    def __init__(self, gate=None):
        self.asked, self.gate = [], gate
        catalog = SimpleNamespace(
            listTables=self.list,
            listDatabases=lambda: Found(["default"]),
            getCurrentDatabase=lambda: "default",
        )
        current = SimpleNamespace(
            currentCatalog=lambda: SimpleNamespace(name=lambda: "spark_catalog")
        )
        self.functions = ["abs", "!=", "system.builtin.floor", "`default`.`mine`"]
        registry = SimpleNamespace(listFunction=self.list_functions)
        state = SimpleNamespace(
            catalogManager=lambda: current,
            catalog=lambda: catalog,
            functionRegistry=lambda: registry,
        )
        self._jsparkSession = SimpleNamespace(sessionState=lambda: state)
        self.catalog = SimpleNamespace(tableExists=lambda name: name == "`t`")

    def list(self, database):
        self.asked.append(database)
        if self.gate is not None:
            self.gate.wait(20)
        return Found(["`spark_catalog`.`default`.`t`", "`a``view`"])

    def list_functions(self):
        self.asked.append("functions")
        if self.gate is not None:
            self.gate.wait(20)
        return Found(self.functions)

    def table(self, name):
        return SimpleNamespace(schema=SimpleNamespace(names=[f"column of {name}"]))


@pytest.fixture
def patient(monkeypatch):
    """A machine that is busy answers late: these tests are not about the wait."""
    monkeypatch.setattr(sql_names, "WAIT_SECONDS", 20.0)


def names_of(session, **variables):
    names = KnownNames(variables, lambda: session)
    names.begin()
    return names


def test_tables_of_the_catalog(patient):
    session = Session()
    names = names_of(session)
    assert names.tables() == ["a`view", "t"]
    assert names.databases() == ["default"]
    assert names.columns(("t",)) == ["column of `t`"]
    assert names.columns(("no", "such")) == []
    names.tables()
    assert session.asked == ["default"]  # kept for a moment


def test_answers_get_old(patient, monkeypatch):
    session = Session()
    names = names_of(session)
    names.tables()
    monkeypatch.setattr(sql_names, "FRESH_SECONDS", 0.0)
    names.tables()
    assert session.asked == ["default", "default"]


def test_a_catalog_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(sql_names, "WAIT_SECONDS", 0.05)
    gate = threading.Event()
    session = Session(gate)
    names = names_of(session)
    began = time.monotonic()
    for database in (None, "a", "b", "c", "d", "e", None):
        assert names.tables(database) == []
    assert time.monotonic() - began < 5
    assert len(session.asked) <= sql_names.MOST_ASKED
    waiting = names._asked[("tables", None)]
    gate.set()
    assert waiting.wait(20)
    assert names.tables() == ["a`view", "t"]  # there the next time


def test_functions_are_known_for_good_and_never_waited_for_again(patient, monkeypatch):
    session = Session()
    names = names_of(session)
    assert names.functions() == ["!=", "abs", "floor", "mine"]
    monkeypatch.setattr(sql_names, "FRESH_SECONDS", 0.0)
    names._answers = {key: (at - 3600, found) for key, (at, found) in names._answers.items()}
    names.forget()
    session.gate = threading.Event()
    session.functions.append("new")
    names.begin()
    assert names.functions() == ["!=", "abs", "floor", "mine"]  # not waited for
    asked = names._asked[sql_names._FUNCTIONS]
    session.gate.set()
    assert asked.wait(20)
    assert "new" in names.functions()


def test_a_session_without_a_registry_has_no_functions(patient):
    session = Session()
    del session._jsparkSession  # as Spark Connect's
    assert names_of(session).functions() == []
    assert names_of(None).functions() == []


def test_another_session_has_other_names(patient):
    sessions = [Session(), Session()]
    names = KnownNames({}, lambda: sessions[0])
    names.begin()
    names.tables()
    del sessions[0]
    names.begin()
    names.tables()
    assert sessions[0].asked == ["default"]


def test_without_a_session_there_are_the_variables():
    names = names_of(
        None,
        frame=pd.DataFrame({"a": [1], 2: [3]}),
        table=pa.table({"b": [1]}),
        _hidden=pa.table({"c": [1]}),
        number=1,
        _ray=PendingDataset(lambda: pytest.fail("completion made it")),
    )
    assert names.variables() == ["frame", "table", "_ray"]
    assert names.tables() == []
    assert names.columns(("frame",)) == ["a", "2"]
    assert names.columns(("table",)) == ["b"]
    assert names.columns(("number",)) == []
    assert names.columns(("_ray",)) == []


def test_frames_of_spark_are_not_kept_alive(patient, make_frame):
    frame = make_frame([("x", "int")], [])
    schema = SimpleNamespace(names=["x"])
    type(frame).schema, kept = property(lambda self: schema), type(frame).schema
    try:
        names = names_of(Session(), frame=frame)
        assert names.columns(("frame",)) == ["x"]
    finally:
        type(frame).schema = kept
    gone = weakref.ref(frame)
    del names._namespace["frame"], frame
    gc.collect()
    assert gone() is None
