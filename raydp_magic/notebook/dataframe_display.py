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
        if session is None or rows is None or not _runs_in(df, session):
            return None
        try:
            return bundle(preview(df, rows))
        except Exception as error:
            ours = translate(error)
            if ours is not None:  # IPython shows it by itself, past what plain cells' errors go by
                as_lines(error, str(ours))
            raise


def _runs_in(df: Any, session: Any) -> bool:
    """Whether it is a DataFrame of this cluster, in whichever session."""
    try:
        return df.sparkSession.sparkContext is session.sparkContext
    except Exception:  # noqa: BLE001 -- Spark Connect has none, and says so by an error of its own
        return False
