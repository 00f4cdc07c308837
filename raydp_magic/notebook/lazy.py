"""``_ray``: the last DataFrame as a Ray Dataset, made only when somebody uses it.

Before a cell runs, its code is searched for the name ``_ray``; if it is there and a conversion
is pending, the Dataset is made and takes the name. Code that reaches the name in another way
(a function defined earlier, say) meets the :class:`PendingDataset`, which converts itself.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from IPython.core.error import InputRejected

from raydp_magic.errors import RaydpMagicError
from raydp_magic.notebook.failure import as_lines

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "_ray"
_MENTIONED = re.compile(r"(?<![\w.])_ray\b")


class PendingDataset:
    """Stands for a Ray Dataset that is not made yet; any attribute of it makes it.

    Parameters
    ----------
    make : callable
        Makes the Dataset; called once, and again only after it failed.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    def dataset(self) -> Any:
        """The Dataset, made now if it was not."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def __getattr__(self, name: str) -> Any:
        # IPython's displays and copy/pickle probe dunders and _repr_*_: these are not a use.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.dataset(), name)

    def __len__(self) -> int:
        return len(self.dataset())

    def __repr__(self) -> str:
        if self._made is not None:
            return repr(self._made)
        return "<`_spark` as a Ray Dataset: made when `_ray` is first used>"


class LazyRay(ast.NodeTransformer):
    """Keeps ``_ray`` of one namespace.

    Parameters
    ----------
    namespace : dict
        The user's.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace

    def offer(self, df: Any, make: Callable[[Any], Any]) -> None:
        """Bind ``_ray`` to the promise of a DataFrame's Dataset."""
        self._namespace[NAME] = PendingDataset(lambda: make(df))

    def bind(self, dataset: Any) -> None:
        """Bind ``_ray`` to a Dataset that is there already."""
        self._namespace[NAME] = dataset

    def visit(self, tree: ast.AST) -> ast.AST:
        """Make the Dataset if a cell's code uses it; an AST transformer of IPython's.

        Raises
        ------
        InputRejected
            When it cannot be made: the cell is not run, and shows one line.
        """
        pending = self._namespace.get(NAME)
        if not isinstance(pending, PendingDataset) or not _uses(tree):
            return tree
        try:
            self._namespace[NAME] = pending.dataset()
        except KeyboardInterrupt:
            raise _rejected("KeyboardInterrupt: making `_ray` was stopped; ask again") from None
        except RaydpMagicError as error:
            raise _rejected(f"`_ray` could not be made: {error}") from error
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise _rejected(f"`_ray` could not be made: {what}") from error
        return tree

    def forget(self) -> None:
        """Drop a promise that was not used."""
        if isinstance(self._namespace.get(NAME), PendingDataset):
            del self._namespace[NAME]


def _uses(tree: ast.AST) -> bool:
    """Whether code reads the name, itself or in the body of a cell magic (a string by now)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == NAME and isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.Call) and _MENTIONED.search(_magic_body(node)):
            return True
    return False


def _magic_body(call: ast.Call) -> str:
    """What a call hands to a magic; empty for any other call."""
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if method not in ("run_cell_magic", "run_line_magic"):
        return ""
    return "\n".join(str(arg.value) for arg in call.args if isinstance(arg, ast.Constant))


def _rejected(text: str) -> InputRejected:
    return as_lines(InputRejected(text))
