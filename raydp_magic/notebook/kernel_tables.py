"""Variables of the kernel as tables of a SQL cell.

A name that Spark's catalog does not know, and the kernel does, is a temporary view for the time
of the statement. What must cross from Ray to Spark crosses once and is kept until the variable
is bound to something else.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import RaydpMagicError, UsageError
from raydp_magic.notebook.display import is_dataframe
from raydp_magic.notebook.lazy import PendingDataset
from raydp_magic.notebook.table_names import defines_view, tables_read

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
        names = self._needed(session, statement)
        said: list[str] = []
        made: list[str] = []
        try:
            for name in names:
                frame = self._frame(session, name, self._namespace[name], said)
                made.append(name)
                frame.createOrReplaceTempView(f"`{name}`")
            yield said
        finally:
            for name in made:
                with contextlib.suppress(Exception):  # the others must go all the same
                    session.catalog.dropTempView(name)

    def _needed(self, session: Any, statement: str) -> list[str]:
        """Variables that stand for tables of a statement; tables of the catalog come first."""
        names = [
            name
            for name in tables_read(statement)
            if can_be_table(self._namespace.get(name))
            and not session.catalog.tableExists(f"`{name}`")
        ]
        if len({name.casefold() for name in names}) < len(names):
            raise UsageError(
                f"The variables {', '.join(names)} differ in upper and lower case only, which is "
                "one name in SQL",
                hint="give one of them another name.",
            )
        if names and defines_view(statement):
            raise UsageError(
                f"A view keeps the name {names[0]}, which is a variable of this notebook",
                hint="use `-o NAME`, then `NAME.createOrReplaceTempView('v')`.",
            )
        return names

    def forget_rebound(self) -> None:
        """Let go of the values of variables that are bound to something else by now.

        Their blocks stay: results of earlier cells are computed from them, when they are used.
        """
        for name, crossed in list(self._crossed.items()):
            if self._namespace.get(name) is not crossed.value:
                del self._crossed[name]

    def _frame(self, session: Any, name: str, value: Any, said: list[str]) -> Any:
        from raydp_magic.bridge.ledger import entry_of, give_name

        if is_dataframe(value):
            if value.sparkSession is not session:
                raise UsageError(
                    f"The variable {name} is a DataFrame of another Spark session",
                    hint="make it again with `spark`.",
                )
            # Not the frame itself: Spark uncaches what a view that is dropped stood for (and what
            # is the same by its rules, as a `select("*")` is).
            return value.where("true")
        stamp = _stamp(value)
        known = self._crossed.get(name)
        if known is not None:
            same = known.value is value and known.stamp == stamp and known.session() is session
            if same and entry_of(known.frame) is not None:  # else it was released by hand
                return known.frame
        frame = _cross(session, name, value)
        give_name(frame, name)
        self._crossed[name] = _Crossed(value, stamp, weakref.ref(session), frame)
        said.append(f"{name}: {_kind(value)}, {_size(frame)}, now in Spark")
        return frame


def can_be_table(value: Any) -> bool:
    """Whether a variable's value can stand for a table. Imports nothing."""
    if value is None or isinstance(value, type):
        return False
    if is_dataframe(value) or isinstance(value, PendingDataset) or _is_dataset(value):
        return True
    if _is_ref(value) or (isinstance(value, list) and value and all(map(_is_ref, value))):
        return True
    return any(
        isinstance(value, getattr(sys.modules[module], kind))
        for module, kind in _TABLES
        if module in sys.modules
    )


_TABLES = (
    ("pandas", "DataFrame"),
    ("pyarrow", "Table"),
    ("pyarrow", "RecordBatch"),
    ("polars", "DataFrame"),
)


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
            rows = pandas.util.hash_pandas_object(value, index=False)
        except TypeError:
            return object()  # unhashable values: never the same
        return columns, _digest(rows.to_numpy())
    if polars is not None and isinstance(value, polars.DataFrame):
        return tuple(value.schema.items()), _digest(value.hash_rows().to_numpy())
    return tuple(value) if isinstance(value, list) else None


def _digest(hashes: Any) -> bytes:
    """Changes with any row and with their order."""
    return hashlib.blake2b(hashes.tobytes(), digest_size=16).digest()


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
    from raydp_magic.panel.amounts import format_bytes, plural

    entry = entry_of(frame)
    if entry is None or entry.rows is None:
        return "of unknown size"
    return f"{plural(entry.rows, 'row')}, {format_bytes(entry.bytes)}"
