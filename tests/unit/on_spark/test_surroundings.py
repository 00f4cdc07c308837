"""The environment of Ray's nodes, and what is put back after them."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import threading
from pathlib import Path

import pytest

from raydp_magic.on_spark import surroundings as module
from raydp_magic.on_spark.surroundings import THREAD, Surroundings, worth_showing


@pytest.fixture
def surroundings(monkeypatch):
    monkeypatch.setattr(module, "share_token", lambda: None)
    made = Surroundings()
    yield made
    made.close()


def test_variables_are_put_back(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "mine:1")
    monkeypatch.delenv("RAY_ON_SPARK_START_HOOK", raising=False)
    made = Surroundings()
    assert os.environ["RAY_ON_SPARK_START_HOOK"] == module.OUR_HOOK
    os.environ["RAY_ADDRESS"] = "theirs:1"
    made.close()
    made.close()
    assert os.environ["RAY_ADDRESS"] == "mine:1"
    assert "RAY_ON_SPARK_START_HOOK" not in os.environ


def test_the_ray_program_is_found(surroundings):
    program = shutil.which("ray", path=surroundings.variables([])["PATH"])
    assert str(surroundings.log) in Path(program).read_text()


def test_nodes_get_the_token_of_this_process(surroundings, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    token = tmp_path / "token"
    token.write_text("abc\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    assert surroundings.variables([])["RAY_AUTH_TOKEN"] == "abc"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    found = surroundings.variables([])
    assert found["RAY_AUTH_MODE"] == "disabled"
    assert "RAY_AUTH_TOKEN" not in found


def test_a_file_that_nodes_leave_behind_goes(tmp_path, monkeypatch):
    left = tmp_path / "ray.lock"
    left.touch()
    made = Surroundings()
    made.remove_at_end(str(left))
    made.close()
    assert not left.exists()


def record(name, level=logging.INFO, thread=None):
    made = logging.LogRecord(name, level, "f", 1, "text", (), None)
    made.threadName = thread or threading.current_thread().name
    return made


def test_the_set_ups_own_lines_are_not_for_the_person():
    assert worth_showing(record("ray.data"))
    assert not worth_showing(record("ray.util.spark", logging.WARNING))
    assert not worth_showing(record("ray.worker", thread=THREAD))
    assert worth_showing(record("ray.worker", logging.ERROR, THREAD))


def test_nor_where_ray_has_dropped_its_handlers(surroundings, capsys):
    for name, thread in [("of the set-up", THREAD), ("for the person", None)]:
        said = record("ray.worker", logging.WARNING, thread)
        said.msg = name
        logging.lastResort.handle(said)
    assert capsys.readouterr().err == "for the person\n"


def test_what_nodes_are_given_quiets_their_own_lines(surroundings):
    logger = logging.getLogger("ray.util.spark.worker")
    sent = pickle.dumps(surroundings.variables([]))
    assert logger.level == logging.NOTSET
    try:
        found = pickle.loads(sent)
        assert logger.level == logging.WARNING
    finally:
        logger.setLevel(logging.NOTSET)
    assert found == surroundings.variables([])
