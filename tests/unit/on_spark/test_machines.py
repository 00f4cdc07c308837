"""Where Ray's nodes would run: whether they can, and whether there is room."""

from __future__ import annotations

import os
import sys

import pytest

from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.errors import DoesNotFitError, UsageError
from raydp_magic.on_spark.machines import (
    Machine,
    check_machines,
    full_note,
    program_path,
    rooms_to_come,
    with_room,
)
from raydp_magic.on_spark.request import ALL_SLOTS, make_on_spark_spec
from raydp_magic.on_spark.session import SparkExecutor


def machine(**changes):
    facts = {"host": "h", "python": "/env/bin/python", "ray": "2.60.0", "ours": "1", "path": "/bin"}
    return Machine(**facts | changes)


def executors(*cores):
    return [SparkExecutor(str(i), "h", n) for i, n in enumerate(cores)]


def test_machines_with_the_same_ray_will_do():
    check_machines([machine(), machine(host="other", ours=None)], "2.60.0")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ray": None}, "on h run /env/bin/python, which has no Ray"),
        ({"ray": "2.50.0"}, "have Ray 2.50.0, this kernel 2.60.0"),
    ],
)
def test_a_machine_without_this_ray_is_named(wrong, said):
    with pytest.raises(UsageError, match="PYSPARK_PYTHON") as caught:
        check_machines([machine(), machine(**wrong)], "2.60.0")
    assert said in caught.value.message


def test_the_ray_program_of_each_environment_is_found(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    path = program_path("/ours", [machine(path="/bin:/opt/x")]).split(os.pathsep)
    assert path[0] == "/ours"
    assert path[1] == os.path.dirname(sys.executable)
    assert path.index("/env/bin") < path.index("/usr/bin") < path.index("/opt/x")
    assert len(path) == len(set(path))


def test_a_request_with_room_is_left_alone():
    spec = make_on_spark_spec(master="spark://h:1", worker_nodes=2, cpus_per_node=2)
    assert with_room(spec, executors(4), grows=False) == spec
    grown = make_on_spark_spec(master="yarn", worker_nodes=9)
    assert with_room(grown, executors(), grows=True) == grown
    elastic = make_on_spark_spec(master="yarn", min_worker_nodes=1, max_worker_nodes=9)
    assert with_room(elastic, executors(1), grows=False) == elastic


def test_all_slots_become_a_number():
    spec = make_on_spark_spec(master="spark://h:1", worker_nodes=ALL_SLOTS, cpus_per_node=2)
    found = with_room(spec, executors(4, 3), grows=False)
    assert (found.min_nodes, found.max_nodes) == (3, 3)


@pytest.mark.parametrize(
    ("given", "cores", "fits", "hint"),
    [
        ({"worker_nodes": 3}, (2,), "--worker-nodes 2", "ask for 2 at most, or a larger master"),
        (
            {"master": "spark://h:1", "cpus_per_node": 8},
            (2, 4),
            "--cpus-per-node 4",
            "4 CPUs a node at most.",
        ),
        ({"master": "spark://h:1"}, (), None, "are its workers up?"),
        ({"master": "spark://h:1", "worker_nodes": -1}, (), None, "are its workers up?"),
    ],
)
def test_no_room_says_what_would_fit(given, cores, fits, hint):
    with pytest.raises(DoesNotFitError, match="no room") as caught:
        with_room(make_on_spark_spec(**given), executors(*cores), grows=False)
    assert caught.value.fits == fits
    assert hint in caught.value.hint


def test_nodes_that_leave_spark_nothing_are_told_of():
    spec = make_on_spark_spec(worker_nodes=2)
    assert full_note(spec, executors(3)) is None
    assert "2 Ray nodes can take all 2 cores of Spark" in full_note(spec, executors(2))


def test_an_autoscaler_may_bring_what_is_not_there_yet():
    live = [NodeRoom("h", "h", "h", is_head=True), NodeRoom("1", "h", "h", is_head=False)]
    grows = make_on_spark_spec(
        master="spark://h:1", min_worker_nodes=0, max_worker_nodes=3, cpus_per_node=2
    )
    assert [room.total for room in rooms_to_come(grows, live)] == [{"CPU": 2.0}] * 2
    full = make_on_spark_spec(master="spark://h:1", min_worker_nodes=0, max_worker_nodes=1)
    assert rooms_to_come(full, live) == []
    fixed = make_on_spark_spec(master="spark://h:1", worker_nodes=3)
    assert rooms_to_come(fixed, live) == []
