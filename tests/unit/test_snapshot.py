"""The wire form: what pytest and the panel's own tests read is what the kernel sends."""

import json
from pathlib import Path

import pytest

from raydp_magic.cluster.fleet import Slot
from raydp_magic.engine.executor import NodeLoad
from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.monitoring.records import (
    Loads,
    RayWork,
    Records,
    ended_executor,
)
from raydp_magic.monitoring.snapshot import SCHEMA_VERSION, ExecutorSnapshot, from_json
from raydp_magic.monitoring.spark_rest import NO_ROW, executor_rows
from raydp_magic.spec import MIB, make_spec

FOLDER = Path(__file__).parents[1] / "fixtures" / "snapshots"
FIXTURES = sorted(FOLDER.glob("*.json"))


def record(name="running"):
    return json.loads((FOLDER / f"{name}.json").read_text())


def test_there_is_a_fixture_for_each_situation():
    assert {path.stem for path in FIXTURES} >= {
        "running", "starting", "executor_lost", "failed", "stopped", "empty",
        "busy_multi_node", "unknown_values", "hostile_text", "progress", "ray_lost",
        "transfers", "timeline",
    }  # fmt: skip


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_snapshot_survives_the_wire(path):
    wire = json.loads(path.read_text())
    assert json.loads(json.dumps(from_json(wire).to_json())) == wire


@pytest.mark.parametrize("schema", [0, SCHEMA_VERSION + 1, None, str(SCHEMA_VERSION)])
def test_another_schema_is_refused_and_named(schema):
    with pytest.raises(ValueError, match=f"schema {schema!r}, expected {SCHEMA_VERSION}"):
        from_json({**record(), "schema": schema})


def test_an_unknown_state_is_refused():
    with pytest.raises(ValueError, match="cluster state 'sleepy'"):
        from_json({**record(), "state": "sleepy"})


@pytest.mark.parametrize(
    ("rows", "field", "word"),
    [("executors", "state", "executor state"), ("timeline", "kind", "event kind")],
)
def test_a_word_that_is_none_is_refused_in_rows(rows, field, word):
    wire = record("timeline")
    wire[rows][0][field] = "sleepy"
    with pytest.raises(ValueError, match=f"{word} 'sleepy'"):
        from_json(wire)


def test_a_stage_is_checked_too():
    wire = record("progress")
    del wire["jobs"][0]["stages"][0]["name"]
    with pytest.raises(ValueError, match="StageRecord.*name"):
        from_json(wire)


def test_the_wire_form_shares_nothing_that_can_change_with_the_snapshot():
    snapshot = from_json(record())
    wire = snapshot.to_json()
    wire["executors"][0]["state"] = "lost"
    wire["versions"].clear()
    assert snapshot.executors[0].state == "up"
    assert snapshot.versions


def test_the_rows_of_the_wire_form_are_its_own():
    snapshot = from_json(record("progress"))
    wire = snapshot.to_json()
    wire["jobs"][0]["stages"][0].clear()
    wire["jobs"][0]["stages"].clear()
    wire["links"].clear()
    wire["nodes"][0].clear()
    assert json.loads(json.dumps(snapshot.to_json())) == record("progress")


def test_a_missing_and_a_surplus_field_are_named():
    wire = record()
    del wire["problems"]
    with pytest.raises(ValueError, match="problems"):
        from_json(wire)
    with pytest.raises(ValueError, match="mood"):
        from_json({**record(), "mood": "fine"})
    with pytest.raises(ValueError, match="mood"):
        from_json({**record(), "nodes": [{**record()["nodes"][0], "mood": "fine"}]})


def test_what_has_ended_is_not_up():
    up, lost = from_json(record("executor_lost")).executors
    assert (up.state, ended_executor(up).state, ended_executor(up).active_tasks) == (
        "up",
        "ended",
        0,
    )
    assert ended_executor(lost).state == "lost"


def test_no_more_tasks_are_active_than_there_are_slots():
    """Spark counts starts and ends in events of their own, which may lag."""
    slot = Slot(0, phase="up", executor_id="0")
    [executor] = executors([slot], {"0": seen({"activeTasks": 3})}, cores=2)
    assert executor.active_tasks == 2


def executors(slots, seen, *, memory=None, hosts=None, **size):
    spec = make_spec(**size)
    return Records().executors(
        slots, seen, spec, hosts=hosts or {}, memory=memory or {}, epoch=1000.0
    )


def test_an_executor_says_where_it_is_what_it_takes_and_since_when_it_is_lost():
    slots = [
        Slot(0, phase="up", executor_id="4", node="n1"),
        Slot(3, phase="lost", executor_id="5", node="gone", since=7.0, message="why"),
    ]
    up, lost = executors(
        slots, {"4": seen({"rddBlocks": 3})}, memory={"4": 9, "5": 9}, hosts={"n1": "head"}
    )
    assert (up.slot, up.node, up.memory_used, up.cached_blocks, up.lost_at) == (
        0,
        "head",
        9,
        3,
        None,
    )
    assert (lost.slot, lost.node, lost.memory_used, lost.lost_at) == (3, "gone", None, 1007.0)
    assert up.memory_total == (1024 + 384) * MIB
    assert up == ExecutorSnapshot(**vars(up))  # all fields are there, and it is frozen
    with pytest.raises(AttributeError):
        up.state = "lost"


