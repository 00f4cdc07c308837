"""``%raydp_cluster start --on-spark``: its line, its help, its completion, its words."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest

from raydp_magic.errors import UsageError
from raydp_magic.notebook import parse
from raydp_magic.notebook.complete import candidates
from raydp_magic.notebook.progress import nodes_ready_text, nodes_text, size_text, stopped_text
from raydp_magic.notebook.session_name import SessionName
from raydp_magic.on_spark import start_ray_on_spark
from raydp_magic.on_spark.attempt import NodesProgress
from raydp_magic.on_spark.request import make_on_spark_spec
from raydp_magic.spec import make_spec


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("start --on-spark", parse.StartOnSpark()),
        (
            "start --master spark://h:7077 --on-spark --num-worker-nodes 5",
            parse.StartOnSpark(master="spark://h:7077", worker_nodes=5),
        ),
        (
            "start --on-spark --min-worker-nodes 0 --max-worker-nodes=3 --conf spark.a=b",
            parse.StartOnSpark(min_worker_nodes=0, max_worker_nodes=3, conf=(("spark.a", "b"),)),
        ),
        (  # as in Python
            "start --on-spark --idle-timeout-minutes 2 --collect-log-to-path /tmp/logs",
            parse.StartOnSpark(idle_timeout_minutes=2.0, collect_log_to_path="/tmp/logs"),
        ),
    ],
)
def test_lines(line, command):
    assert parse.parse_cluster(line) == command


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("start --on-spark --executors 2", "no flag --executors", "--worker-nodes"),
        ("start --on-spark --memory 2g", "no flag --memory", "--memory-per-node"),
        ("start --on-spark --address auto", "no flag --address", "--master"),
        ("start --master local[2]", "start has no flag --master", "--on-spark --master"),
        ("start --worker-nodes 2", "start has no flag --worker-nodes", "--on-spark"),
        ("start --on-spark --conf a=1 --conf a=2", "given twice", "keep one"),
        ("start --on-spark --worker-nodes 0", "at least 1", "--on-spark -h"),
    ],
)
def test_wrong_mixes_are_refused_in_one_line(line, said, hint):
    with pytest.raises(UsageError) as caught:
        parse.parse_cluster(line)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message


def test_help_of_both_kinds():
    ours = parse.parse_cluster("start -h").text
    assert "--on-spark -h" in ours
    assert "--executors" in ours
    other = parse.parse_cluster("start --on-spark -h").text
    assert other.startswith("usage: %raydp_cluster start --on-spark")
    assert "--worker-nodes" in other
    assert "--executors" not in other


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("%raydp_cluster start --on", ["--on-spark"]),
        ("%raydp_cluster start --on-spark --worker", ["--worker-nodes"]),
        ("%raydp_cluster start --on-spark --exec", []),
        ("%raydp_cluster start --on-spark --master ", ["local[*]"]),
        ("%raydp_cluster start --exec", ["--executors"]),
    ],
)
def test_completion(text, found):
    assert candidates(text) == found


def test_the_magic_has_the_functions_defaults():
    signature = {
        name: p.default for name, p in inspect.signature(start_ray_on_spark).parameters.items()
    }
    magic = parse.StartOnSpark().arguments()
    assert {name: value or signature[name] for name, value in magic.items()} == {
        name: signature[name] for name in magic
    }


def test_words():
    step = NodesProgress("nodes", 1, 2, 31.04)
    assert nodes_text(step) == "Spark up, head up, 1/2 Ray nodes (31.0 s)"
    assert nodes_text(NodesProgress("spark", 0, 2, 1.0)).startswith("Spark ..., head ...")
    spec = make_on_spark_spec(worker_nodes=2)
    handle = SimpleNamespace(
        spec=spec, dashboard_url="http://h:1", versions={"ray": "2.60.0", "spark": "4.3.0"}
    )
    said = nodes_ready_text(handle, 31.04)
    assert said == (
        "Ray 2.60.0 on Spark 4.3.0 is ready: head + 2 Ray nodes x 1 CPU (31.0 s). "
        "Ray dashboard: http://h:1"
    )
    over = SimpleNamespace(spec=spec, kept=[], lost=[])
    assert stopped_text(over) == "Stopped: head + 2 Ray nodes x 1 CPU, given back to Spark."
    over.lost = [SimpleNamespace(name="trips", bytes=2**20)]
    assert stopped_text(over).endswith(
        "Gone with Ray, which held them in Spark's tasks: trips: 1 MiB."
    )
    ours = SimpleNamespace(spec=make_spec(), kept=over.lost)
    assert "1g each, given back to Ray.\nRay goes on" in stopped_text(ours)
    assert "(trips: 1 MiB), until" in stopped_text(ours)
    assert size_text(make_spec()) == "2 executors x 1 core, 1g each"


class Session:
    """A SparkSession by its looks."""

    def __init__(self, context):
        self._sc = context


Session.__name__ = "SparkSession"


@pytest.mark.parametrize("lives", [True, False])
def test_a_session_that_outlives_ray_keeps_its_name(monkeypatch, lives):
    context = SimpleNamespace(_jsc=object())
    active = context if lives else None
    pyspark = SimpleNamespace(SparkContext=SimpleNamespace(_active_spark_context=active))
    monkeypatch.setitem(__import__("sys").modules, "pyspark", pyspark)
    theirs = Session(context)
    namespace = {"spark": theirs}
    name = SessionName(namespace, lambda: UsageError("over"))
    name.bind(theirs)
    name.follow(None)
    assert (namespace["spark"] is theirs) is lives
