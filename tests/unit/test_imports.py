"""Imports point down the list of rooms, and ``%load_ext`` imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import raydp_magic

PACKAGE = Path(raydp_magic.__file__).parent

ROOMS = (
    ("errors", "loaded", "spec"),
    ("engine",),
    ("bridge",),
    ("cluster",),
    ("monitoring",),
    ("ray_udf", "on_spark"),
    ("train",),
    ("raydp",),
    ("notebook",),
    ("panel",),
    ("extension", "cli"),
)
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}

LATE = {
    ("cluster", "monitoring"): "Cluster.status() and .sampler: a handle shows its own state",
    ("cluster", "panel"): "Cluster.panel() and its rich display",
    ("bridge", "cluster"): "to_spark() without a session asks for the running cluster's",
    ("notebook", "panel"): "status and panel are drawn by the panel room",
}
"""Upward imports that are allowed inside functions or for types, and why."""


def imports_of(path):
    """Yield (module, line, whether it runs when the module is imported) of raydp_magic's own."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = set()
    for node in ast.walk(tree):
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if typing_only or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            late.update(id(child) for child in ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "raydp_magic":
                names = [f"raydp_magic.{alias.name}" for alias in node.names]
            else:
                names = [node.module]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "raydp_magic":
                yield name, node.lineno, id(node) in late


def room_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def files():
    return sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def test_every_file_is_in_a_room():
    rooms = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in files()}
    assert rooms <= set(LEVEL)


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down_the_rooms(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    wrong = []
    for module, line, late in imports_of(path):
        other = room_of(module)
        if other in ("__version__", "") and late:
            continue  # the version
        down = (
            other == room
            or LEVEL.get(other, 99) < LEVEL[room]
            or (LEVEL.get(other) == LEVEL[room] == 0)
        )
        if not down and not (late and (room, other) in LATE):
            wrong.append(f"line {line}: {room} -> {module}")
    assert wrong == []


def test_load_ext_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'raydp_magic')\n"
        "shell.run_cell('1 + 1')\n"
        "heavy = {'ray', 'pyspark', 'pandas', 'pyarrow', 'anywidget', 'ipywidgets', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    assert last_line(code) == "[]"


@pytest.mark.parametrize(
    "code",
    [
        "from raydp_magic.notebook.bridge_list import ledger_text; ledger_text({})",
        "from raydp_magic import start; start(progress=stop)",
        "from raydp_magic import start_ray_on_spark as start; start(progress=stop)",
    ],
)
def test_the_first_line_does_not_wait_for_ray_to_be_imported(code):
    told = "print('ray' in sys.modules)"
    code = f"import sys\ndef stop(step): {told}; sys.exit()\n{code}\n{told}"
    assert last_line(code) == "False"


def last_line(code):
    """What a new Python prints last."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
        timeout=60,
    )
    return done.stdout.splitlines()[-1]
