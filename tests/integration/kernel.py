"""A real Jupyter kernel to type cells into."""

import contextlib
import os
import queue
import sys
import time

from jupyter_client.manager import KernelManager

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Cell:
    """What came back from one cell."""

    def __init__(self):
        self.text = ""
        self.error = None
        self.displays = []
        self.progress = []  # of Spark jobs and the like, apart: any cell may have some

    @property
    def all_text(self):
        """Everything a person sees as text."""
        return self.text + "\n".join(d.get("text/plain", "") for d in self.displays)


class Kernel:
    def __init__(self, env=None):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.kernel_spec.argv[0] = sys.executable
        environment = dict(os.environ) | {
            "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])
        }
        environment |= env or {}
        self.manager.start_kernel(env={k: v for k, v in environment.items() if v is not None})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.heard = []  # everything that any cell said

    @property
    def pid(self):
        return self.manager.provisioner.pid

    def send(self, code):
        return self.client.execute(code)

    def result(self, message_id, timeout=180):
        """Collect a cell's messages until it is idle again."""
        cell, deadline = Cell(), time.monotonic() + timeout
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    f"cell did not end in {timeout} s; so far: {cell.all_text}"
                ) from None
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            self.heard.append(str(content))
            if kind == "stream":
                cell.text += content["text"]
            elif kind in ("display_data", "execute_result", "update_display_data"):
                shown_as = content.get("transient", {}).get("display_id", "")
                ours = shown_as.startswith("raydp_magic-progress-")
                (cell.progress if ours else cell.displays).append(content["data"])
            elif kind == "error":
                cell.error = content
            elif kind == "status" and content["execution_state"] == "idle":
                return cell

    def run(self, code, timeout=180):
        """Run a cell that must succeed."""
        cell = self.result(self.send(code), timeout)
        assert cell.error is None, "\n".join(cell.error["traceback"])
        return cell

    def fail(self, code, timeout=180):
        """Run a cell that must fail; returns what a person reads of the failure."""
        cell = self.result(self.send(code), timeout)
        assert cell.error is not None, f"no error; said {cell.all_text!r}"
        return cell

    def close(self):
        with contextlib.suppress(Exception):
            self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=False)


@contextlib.contextmanager
def kernel(env=None):
    running = Kernel(env)
    try:
        yield running
    finally:
        running.close()
