"""Which log lines are shown of what, with actors that answer from memory."""

import sys
import time
from types import SimpleNamespace

import pytest

from raydp_magic.cluster.fleet import Past, Slot
from raydp_magic.cluster.logs import follow, last_lines
from raydp_magic.engine.log_part import LogPart
from raydp_magic.errors import UsageError


class RayError(Exception):
    pass


def answer(value):
    def remote(*asked):
        return lambda: value(*asked)

    return SimpleNamespace(remote=remote)


def fail(*_):
    raise RayError


@pytest.fixture
def ray(monkeypatch):
    fake = SimpleNamespace(
        get=lambda ref, timeout: ref(), exceptions=SimpleNamespace(RayError=RayError)
    )
    monkeypatch.setitem(sys.modules, "ray", fake)


@pytest.fixture
def cluster(ray, tmp_path):
    (tmp_path / "driver.log").write_text("driver line\n")
    silent, talking = {"stdout": [], "stderr": ["e0"]}, {"stdout": ["o1"], "stderr": ["e1", "e2"]}
    actors = {
        "0": SimpleNamespace(logs=answer(lambda _: silent)),
        "1": SimpleNamespace(
            logs=answer(lambda _: talking),
            log_from=answer(lambda stream, after, lines: LogPart((stream, lines), after or 4)),
        ),
        "2": SimpleNamespace(logs=answer(fail)),
    }
    slots = [Slot(n, "up", executor_id=str(n)) for n in range(3)]
    slots.append(Slot(3, "lost", executor_id="3", log_tail=("x", "last words")))
    return SimpleNamespace(
        slots=lambda: slots,
        actors=lambda: actors,
        executor_ids=lambda: ["0", "1", "2", "3"],
        past_executors=list,
        driver=SimpleNamespace(log=tmp_path / "driver.log"),
    )


def shown(cluster, executor=None, lines=9, stream=None):
    return last_lines(cluster, executor, lines, "", stream).splitlines()


def test_standard_output_is_there_when_it_says_something(cluster):
    assert shown(cluster, "0") == ["--- executor 0 (up), stderr ---", "e0"]
    assert shown(cluster, "1", 1) == [
        *("--- executor 1 (up), stdout ---", "o1"),
        *("--- executor 1 (up), stderr ---", "e2"),
    ]


def test_one_stream_is_asked_for(cluster):
    assert shown(cluster, "1", stream="stdout")[1:] == ["o1"]
    assert shown(cluster, "1", stream="stderr")[1:] == ["e1", "e2"]
    assert shown(cluster, "0", stream="stdout")[1:] == ["(nothing yet)"]
    assert "--- driver ---" not in shown(cluster, stream="stdout")


def test_what_is_left_of_who_does_not_answer(cluster):
    assert shown(cluster, "2")[1:] == ["(its actor does not answer)"]
    assert shown(cluster, "3")[1:] == ["x", "last words"]


def test_all_of_them_and_the_driver(cluster):
    titles = [line for line in shown(cluster) if line.startswith("---")]
    assert len(titles) == 6
    assert shown(cluster)[-2:] == ["--- driver ---", "driver line"]


def test_a_stream_that_there_is_not_is_refused(cluster):
    with pytest.raises(UsageError, match="one log"):
        shown(cluster, "driver", stream="stdout")
    with pytest.raises(UsageError, match="one log"):
        follow(cluster, "driver", 5, None, "stdout")
    with pytest.raises(UsageError, match="No stream 'stdin'"):
        follow(cluster, "1", 5, None, "stdin")
    with pytest.raises(UsageError, match="No executor '9'"):
        follow(cluster, "9", 5, None, "stdout")


def test_a_stream_is_followed(cluster):
    assert follow(cluster, "1", 5, None, None) == LogPart(("stderr", 5), 4)
    assert follow(cluster, "1", 5, 9, "stdout") == LogPart(("stdout", 5), 9)
    assert follow(cluster, "driver", 5, None, None).lines == ("driver line",)
    assert follow(cluster, "3", 1, None, "stderr").lines == ("last words",)
    assert follow(cluster, "3", 1, None, "stdout").lines == ()


class Actor:
    """Keeps the logs of all that ran in it, the current one's under an empty name."""

    def __init__(self, **files):
        self.logs = answer(
            lambda lines, executor="": {
                name: text[-lines:] for name, text in files.get(executor or "now", {}).items()
            }
        )
        self.log_from = answer(
            lambda stream, after, lines, executor="": (
                LogPart(tuple(files[executor][stream][after or 0 :][-lines:]), 3)
                if executor in files
                else None
            )
        )


@pytest.fixture
def replaced(ray):
    """Executor 2 runs where 0 ran before; 1 had an actor that is gone, and 3 was removed."""
    now = time.monotonic()
    past = [
        Past("0", 0, "killed (signal 9)", now, ("tail",)),
        Past("1", 0, "its Ray actor ended", now),
        Past("3", 7, "it was removed", now, ("bye",)),
    ]
    files = {
        "now": {"stdout": [], "stderr": ["of 2"]},
        "0": {"stdout": ["out of memory"], "stderr": ["a", "b", "c"]},
    }
    return SimpleNamespace(
        executor_ids=lambda: ["2"],
        past_executors=lambda: past,
        slots=lambda: [Slot(0, "up", True, "2")],
        actors=lambda: {"2": Actor(**files)},
        driver=SimpleNamespace(log="/nowhere"),
    )


def test_the_logs_of_a_replaced_executor_are_read_whole(replaced):
    out, line, err, *lines = shown(replaced, "0", 2)
    for title, stream in ((out, "stdout"), (err, "stderr")):
        assert title.startswith("--- executor 0 (until ")
        assert title.endswith(f": killed (signal 9)), {stream} ---")
    assert line == "out of memory"
    assert lines == ["b", "c"]
    assert follow(replaced, "0", 9, None, None) == LogPart(("a", "b", "c"), 3)


def test_one_stream_of_a_replaced_executor_is_asked_for(replaced):
    assert shown(replaced, "0", stream="stdout")[1:] == ["out of memory"]
    assert shown(replaced, "0", stream="stderr")[1:] == ["a", "b", "c"]
    assert follow(replaced, "0", 9, None, "stdout") == LogPart(("out of memory",), 3)
    assert follow(replaced, "0", 9, 1, "stderr") == LogPart(("b", "c"), 3)
    with pytest.raises(UsageError, match="No stream 'stdin'"):
        shown(replaced, "0", stream="stdin")


@pytest.mark.parametrize(("executor", "words"), [("3", "bye"), ("1", "went with its Ray actor")])
def test_of_one_whose_actor_is_gone_there_are_its_last_words(replaced, executor, words):
    assert words in last_lines(replaced, executor, 50, "", None)
    assert follow(replaced, executor, 9, 5, None) == LogPart((), 5)


def test_the_last_words_of_both_streams_are_shown_once(replaced):
    assert follow(replaced, "3", 9, None, "stderr").lines == ("bye",)
    assert follow(replaced, "3", 9, None, "stdout").lines == ()
    assert shown(replaced, "3", stream="stderr")[1:] == ["bye"]
    assert shown(replaced, "3", stream="stdout")[1:] == ["(its log went with its Ray actor)"]
    assert len(shown(replaced, "3")) == 2


def test_all_logs_are_those_of_now(replaced):
    text = last_lines(replaced, None, 50, "", None)
    assert "of 2" in text
    assert "executor 0" not in text


def test_one_that_never_was_is_refused(replaced):
    with pytest.raises(UsageError, match="No executor '9'"):
        last_lines(replaced, "9", 50, "", None)
