"""``_ray``: the last DataFrame as a Ray Dataset, made only when somebody uses it.

Before a cell runs, its text is searched for the word ``_ray``; if it is there and a conversion
is pending, the Dataset is made and takes the name. Code that reaches the name in another way
(a function defined earlier, say) meets the :class:`PendingDataset`, which converts itself.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from raydp_magic.errors import BridgeError

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


def _interrupted() -> NoReturn:
    raise BridgeError(
        "Making `_ray` was interrupted", hint="run the cell that made `_spark` again."
    )


class LazyRay:
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

    def before_cell(self, text: str) -> None:
        """Make the Dataset if a cell's text mentions it.

        A failure is one line on stderr; the name stays pending and the cell meets the error
        where it uses it.
        """
        pending = self._namespace.get(NAME)
        if not isinstance(pending, PendingDataset) or not _MENTIONED.search(text):
            return
        try:
            self._namespace[NAME] = pending.dataset()
        except KeyboardInterrupt:
            # The cell itself cannot be stopped from here: what it does with _ray says why.
            self._namespace[NAME] = PendingDataset(_interrupted)
        except Exception as error:  # noqa: BLE001 -- a hook that raises shows IPython's own traceback
            print(f"_ray could not be made: {error}", file=sys.stderr)

    def forget(self) -> None:
        """Drop a promise that was not used."""
        if isinstance(self._namespace.get(NAME), PendingDataset):
            del self._namespace[NAME]
