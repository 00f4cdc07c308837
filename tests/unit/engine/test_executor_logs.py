"""An actor reads the logs of all executors that ran in it."""

from types import SimpleNamespace

import pytest

from raydp_magic.engine.executor import ExecutorActor
from raydp_magic.engine.log_part import LogPart


@pytest.fixture
def actor(tmp_path):
    """Without a JVM: executor 0 ran here, 2 runs."""
    found = object.__new__(ExecutorActor)
    found._dir = SimpleNamespace(path=tmp_path)
    found._logs = found._log_files("2")
    for name, text in {"0.stdout": "", "0.stderr": "a\nb\n", "2.stdout": "c\n"}.items():
        (tmp_path / f"executor-{name}").write_text(text)
    return found


def test_those_of_the_current_one(actor):
    assert actor.logs(9) == {"stdout": ["c"], "stderr": []}
    assert actor.log_from("stdout", None, 9) == LogPart(("c",), 2)
    assert actor.log_from("stderr", None, 9) == LogPart((), 0)  # nothing yet, not even the file


def test_those_of_one_before(actor):
    assert actor.logs(1, "0") == {"stdout": [], "stderr": ["b"]}
    assert actor.log_from("stderr", 2, 9, "0") == LogPart(("b",), 4)
    assert actor.log_from("stdout", None, 9, "0") == LogPart((), 0)


def test_one_that_ran_elsewhere_has_none(actor):
    assert actor.logs(9, "1") == {}
    assert actor.log_from("stderr", None, 9, "1") is None
