"""Variables of the kernel as tables of a SQL cell.

A name that Spark's catalog does not know, and the kernel does, is a temporary view for the time
of the statement. What must cross from Ray to Spark crosses once and is kept until the variable
is bound to something else.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import RaydpMagicError
from raydp_magic.notebook.display import is_dataframe
from raydp_magic.notebook.lazy import PendingDataset
from raydp_magic.notebook.table_names import tables_read

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class _Crossed:
    """One variable's value in Spark."""

    value: Any
    stamp: object
    session: weakref.ref[Any]
    frame: Any


class KernelTables:
    """Gives a statement the kernel's variables as views.

    Parameters
    ----------
    namespace : dict
        The user's.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._crossed: dict[str, _Crossed] = {}

    @contextlib.contextmanager
    def views(self, session: Any, statement: str) -> Iterator[list[str]]:
        """Make the views that a statement needs, for the time of the block.

        Parameters
        ----------
        session : SparkSession
            Where the statement will run.
        statement : str
            One SQL statement.

        Yields
        ------
        list of str
            A line about each variable that crossed now.

        Raises
        ------
        RaydpMagicError
            When a variable cannot become a table, with its name.
        """
        said: list[str] = []
        made: list[str] = []
        try:
            for name in tables_read(statement):
                value = self._namespace.get(name)
                if not can_be_table(value) or session.catalog.tableExists(name):
                    continue
                self._frame(session, name, value, said).createOrReplaceTempView(name)
                made.append(name)
            yield said
        finally:
            for name in made:
                session.catalog.dropTempView(name)

    def forget_rebound(self) -> None:
        """Give back what crossed for variables that are bound to something else by now."""
        for name, crossed in list(self._crossed.items()):
            if self._namespace.get(name) is not crossed.value:
                self._drop(name)

    def forget_all(self) -> None:
        """Give everything back."""
        for name in list(self._crossed):
            self._drop(name)

    def _frame(self, session: Any, name: str, value: Any, said: list[str]) -> Any:
        if is_dataframe(value):
            return value
        from raydp_magic.bridge.ledger import give_name

        stamp = _stamp(value)
        known = self._crossed.get(name)
        if known is not None:
            same = known.value is value and known.stamp == stamp
            if same and known.session() is session:
                return known.frame
            self._drop(name)
        frame = _cross(session, name, value)
        give_name(frame, name)
        self._crossed[name] = _Crossed(value, stamp, weakref.ref(session), frame)
        said.append(f"{name}: {_kind(value)}, {_size(frame)}, now in Spark")
        return frame

    def _drop(self, name: str) -> None:
        from raydp_magic.bridge.ledger import release

        crossed = self._crossed.pop(name)
        with contextlib.suppress(RaydpMagicError):  # released by hand, or its Ray is gone
            release(crossed.frame)


def can_be_table(value: Any) -> bool:
    """Whether a variable's value can stand for a table. Imports nothing."""
    if value is None or isinstance(value, type):
        return False
    if is_dataframe(value) or isinstance(value, PendingDataset) or _is_dataset(value):
        return True
    if _is_ref(value) or (isinstance(value, list) and value and all(map(_is_ref, value))):
        return True
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


def _is_dataset(value: Any) -> bool:
    module = sys.modules.get("ray.data")
    return module is not None and isinstance(value, module.Dataset)


def _is_ref(value: Any) -> bool:
    module = sys.modules.get("ray")
    return module is not None and isinstance(value, module.ObjectRef)


def _cross(session: Any, name: str, value: Any) -> Any:
    from raydp_magic.bridge import to_spark

    try:
        data = value.dataset() if isinstance(value, PendingDataset) else value
        return to_spark(data, spark=session)
    except RaydpMagicError as error:
        error.message = f"The variable {name} cannot be a table: {error.message}"
        raise


def _stamp(value: Any) -> object:
    """Changes when a frame is changed in place; None for what cannot change."""
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        columns = tuple(map(str, value.columns)), tuple(map(str, value.dtypes))
        try:
            return columns, int(pandas.util.hash_pandas_object(value, index=False).sum())
        except TypeError:
            return object()  # unhashable values: never the same
    if polars is not None and isinstance(value, polars.DataFrame):
        return tuple(value.schema.items()), value.hash_rows().sum()
    return None


def _kind(value: Any) -> str:
    if isinstance(value, PendingDataset) or _is_dataset(value):
        return "Ray Dataset"
    if isinstance(value, list):
        return f"{len(value)} object refs" if len(value) > 1 else "1 object ref"
    if _is_ref(value):
        return "1 object ref"
    return f"{type(value).__module__.split('.')[0]} {type(value).__name__}"


def _size(frame: Any) -> str:
    from raydp_magic.bridge.ledger import entry_of
    from raydp_magic.panel.amounts import format_bytes, format_count

    entry = entry_of(frame)
    if entry is None or entry.rows is None:
        return "of unknown size"
    rows = "1 row" if entry.rows == 1 else f"{format_count(entry.rows)} rows"
    return f"{rows}, {format_bytes(entry.bytes)}"
