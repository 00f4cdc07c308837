"""Whether workers have room is known before anything waits for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raydp_magic.engine import ray_session
from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.errors import UsageError
from raydp_magic.train.room import check_room, check_without_spark, gpus_for
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


def test_what_never_fits_is_said_before_spark_is_stopped(monkeypatch):
    monkeypatch.setattr(ray_session, "nodes", lambda: [NODE])
    check_without_spark(4, {"CPU": 1.0})
    with pytest.raises(UsageError, match="5 workers do not fit: Ray has 4 CPUs in all") as raised:
        check_without_spark(5, {"CPU": 1.0})
    assert "num_workers=4" in raised.value.hint
