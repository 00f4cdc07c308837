"""An interrupted start on a Ray that others use leaves nothing there."""

import functools
import os
import queue

import pytest
from kernel import kernel
from machine import wait_until


@pytest.mark.parametrize("phase", ["Ray up, driver ...", "driver up, 0/2 executors"])
def test_an_interrupted_start_on_a_joined_ray_gives_all_back(phase, ray4, traces):
    address = ray4.get_runtime_context().gcs_address
    with kernel({"RAY_AUTH_MODE": os.environ.get("RAY_AUTH_MODE")}) as k:
        k.run("%load_ext raydp_magic")
        start = f"%raydp_cluster start --executors 2 --cores 1 --address {address}"
        cell = k.send(start)
        wait_until(functools.partial(said, k, cell, phase), 90, phase)
        k.manager.interrupt_kernel()
        done = k.result(cell, 30)
        assert done.error is not None
        assert "KeyboardInterrupt" in done.error["ename"]
        wait_until(lambda: ray4.available_resources().get("CPU") == 4, 15, "CPUs were given back")
        traces.gone(15)
        k.run(start)
        assert "10" in k.run("spark.range(10).count()").all_text


def said(k, cell, words):
    try:
        message = k.client.get_iopub_msg(timeout=0.1)
    except queue.Empty:
        return False
    return message["parent_header"].get("msg_id") == cell and words in str(message["content"])
