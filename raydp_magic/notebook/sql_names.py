"""Names that a SQL cell may use: of Spark's catalog and of the kernel's variables.

Asked for while somebody types: answers are kept for a second, and what Spark has not answered in
time is missing in this list and there in the next. Functions, which seldom change, are kept for the
session: once known they are never waited for. Nothing is started, and no job runs.
"""

from __future__ import annotations

import contextlib
import re
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any

from raydp_magic.notebook.display import is_dataframe
from raydp_magic.notebook.kernel_tables import can_be_table
from raydp_magic.notebook.lazy import PendingDataset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WAIT_SECONDS = 0.15
"""For all that is asked at one press of the key."""
FRESH_SECONDS = 1.0
MOST_NAMES = 2000
MOST_ASKED = 4
"""Questions under way at a time: more are not asked while a catalog does not answer."""

_FUNCTIONS = ("functions",)
_LAST_PART = re.compile(r"`((?:``|[^`])*)`\s*\Z")


class KnownNames:
    """Names for one kernel.

    Parameters
    ----------
    namespace : dict
        The user's.
    session : callable
        Gives the running Spark session, or None.
    """

    def __init__(self, namespace: dict[str, Any], session: Callable[[], Any]) -> None:
        self._namespace = namespace
        self._running = session
        self._session: Any = None
        self._deadline = 0.0
        self._answers: dict[Any, tuple[float, list[str]]] = {}
        self._asked: dict[Any, threading.Event] = {}

    def begin(self) -> None:
        """Start the time of one press of the key."""
        self._deadline = monotonic() + WAIT_SECONDS
        session = self._running()
        if session is not self._session:
            self._session, self._answers, self._asked = session, {}, {}

    def tables(self, database: str | None = None) -> Sequence[str]:
        """Tables and views of a database; of the current one, with temporary views, by default."""
        return self._ask(("tables", database), lambda session: _tables(session, database))

    def databases(self) -> Sequence[str]:
        """Databases of Spark's own catalog."""
        return self._ask(("databases",), _databases)

    def functions(self) -> Sequence[str]:
        """Functions of the session; one that is new is there at the second look."""
        return self._ask(_FUNCTIONS, _functions)

    def variables(self) -> Sequence[str]:
        """Variables that can be tables."""
        return [
            name
            for name, value in list(self._namespace.items())
            if (not name.startswith("_") or name in ("_spark", "_ray")) and _is_table(value)
        ]

    def columns(self, table: tuple[str, ...]) -> Sequence[str]:
        """Columns of a table; of a variable when the catalog has none of its name."""
        known = self._ask(("columns", table), lambda session: _columns(session, table))
        if known or len(table) > 1:
            return known
        value: Any = self._namespace.get(table[0])
        if not _is_table(value):
            return []
        if isinstance(value, PendingDataset):
            value = self._namespace.get("_spark")
        if is_dataframe(value):
            # Not the frame: what the bridge holds for it is freed when it goes.
            frame = weakref.ref(value)
            return self._ask(("frame", frame), lambda _: _frame_columns(frame()))
        with contextlib.suppress(Exception):  # a frame of a strange make has no names to offer
            return _local_columns(value)
        return []

    def _ask(self, key: Any, read: Callable[[Any], list[str]]) -> list[str]:
        """A fresh answer, else one that comes in time, else the last."""
        session = self._session
        if session is None:
            return []
        at, names = self._answers.get(key, (0.0, []))
        if monotonic() - at < FRESH_SECONDS and key in self._answers:
            return names
        done = self._asked.get(key)
        if done is None:
            if len(self._asked) >= MOST_ASKED:
                return names
            done = self._asked[key] = threading.Event()
            answers, asked = self._answers, self._asked

            def ask() -> None:
                found: list[str] = []
                with contextlib.suppress(Exception):  # no such table, a driver that has gone
                    found = read(session)[:MOST_NAMES]
                answers[key] = (monotonic(), found)
                asked.pop(key, None)
                done.set()

            threading.Thread(target=ask, name="raydp_magic-names", daemon=True).start()
        if key != _FUNCTIONS or key not in self._answers:
            done.wait(max(0.0, self._deadline - monotonic()))
        return self._answers.get(key, (0.0, names))[1]

    def forget(self) -> None:
        """Let go of answers that were asked for long ago."""
        now = monotonic()
        for key, (at, _) in list(self._answers.items()):
            if now - at > 60 and key != _FUNCTIONS:
                del self._answers[key]


def _is_table(value: Any) -> bool:
    with contextlib.suppress(Exception):  # an object of the user's that answers no question
        return can_be_table(value)
    return False


def _tables(session: Any, database: str | None) -> list[str]:
    # One call and no query: a SQL statement would stand in Spark's UI at every press of the key.
    state = session._jsparkSession.sessionState()  # noqa: SLF001 -- PySpark's JVM, as below
    if state.catalogManager().currentCatalog().name() != "spark_catalog":
        within = "" if database is None else f" IN {_quoted(database)}"
        rows = session.sql(f"SHOW TABLES{within}").limit(MOST_NAMES).collect()
        return [row["tableName"] for row in rows]
    catalog = state.catalog()
    found = catalog.listTables(database or catalog.getCurrentDatabase())
    lines = found.take(MOST_NAMES).mkString("\n").splitlines()
    parts = map(_LAST_PART.search, lines)
    return sorted({part[1].replace("``", "`") for part in parts if part is not None})


def _databases(session: Any) -> list[str]:
    catalog = session._jsparkSession.sessionState().catalog()  # noqa: SLF001 -- as above
    return sorted(catalog.listDatabases().take(MOST_NAMES).mkString("\n").splitlines())


def _functions(session: Any) -> list[str]:
    """Those built in, and those that were registered, as ``spark.udf.register`` does."""
    registry = session._jsparkSession.sessionState().functionRegistry()  # noqa: SLF001 -- as above
    names = registry.listFunction().mkString("\n").splitlines()
    return sorted({name.rpartition(".")[2].strip("`") for name in names})


def _columns(session: Any, table: tuple[str, ...]) -> list[str]:
    name = ".".join(map(_quoted, table))
    return list(session.table(name).schema.names) if session.catalog.tableExists(name) else []


def _frame_columns(frame: Any) -> list[str]:
    return [] if frame is None else list(frame.schema.names)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _local_columns(value: Any) -> list[str]:
    schema: Any = getattr(value, "schema", None)
    if hasattr(value, "num_blocks"):  # a Ray Dataset: what it knows without running
        schema = value.schema(fetch_if_missing=False)
        return [] if schema is None else list(map(str, schema.names))
    names = schema.names if hasattr(schema, "names") else getattr(value, "columns", ())
    return list(map(str, names() if callable(names) else names))[:MOST_NAMES]
