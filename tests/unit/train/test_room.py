"""Whether workers have room is known before anything waits for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raydp_magic.engine import ray_session
from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.errors import UsageError
from raydp_magic.train import room
from raydp_magic.train.room import check_model_room, check_room, given_back, gpus_for
from raydp_magic.train.shares import cut_points

NODE = NodeRoom("n", "host", "10.0.0.1", True, total={"CPU": 4.0}, free={"CPU": 2.0})


def refused(workers, wants=None, **options):
    options = {"strategy": "PACK", "spark_cpus": 0.0} | options
    with pytest.raises(UsageError) as raised:
        check_room(workers, wants or {"CPU": 1.0}, [NODE], **options)
    return raised.value


def test_what_fits_passes():
    check_room(2, {"CPU": 1.0, "GPU": 0.0}, [NODE], "PACK", spark_cpus=2.0)


def test_it_says_what_is_free_and_that_spark_holds_the_rest():
    error = refused(3, spark_cpus=2.0)
    assert error.message == (
        "3 workers with 1 CPU each do not fit: 2 of Ray's 4 CPUs are free; Spark's executors hold 2"
    )
    assert "num_workers=2" in error.hint
    assert "stop_spark_after_conversion=True" in error.hint


def test_without_spark_it_says_what_else_would_help():
    error = refused(1, {"CPU": 3.0})
    assert error.message.startswith("1 worker with 3 CPU each does not fit")
    assert "resources_per_worker" in error.hint
    assert "Spark" not in error.message + error.hint


def test_each_on_a_node_of_its_own():
    refused(2, strategy="STRICT_SPREAD")


@pytest.mark.parametrize(
    ("spark_cpus", "less", "hint"),
    [
        (2.0, "", "scale Spark down."),
        (2.0, "num_cpus", "scale Spark down, or ask for less with num_cpus."),
        (0.0, "", "free something (see the Ray dashboard)."),
    ],
)
def test_what_helps_a_model_is_not_what_helps_a_fit(spark_cpus, less, hint):
    check_model_room({"CPU": 2.0}, [NODE], spark_cpus=spark_cpus, less=less)
    with pytest.raises(UsageError, match="The model, with 3 CPU, does not fit: 2 of") as raised:
        check_model_room({"CPU": 3.0, "GPU": 0.0}, [NODE], spark_cpus=spark_cpus, less=less)
    assert raised.value.hint == hint


@pytest.mark.parametrize(
    ("rows", "workers", "equal", "points"),
    [
        (10, 3, True, [3, 6, 9]),
        (10, 3, False, [3, 6, 10]),
        (2, 3, False, [0, 1, 2]),
        (4, 2, True, [2, 4]),
    ],
)
def test_shares(rows, workers, equal, points):
    assert cut_points(rows, workers, equal=equal) == points


def test_each_worker_needs_a_row_to_learn_from():
    with pytest.raises(UsageError, match="2 rows cannot train 3 workers"):
        cut_points(2, 3, equal=True)
    with pytest.raises(UsageError, match="1 row cannot train 2 workers"):
        cut_points(1, 2, equal=True)
    with pytest.raises(UsageError, match="no rows to train on"):
        cut_points(0, 1, equal=True)


def test_gpus_are_taken_only_where_the_rest_fits_as_well(monkeypatch):
    full = NodeRoom(
        "g", "gpu", "10.0.0.2", True, total={"CPU": 4.0, "GPU": 2.0}, free={"CPU": 0.0, "GPU": 2.0}
    )
    monkeypatch.setattr(ray_session, "nodes", lambda: [NODE, full])
    assert gpus_for(1, {"CPU": 1.0}, "PACK") == 0.0
    free = replace(full, free=full.total)
    monkeypatch.setattr(ray_session, "nodes", lambda: [NODE, free])
    assert gpus_for(2, {"CPU": 1.0}, "PACK") == 1.0


OTHER = NodeRoom("m", "host", "10.0.0.2", False, total={"CPU": 4.0}, free={"CPU": 1.0})


def test_spark_gives_back_what_it_holds_and_others_do_not():
    one, other = given_back([NODE, OTHER], [("m", {"CPU": 1.0, "memory": 9.0}), ("x", {"CPU": 1})])
    assert (one.free, other.free) == ({"CPU": 2.0}, {"CPU": 2.0})


@pytest.fixture
def ray_with_spark(monkeypatch):
    """Spark holds a CPU of each node, others a CPU of the first and two of the second."""
    monkeypatch.setattr(ray_session, "nodes", lambda: [NODE, OTHER])
    monkeypatch.setattr(room, "spark_holds", lambda: [("n", {"CPU": 1.0}), ("m", {"CPU": 1.0})])
    monkeypatch.setattr(room, "WAIT_SECONDS", 0.0)


@pytest.mark.parametrize(("strategy", "most"), [("PACK", 5), ("STRICT_PACK", 3)])
@pytest.mark.usefixtures("ray_with_spark")
def test_what_never_fits_is_said_before_spark_is_stopped(strategy, most):
    room.wait_for_room(most, {"CPU": 1.0}, strategy, without_spark=True)
    with pytest.raises(UsageError, match="5 of Ray's 8 CPUs are free once Spark has") as raised:
        room.wait_for_room(most + 1, {"CPU": 1.0}, strategy, without_spark=True)
    assert raised.value.hint == f"use num_workers={most}."


@pytest.mark.usefixtures("ray_with_spark")
def test_nobody_waits_for_what_spark_alone_leaves_no_room_for(monkeypatch):
    monkeypatch.setattr(room, "WAIT_SECONDS", 3600.0)
    with pytest.raises(UsageError, match="3 of Ray's 8 CPUs are free; Spark's executors hold 2"):
        room.wait_for_room(4, {"CPU": 1.0}, "STRICT_PACK")


@pytest.mark.usefixtures("ray_with_spark")
def test_nodes_that_an_autoscaler_may_bring_count(monkeypatch):
    coming = replace(OTHER, node_id="to-come-0", free=OTHER.total)
    monkeypatch.setattr(room, "nodes_to_come", lambda: [coming])
    room.wait_for_room(3 + 4, {"CPU": 1.0}, "PACK")
    with pytest.raises(UsageError, match="7 of Ray's 12 CPUs are free"):
        room.wait_for_room(3 + 5, {"CPU": 1.0}, "PACK")
