"""Whose log is read: that of an executor that runs, or of one that is no more."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import pytest

from raydp_magic.cluster.fleet import Past, Slot
from raydp_magic.cluster.logs import follow, last_lines
from raydp_magic.engine.log_part import LogPart
from raydp_magic.errors import UsageError


class Actor:
    """Keeps the logs of all that ran in it."""

    def __init__(self, **files):
        self.logs = SimpleNamespace(remote=lambda lines: files["now"][-lines:])
        self.log_from = SimpleNamespace(
            remote=lambda after, lines, executor="now": LogPart(
                tuple(files.get(executor, ())[-lines:]), len(files.get(executor, ()))
            )
        )


@pytest.fixture
def cluster(monkeypatch):
    """Executor 2 runs where 0 ran before; 1 had an actor that is gone, and 3 was removed."""
    fake = SimpleNamespace(
        get=lambda ref, timeout: ref, exceptions=SimpleNamespace(RayError=RuntimeError)
    )
    monkeypatch.setitem(sys.modules, "ray", fake)
    now = time.monotonic()
    past = [
        Past("0", 0, "killed (signal 9)", now, ("tail",)),
        Past("1", 0, "its Ray actor ended", now),
        Past("3", 7, "it was removed", now, ("bye",)),
    ]
    return SimpleNamespace(
        executor_ids=lambda: ["2"],
        past_executors=lambda: past,
        slots=lambda: [Slot(0, "up", True, "2")],
        actors=lambda: {"2": Actor(**{"now": ["of 2"], "0": ["a", "b", "c"]})},
        driver=SimpleNamespace(log="/nowhere"),
    )


def test_the_log_of_a_replaced_executor_is_read_whole(cluster):
    text = last_lines(cluster, "0", 2, "")
    assert text.startswith("--- executor 0 (until ")
    assert "killed (signal 9)) ---\nb\nc" in text
    assert follow(cluster, "0", 9, None) == LogPart(("a", "b", "c"), 3)


@pytest.mark.parametrize(("executor", "words"), [("3", "bye"), ("1", "went with its Ray actor")])
def test_of_one_whose_actor_is_gone_there_are_its_last_words(cluster, executor, words):
    assert words in last_lines(cluster, executor, 50, "")
    assert follow(cluster, executor, 9, 5) == LogPart((), 5)


def test_all_logs_are_those_of_now(cluster):
    text = last_lines(cluster, None, 50, "")
    assert "of 2" in text
    assert "executor 0" not in text


def test_one_that_never_was_is_refused(cluster):
    with pytest.raises(UsageError, match="No executor '9'"):
        last_lines(cluster, "9", 50, "")
