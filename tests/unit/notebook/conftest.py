"""A real IPython shell with the extension, over a cluster and a session that are stand-ins."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from raydp_magic.errors import NotRunningError
from raydp_magic.spec import make_spec

NO_FILES = Config({"HistoryManager": {"hist_file": ":memory:"}})
"""For a shell: its history stays out of the user's own."""


class FakeType:
    def __init__(self, name):
        self.name = name

    def simpleString(self):  # noqa: N802 -- PySpark's name
        return self.name


class DataFrame:
    """As much of a Spark DataFrame as the notebook layer uses; values are texts already."""

    isStreaming = False  # noqa: N815 -- PySpark's name

    def __init__(self, columns, rows, log=None):
        self.columns = columns
        self.rows = rows
        self.log = [] if log is None else log

    @property
    def schema(self):
        fields = [SimpleNamespace(name=n, dataType=FakeType(t)) for n, t in self.columns]
        return SimpleNamespace(fields=fields)

    def toDF(self, *names):  # noqa: N802 -- PySpark's name
        assert len(names) == len(self.columns)
        return self

    def selectExpr(self, *expressions):  # noqa: N802 -- PySpark's name
        self.log.append(("select", expressions))
        width = len(expressions)
        return DataFrame(self.columns[:width], [row[:width] for row in self.rows], self.log)

    def limit(self, rows):
        self.log.append(("limit", rows))
        return DataFrame(self.columns, self.rows[:rows], self.log)

    def collect(self):
        self.log.append(("collect", len(self.rows)))
        return self.rows

    def count(self):
        return len(self.rows)

    def toPandas(self):  # noqa: N802 -- PySpark's name
        return "a pandas DataFrame"


DataFrame.__module__ = "pyspark.sql.dataframe"


class FakeContext:
    """Remembers tags and properties; its gateway is idle."""

    uiWebUrl = "http://127.0.0.1:4040"  # noqa: N815 -- PySpark's name

    def __init__(self):
        self.tags, self.properties, self.cancelled = set(), {}, []
        client = SimpleNamespace(get_thread_connection=lambda: None, deque=())
        self._gateway = SimpleNamespace(_gateway_client=client)
        java = SimpleNamespace(
            getLocalProperties=lambda: "properties",
            setLocalProperties=lambda kept: self.properties.update(restored=kept),
        )
        self._jsc = SimpleNamespace(sc=lambda: java)

    def addJobTag(self, tag):  # noqa: N802 -- PySpark's name
        self.tags.add(tag)

    def removeJobTag(self, tag):  # noqa: N802 -- PySpark's name
        self.tags.remove(tag)

    def cancelJobsWithTag(self, tag):  # noqa: N802 -- PySpark's name
        self.cancelled.append(tag)

    def getLocalProperty(self, key):  # noqa: N802 -- PySpark's name
        return self.properties.get(key)

    def setLocalProperty(self, key, value):  # noqa: N802 -- PySpark's name
        self.properties[key] = value


class SparkSession:
    version = "4.3.0"

    def __init__(self):
        self.sparkContext = FakeContext()
        self.statements = []
        active = SimpleNamespace(setActiveSession=lambda _: None)
        self._jvm, self._jsparkSession = SimpleNamespace(SparkSession=active), None

    def sql(self, statement):
        self.statements.append(statement)
        if statement.strip().upper().startswith("CREATE"):
            return DataFrame([], [])
        return DataFrame([("n", "int"), ("s", "string")], [(str(i), None) for i in range(30)])


class FakeCluster:
    def __init__(self, spec):
        self.spec, self.spark, self.problems = spec, SparkSession(), []
        self.scaled, self.kept = None, []

    def executor_ids(self):
        return ["0", "1"]

    def logs(self, executor=None, lines=50, stream=None):
        return f"logs of {executor}, {lines} lines of {stream}"

    def scale(self, executors):
        self.scaled = executors

    def stop(self):
        sys.modules["raydp_magic.cluster"].running = None


@pytest.fixture
def make_frame():
    """The stand-in for a Spark DataFrame: columns as (name, type), rows of texts, a log."""
    return DataFrame


@pytest.fixture
def kernel(monkeypatch):
    """A shell with the extension loaded, and nothing started."""
    cluster = ModuleType("raydp_magic.cluster")
    cluster.running = None
    cluster.current = lambda: cluster.running
    cluster.not_running = NotRunningError

    def start(*, progress, wait, timeout, **arguments):
        if cluster.running is None:
            cluster.running = FakeCluster(make_spec(**arguments))
            for phase, up in (("ray", 0), ("driver", 0), ("executors", 1), ("ready", 2)):
                progress(
                    SimpleNamespace(
                        phase=phase, message="", executors_up=up, executors_wanted=2, elapsed=1.0
                    )
                )
        return cluster.running

    cluster.start = start
    bridge = ModuleType("raydp_magic.bridge")
    bridge.to_ray = lambda df: SimpleNamespace(count=df.count, num_blocks=lambda: 1, name="dataset")
    bridge.to_refs = lambda df: ["ref"]
    bridge.ledger = list
    bridge.release = lambda name: (_ for _ in ()).throw(NotRunningError())
    monkeypatch.setitem(sys.modules, "raydp_magic.cluster", cluster)
    monkeypatch.setitem(sys.modules, "raydp_magic.bridge", bridge)
    ray = SimpleNamespace(__version__="2.60.0", ObjectRef=type("ObjectRef", (), {}))
    monkeypatch.setitem(sys.modules, "ray", ray)
    shell = InteractiveShell.instance(config=NO_FILES)
    shell.run_line_magic("load_ext", "raydp_magic")
    yield shell
    shell.run_line_magic("unload_ext", "raydp_magic")
    InteractiveShell.clear_instance()
