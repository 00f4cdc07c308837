"""Looking after a running Ray on Spark: its end, its nodes, Spark's executors as slots."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from raydp_magic.on_spark import watch as module
from raydp_magic.on_spark.session import SparkExecutor
from raydp_magic.on_spark.watch import Watch, as_slots, first_line, why_ended


def parts():
    driver = SimpleNamespace(alive=True, session_stopped=False, session=object())
    launch = SimpleNamespace(shut_down=False, head_exit_code=None, worker_error=None)
    return driver, launch


def test_executors_keep_their_numbers():
    numbers = {}
    two = as_slots([SparkExecutor("0", "a", 2), SparkExecutor("1", "b", 2)], numbers)
    later = as_slots([SparkExecutor("1", "b", 2), SparkExecutor("2", "a", 2)], numbers)
    assert [slot.number for slot in two] == [0, 1]
    assert [(slot.number, slot.executor_id, slot.node) for slot in later] == [
        (1, "1", "b"),
        (2, "2", "a"),
    ]
    assert {slot.phase for slot in later} == {"up"}


@pytest.mark.parametrize(
    ("of", "name", "value", "state", "why"),
    [
        ("driver", "alive", False, "failed", "driver JVM ended"),
        ("driver", "session_stopped", True, "stopped", "spark.stop()"),
        ("launch", "shut_down", True, "stopped", "shutdown_ray_cluster()"),
        ("launch", "head_exit_code", 143, "failed", "exit code 143"),
    ],
)
def test_every_end_is_noticed_and_told(of, name, value, state, why):
    driver, launch = parts()
    looking = Watch(driver, launch)
    assert looking.ended() is None
    setattr({"driver": driver, "launch": launch}[of], name, value)
    end = looking.ended()
    assert end.state == state
    assert why in end.why


def test_the_end_and_lost_nodes_are_told_by_the_thread(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    driver, launch = parts()
    looking, problems, ends, gone = Watch(driver, launch), [], [], threading.Event()

    def on_gone(end):
        ends.append(end)
        looking.stop()  # as a stop does, on this very thread
        gone.set()

    launch.worker_error = "\nRay worker node process exit, reason: x.\n  more"
    looking.start(problems, on_gone)
    for _ in range(500):
        if problems:
            break
        gone.wait(0.01)
    launch.shut_down = True
    assert gone.wait(5)
    assert problems == ["a Ray node ended: Ray worker node process exit, reason: x."]
    assert len(ends) == 1


def test_a_spark_that_does_not_answer_leaves_the_last_known_executors(monkeypatch):
    answers = [[SparkExecutor("0", "a", 2)], RuntimeError()]

    def ask(_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(module, "executors_of", ask)
    monkeypatch.setattr(module, "LOOK_SECONDS", -1.0)
    looking = Watch(*parts())
    assert [slot.executor_id for slot in looking.slots()] == ["0"]
    assert [slot.executor_id for slot in looking.slots()] == ["0"]
    assert answers == []


@pytest.mark.parametrize(
    ("printed", "said"),
    [("", "`ray start` ended with exit code 2"), ("a\n Error: b\n\n.", "... code 2: Error: b")],
)
def test_a_nodes_end_is_told_without_its_command(printed, said):
    error = (
        "Ray worker node process exit, reason: Command python -m x --y failed with return code 2, "
        f"tail output are included below.\n{printed}\n."
    )
    assert why_ended(error) == said.replace("...", "`ray start` ended with exit")


def test_first_line():
    assert first_line("\n  a\nb") == "a"
    assert first_line("") == "no reason given"