def test_a_node_says_who_reserves_what():
    room = NodeRoom(
        "n1", "head", "127.0.0.1", True, {"CPU": 8.0, "memory": 16e9}, {"CPU": 3.0, "memory": 12e9}
    )
    slots = [Slot(0, phase="up", node="n1"), Slot(1, phase="lost", node="n1", actor_alive=True)]
    load = NodeLoad("n1", 50.0, 5, 10)
    work = RayWork(tasks={"n1": 2}, actors={})
    [node] = Records().nodes(
        [room], slots, make_spec(cores=2), loads=Loads({"n1": load}), work=work
    )
    assert (node.cpu_reserved, node.cpu_spark, node.spark_executors) == (5.0, 4.0, 1)
    assert node.memory_spark == 2 * (1024 + 384) * MIB
    assert (node.ray_tasks, node.ray_actors, node.memory_used) == (2, 0, 5)
    [blind] = Records().nodes([room], [], make_spec(), loads=Loads(), work=RayWork())
    assert (blind.cpu_spark, blind.ray_tasks, blind.memory_used) == (0.0, None, None)


def test_tallies_count_what_is_alive_and_up():
    snapshot = from_json(record("busy_multi_node"))
    assert snapshot.executors_up == 5
    assert snapshot.cpu_total == 80  # the dead node's 32 are not there
    assert snapshot.cpu_reserved == 44.5


def test_what_has_not_changed_is_the_same_record():
    records, spec = Records(), make_spec()
    row = seen({"activeTasks": 1})

    def look(phase, row, memory):
        slots = [Slot(0, phase=phase, executor_id="0", node="n1")]
        [one] = records.executors(
            slots, {"0": row}, spec, hosts={"n1": "head"}, memory={"0": memory}, epoch=0.0
        )
        return one

    first = look("up", row, 5)
    assert look("up", row, 5) is first
    assert look("up", row, 6).memory_used == 6
    assert look("draining", row, 6).state == "draining"
    assert look("draining", seen({"activeTasks": 0}), 6).active_tasks == 0
    assert look("up", row, 5) == first

    def room(free):
        rooms = [NodeRoom("n1", "head", "127.0.0.1", True, {"CPU": 8.0}, {"CPU": free})]
        [one] = records.nodes(rooms, [], spec, loads=Loads(), work=RayWork())
        return one

    node = room(4.0)
    assert room(4.0) is node
    assert room(3.0).cpu_reserved == 5.0


def test_an_executor_that_moved_on_is_as_one_made_from_nothing():
    kept, spec = Records(), make_spec(cores=2)
    lost = Slot(1, phase="lost", executor_id="1", node="n1", since=7.0, message="why")
    slots = [Slot(0, phase="up", executor_id="0", node="n1"), lost]

    def look(records, row, memory):
        given = {"0": row, "1": row} if row else {}
        return records.executors(
            slots, given, spec, hosts={"n1": "head"}, memory=memory, epoch=1000.0
        )

    first = look(kept, None, {})
    rows = ((3, 1, 2, 4, 5, 6, 7, 8), (1, 9, 2, 4, 5, 6, 7, 8), None)
    for row, memory in zip(rows, ({}, {"0": 5, "1": 5}, {"0": 6}), strict=True):
        moved = look(kept, row, memory)
        assert moved == look(Records(), row, memory)
        assert all(isinstance(executor, ExecutorSnapshot) for executor in moved)
    assert first[0].completed_tasks == 0  # what was taken before stays as it was


def test_records_follow_when_executors_come_and_go_and_nodes_are_named():
    kept, spec, hosts = Records(), make_spec(), {"n1": "head"}
    rows, memory = {"1": seen({"completedTasks": 7})}, {"1": 5}

    def look(*numbers):
        slots = [Slot(n, phase="up", executor_id=str(n), node=f"n{n}") for n in numbers]
        found = kept.executors(slots, rows, spec, hosts=dict(hosts), memory=memory, epoch=0.0)
        fresh = Records().executors(slots, rows, spec, hosts=hosts, memory=memory, epoch=0.0)
        assert found == fresh
        return found

    first = look(1, 2)
    more = look(1, 2, 3)
    assert [a is b for a, b in zip(first, more, strict=False)] == [True, True]
    assert [executor.slot for executor in look(1, 3)] == [1, 3]
    assert look() == ()
    assert [executor.node for executor in look(1, 3)] == ["head", "n3"]
    hosts["n3"] = "third"
    assert [executor.node for executor in look(1, 3)] == ["head", "third"]
    rows["1"] = seen({"completedTasks": 7})  # as it was, though read again
    [before, _] = look(1, 3)
    rows["1"] = seen({"completedTasks": 7})
    assert look(1, 3)[0] is before
    rows["1"] = seen({"completedTasks": 8})
    assert look(1, 3)[0].completed_tasks == 8


def seen(fields):
    """An executor's row, as from Spark's answer."""
    [row] = executor_rows(json.dumps([{"id": "1", **fields}]).encode()).values()
    return row


def test_of_sparks_record_only_what_is_shown_is_held():
    row = {"completedTasks": 7, "rddBlocks": 2, "memoryMetrics": {"used": 5}}
    assert seen(row) == (0, 7, 0, 0, 0, 2, 0, 0)
    assert seen({}) == NO_ROW
    driver = {"id": "driver", "activeTasks": 3}
    assert executor_rows(json.dumps([driver]).encode()) == {}
    in_local_mode = driver | {"totalCores": 2}
    assert list(executor_rows(json.dumps([in_local_mode]).encode())) == ["driver"]
    with pytest.raises(ValueError, match="malformed|Expected"):
        executor_rows(b"<html>")
