"""Joining a Ray that `ray start` made: by `auto`, by RAY_ADDRESS, with and without its token."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from kernel import kernel
from machine import ray_processes, wait_until

RECORD = Path("/tmp/ray/ray_current_cluster")
"""Where `ray start` writes the address that `auto` means."""
START = "%load_ext raydp_magic\n%raydp_cluster start --executors 1"


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A Ray head node on the command line, with a token of its own; its address."""
    token = tmp_path_factory.mktemp("token") / "auth_token"
    token.write_text("f" * 64)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    before = ray_processes()
    program = str(Path(sys.executable).with_name("ray"))
    options = ["--head", "--num-cpus=4", f"--port={port}", "--include-dashboard=false", "--block"]
    process = subprocess.Popen([program, "start", *options], env=environment)
    try:
        wait_until(lambda: len(ray_processes() - before) == 2, 60)
        wait_until(lambda: RECORD.is_file() and f":{port}" in RECORD.read_text(), 60)
        address = RECORD.read_text().strip()
        yield {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}, address
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        for child in [process, *children]:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                child.kill()
        process.wait()
        RECORD.unlink(missing_ok=True)  # a head that is killed leaves it behind


@pytest.mark.parametrize("how", ["auto", "RAY_ADDRESS"])
def test_a_ray_of_the_command_line_is_joined_and_left_running(head, how, traces):
    environment, address = head
    flag = " --address auto" if how == "auto" else ""
    with kernel(environment | ({} if flag else {"RAY_ADDRESS": address})) as k:
        k.run(f"{START}{flag}")
        assert "45" in k.run("spark.range(10).groupBy().sum('id').first()[0]").all_text
        joined = k.run("import raydp_magic as rdm; print(rdm.current().ray)").text
        assert "owned=False" in joined
        assert address in joined
        k.run("import ray; cpus = ray.available_resources()['CPU']\n%raydp_cluster stop")
        assert "3.0" in k.run("cpus").all_text
    traces.gone()  # the Ray itself was there before, and is there now
    assert len(ray_processes()) == 2


@pytest.mark.parametrize(
    "environment",
    [{"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}, {"RAY_AUTH_MODE": "disabled"}],
    ids=["wrong", "none"],
)
def test_without_its_token_the_refusal_says_what_to_set(head, traces, environment):
    _, address = head
    with kernel(environment) as k:
        error = k.fail(f"{START} --address {address}").error
        text = "\n".join(error["traceback"])
        assert "token" in text
        assert "RAY_AUTH_MODE=token" in text
        assert len(text.strip().splitlines()) == 2
        assert not traces.left()
