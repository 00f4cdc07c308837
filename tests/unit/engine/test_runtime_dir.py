import os
import subprocess
import sys
import textwrap
import time

from raydp_magic.engine.runtime_dir import RuntimeDir, tail

OWNER = """
import subprocess, sys, time
from raydp_magic.engine.runtime_dir import RuntimeDir
d = RuntimeDir("test", also=(sys.argv[1],))
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
d.register_group(child.pid)
print(d.path, child.pid, flush=True)
time.sleep(300)
"""


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "Z"


def wait(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nothing_stays_after_kill_9(tmp_path):
    also = tmp_path / "also"
    also.mkdir()
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), str(also)], stdout=subprocess.PIPE, text=True
    )
    path, pid = owner.stdout.readline().split()
    assert os.path.isdir(path)
    assert not gone(int(pid))
    owner.kill()
    owner.wait()
    wait(lambda: gone(int(pid)) and not os.path.exists(path) and not also.exists())


def test_close_is_complete_and_can_be_repeated():
    runtime = RuntimeDir("test")
    child = subprocess.Popen(["sleep", "300"], start_new_session=True)
    runtime.register_group(child.pid)
    runtime.close()
    runtime.close()
    assert child.wait(5) == -9
    assert not runtime.path.exists()


def test_files_are_private():
    runtime = RuntimeDir("test")
    try:
        path = runtime.file("x", "text")
        assert oct(os.stat(path).st_mode & 0o777) == "0o600"
        assert oct(os.stat(runtime.path).st_mode & 0o777) == "0o700"
    finally:
        runtime.close()


def test_tail(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {i}\n" for i in range(1000)))
    assert tail(log, 2) == ["line 998", "line 999"]
    assert tail(log, 0) == []
    assert tail(tmp_path / "none", 5) == []
