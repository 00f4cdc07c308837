"""The wire form: what pytest and the panel's own tests read is what the kernel sends."""

import json
from pathlib import Path

import pytest

from raydp_magic.cluster.fleet import Slot
from raydp_magic.monitoring.sampler import ended_executor, executor_snapshot
from raydp_magic.monitoring.snapshot import SCHEMA_VERSION, from_json
from raydp_magic.monitoring.spark_rest import job_snapshot

FOLDER = Path(__file__).parents[1] / "fixtures" / "snapshots"
FIXTURES = sorted(FOLDER.glob("*.json"))


def record(name="running"):
    return json.loads((FOLDER / f"{name}.json").read_text())


def test_there_is_a_fixture_for_each_situation():
    assert {path.stem for path in FIXTURES} >= {
        "running", "starting", "executor_lost", "failed", "stopped", "empty",
        "busy_multi_node", "unknown_values", "hostile_text",
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
    executor = executor_snapshot(slot, {"activeTasks": 3}, cores=2, max_restarts=5, rooms=[])
    assert executor.active_tasks == 2
    job = job_snapshot({"jobId": 1, "numActiveTasks": 3}, most_active=2)
    assert job.tasks_active == 2


def test_tallies_count_what_is_alive_and_up():
    snapshot = from_json(record("busy_multi_node"))
    assert snapshot.executors_up == 5
    assert snapshot.cpu_total == 80  # the dead node's 32 are not there
    assert snapshot.cpu_reserved == 44.5
