"""Which log lines are shown of what, with actors that answer from memory."""

import sys
from types import SimpleNamespace

import pytest

from raydp_magic.cluster.fleet import Slot
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
def cluster(monkeypatch, tmp_path):
    ray = SimpleNamespace(
        get=lambda ref, timeout: ref(), exceptions=SimpleNamespace(RayError=RayError)
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
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
