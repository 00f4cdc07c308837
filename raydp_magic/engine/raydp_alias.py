"""`import raydp`, as Ray's own `ray.data.from_spark` does, finds `raydp_magic.raydp`.

The finder for `raydp` stands last in ``sys.meta_path``, so an installed RayDP always wins. Its
submodules are found first once `raydp` is ours: the normal finders would load each a second time.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

NAME = "raydp"
OURS = "raydp_magic.raydp"


class _AliasLoader(Loader):
    """Gives a module that has been imported under its own name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_own_name(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run already; the import system has only put the alias's spec on it."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


class _NameFinder(MetaPathFinder):
    """Finds `raydp`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        return _spec(name) if name == NAME else None


class _PartFinder(MetaPathFinder):
    """Finds the submodules of `raydp` when that is ours."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if not name.startswith(f"{NAME}.") or NAME not in sys.modules:
            return None
        return _spec(name) if sys.modules[NAME] is sys.modules.get(OURS) else None


def install() -> None:
    """Make `import raydp` work. Safe to call again."""
    if not any(isinstance(finder, _NameFinder) for finder in sys.meta_path):
        sys.meta_path.append(_NameFinder())
        sys.meta_path.insert(0, _PartFinder())


def _spec(name: str) -> ModuleSpec | None:
    found = importlib.util.find_spec(_own_name(name))
    if found is None:
        return None
    package = found.submodule_search_locations is not None
    return ModuleSpec(name, _AliasLoader(), origin=found.origin, is_package=package)


def _own_name(name: str) -> str:
    return OURS + name.removeprefix(NAME)
