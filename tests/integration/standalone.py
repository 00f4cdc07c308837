"""A Spark standalone cluster on loopback, its master and workers PySpark's own."""

import contextlib
import os
import socket
import subprocess
import sys

from machine import wait_until

from raydp_magic.engine.java import find_java
from raydp_magic.engine.launch import jvm_options, spark_environment
from raydp_magic.engine.spark_home import find_spark

LOOPBACK = "127.0.0.1"


def free_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
        return True
    return False


@contextlib.contextmanager
def standalone_cluster(folder, *, workers=1, cores=2):
    """Runs one; gives its address, ``spark://...``.

    Parameters
    ----------
    folder : Path
        For its logs and its executors' folders.
    workers, cores : int
        How many workers, and the cores of each.
    """
    java, home = find_java(), find_spark()
    options = jvm_options(java, 512, log4j="/dev/null", local_dir=str(folder))
    base = spark_environment(
        os.environ, java, home, host=LOOPBACK, local_dir=str(folder), python=sys.executable
    )
    running = []

    def start(kind, *arguments):
        command = [java.executable, *options, "-cp", f"{home.path}/jars/*"]
        command += [f"org.apache.spark.deploy.{kind}", "--host", LOOPBACK, *arguments]
        with (folder / f"{kind}-{len(running)}.log").open("w") as log:
            process = subprocess.Popen(command, env=base, stdout=log, stderr=log, cwd=folder)
        running.append(process)

    port = free_port()
    try:
        start("master.Master", "--port", str(port), "--webui-port", str(free_port()))
        wait_until(lambda: listens(port), 60)
        url = f"spark://{LOOPBACK}:{port}"
        for _ in range(workers):
            size = ["--cores", str(cores), "--memory", "1g", "--webui-port", str(free_port())]
            start("worker.Worker", *size, "--work-dir", str(folder / "work"), url)
        yield url
    finally:
        for process in running:
            process.kill()
            process.wait()
