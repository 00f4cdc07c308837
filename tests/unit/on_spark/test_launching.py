"""The set-up of Ray, from outside: giving up, ending, and who is left of it."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from raydp_magic.on_spark import launching
from raydp_magic.on_spark.launching import Launch, names


@pytest.fixture
def launch():
    files = []
    surroundings = SimpleNamespace(their_hook=None, remove_at_end=files.append, files=files)
    made = Launch(object(), {}, head_ip="h", surroundings=surroundings, variables={})
    made.files = files
    return made


def handler(**changes):
    calls = []
    return SimpleNamespace(
        **{
            "address": "h:1",
            "temp_dir": "/tmp/ray-1-x",
            "ray_dashboard_port": 8265,
            "is_shutdown": False,
            "background_job_exception": None,
            "spark_job_server": SimpleNamespace(last_worker_error=None),
            "shutdown": lambda: calls.append("shutdown"),
            "calls": calls,
        }
        | changes
    )


def test_a_head_that_comes_is_known(launch):
    launch.head_is_up(handler())
    assert launch.address == "h:1"
    assert launch.dashboard_url == "http://h:8265"
    assert launch.files == ["/tmp/ray-1-x.lock"]
    assert launch.worker_error is None


def test_giving_up_ends_a_set_up_that_waits_for_nodes(launch):
    launch.head_is_up(one := handler())
    launch.give_up(why := RuntimeError("enough"))
    assert one.background_job_exception is why


def test_a_head_that_comes_too_late_is_shut_down(launch):
    launch.give_up(RuntimeError("enough"))
    with pytest.raises(RuntimeError, match="enough"):
        launch.head_is_up(one := handler())
    assert one.calls == ["shutdown"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["raylet", "--session_dir=/tmp/ray-1-x/session"], True),
        (["ray", "start", "--temp-dir=/tmp/ray-1-x"], True),
        (["sh", "-c", "...", "/tmp/raydp_magic-y", "/tmp/ray-1-x.lock"], False),
        (["raylet", "--session_dir=/tmp/ray-2-x"], False),
        ([], False),
        (None, False),
    ],
)
def test_who_is_left(words, named):
    assert names(words, "/tmp/ray-1-x") is named


def test_a_ray_start_that_nobody_ends_is_ended(tmp_path):
    folder = tmp_path / "ray-1-x"
    folder.mkdir()
    code = "import sys; sys.stdin.read()"
    command = [sys.executable, "-c", code, "start", f"--temp-dir={folder}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    launching._see_gone(str(folder), 0.0)
    assert process.wait(10) == -9
    process.stdin.close()
    assert not folder.exists()
