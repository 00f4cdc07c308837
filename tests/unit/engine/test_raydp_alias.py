"""`import raydp` finds ours, once, and never before an installed RayDP. In fresh processes."""

import subprocess
import sys

OURS = """
from raydp_magic.engine import raydp_alias
raydp_alias.install()
raydp_alias.install()
import importlib.util, sys
import raydp
from raydp.spark.dataset import to_ray
import raydp.utils
import raydp_magic.raydp as ours
import raydp_magic.raydp.spark.dataset as dataset
assert raydp is ours, raydp
assert sys.modules["raydp.spark"] is ours.spark
assert sys.modules["raydp.spark.dataset"] is dataset
assert raydp.utils is ours.utils
assert ours.__spec__.name == ours.__name__ == "raydp_magic.raydp"
assert importlib.util.find_spec("raydp.nothing") is None
assert len([f for f in sys.meta_path if "raydp_alias" in type(f).__module__]) == 2
"""

THEIRS = """
from raydp_magic.engine import raydp_alias
raydp_alias.install()
import raydp, raydp.spark
assert raydp.whose == raydp.spark.whose == "theirs"
import raydp_magic.raydp as ours
assert ours is not raydp
import raydp.spark
try:
    import raydp.context
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("a part of ours in theirs")
"""


def run(code, **more):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stderr


def test_raydp_is_ours_and_each_module_is_loaded_once():
    run(OURS)


def test_an_installed_raydp_wins(tmp_path):
    for part in ("raydp", "raydp/spark"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "__init__.py").write_text('whose = "theirs"\n')
    run(THEIRS, cwd=tmp_path)


def test_without_a_start_there_is_no_raydp(tmp_path):
    run("import raydp_magic, importlib.util\nassert importlib.util.find_spec('raydp') is None\n")
