"""Spark DataFrames of the running cluster: a plain cell's value, or given to ``display``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raydp_magic.engine.translate import translate
from raydp_magic.notebook.dataset_display import mimebundles, remove_printers
from raydp_magic.notebook.display import bundle, preview
from raydp_magic.notebook.failure import as_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

_ENDED = "<DataFrame of a Spark that has ended: make it again with `spark`>"
_KIND = ("pyspark.sql.dataframe", "DataFrame")


class DataFrameDisplay:
    """Shows their first rows, as of a cell of ours.

    Parameters
    ----------
    shell : InteractiveShell
        Gets a formatter; nothing of Spark is imported for it.
    session : callable
        Gives the running cluster's session, or None.
    rows : callable
        Gives how many rows to show; None leaves the display to PySpark.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        session: Callable[[], Any],
        rows: Callable[[], int | None],
    ) -> None:
        self._formatter = mimebundles(shell)
        self._variables = shell.user_ns
        self._session = session
        self._rows = rows
        self._printer = self._bundle
        if _KIND not in self._formatter.deferred_printers:  # a way of the user's own stays
            self._formatter.for_type_by_name(*_KIND, self._printer)

    def remove(self) -> None:
        """Take the formatter out again."""
        remove_printers(self._formatter, self._printer)

    def _bundle(self, df: Any) -> dict[str, str] | None:
        session, rows = self._session(), self._rows()
        if _ended(df):  # PySpark's own text asks it, and fails
            return {"text/plain": _ENDED}
        if session is None or rows is None or not _runs_in(df, session):
            return None
        try:
            return bundle(preview(df, rows, self._name_of(df)))
        except Exception as error:
            ours = translate(error)
            if ours is not None:  # IPython shows it by itself, past what plain cells' errors go by
                as_lines(error, str(ours))
            raise

    def _name_of(self, df: Any) -> str:
        """A variable that holds it; IPython's own, such as `_`, are bound later or by chance."""
        names = (name for name, value in list(self._variables.items()) if value is df)
        return next((name for name in names if not name.startswith("_")), "")


def _ended(df: Any) -> bool:
    """Whether the Spark that it belongs to has been stopped."""
    try:
        return df.sparkSession.sparkContext._jsc is None  # noqa: SLF001 -- as PySpark tells itself
    except Exception:  # noqa: BLE001 -- as below
        return False


def _runs_in(df: Any, session: Any) -> bool:
    """Whether it is a DataFrame of this cluster, in whichever session."""
    try:
        return df.sparkSession.sparkContext is session.sparkContext
    except Exception:  # noqa: BLE001 -- Spark Connect has none, and says so by an error of its own
        return False
