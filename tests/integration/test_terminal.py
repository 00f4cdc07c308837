"""In a terminal's IPython progress is one line that is written over, and one line in the end."""

import os
import sys

import pexpect
from kernel import ROOT

JOB = "sc.parallelize(range(8), 4).map(lambda i: __import__('time').sleep(0.7)).count()"


def test_progress_in_a_terminal(traces):
    said = []

    class Log:
        def write(self, text):
            said.append(text)

        def flush(self):
            pass

    shell = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", "--colors=NoColor", "--simple-prompt"],
        env=os.environ | {"PYTHONPATH": ROOT},
        encoding="utf-8",
        timeout=120,
        dimensions=(24, 100),
    )
    shell.logfile_read = Log()
    for number, line in enumerate(
        ["%load_ext raydp_magic", "%raydp_cluster start --executors 1", "sc = spark.sparkContext"]
    ):
        shell.expect_exact(f"In [{number + 1}]:")
        shell.sendline(line)
    shell.expect_exact("In [4]:")
    assert "is ready: 1 executor" in "".join(said)

    shell.sendline(JOB)
    shell.expect(r"\r\x1b\[2KSpark job \d+ \[=*-+\] \d/4 tasks")
    shell.expect(r"\r\x1b\[2KSpark: 1 job, 4 tasks")
    shell.expect_exact("In [5]:")
    assert "Out[4]: 8" in "".join(said)
    assert "<div" not in "".join(said)
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    shell.close()
    traces.gone(15)
