"""What happens around every cell: its jobs are tagged, watched, and cancelled with it."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from raydp_magic.engine.translate import translate
from raydp_magic.notebook.cell_number import cell_number
from raydp_magic.notebook.cell_progress import CellProgress
from raydp_magic.notebook.interrupt import CellJobs
from raydp_magic.notebook.live_names import session as running_session
from raydp_magic.notebook.ray_tasks import CellTasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from IPython.core.interactiveshell import InteractiveShell

    from raydp_magic.notebook.kernel_tables import KernelTables
    from raydp_magic.notebook.session_name import SessionName


class Cells:
    """IPython's hooks before and after a cell.

    Parameters
    ----------
    shell : InteractiveShell
        The kernel's or terminal's shell.
    session_name : SessionName
        Lets the name `spark` follow the running session.
    tables : KernelTables
        Forgets the views of variables that the cell has bound anew.
    wanted : callable
        Whether progress is to be shown.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        session_name: SessionName,
        tables: KernelTables,
        wanted: Callable[[], bool],
    ) -> None:
        self.shell = shell
        self.session_name = session_name
        self.tables = tables
        self.jobs = CellJobs(running_session)
        self.progress = CellProgress(shell, wanted)
        self.tasks = CellTasks(self.jobs.adopt_thread)

    def tag(self, source: str = "") -> None:
        """Tag what the running cell submits to Spark from here on, and show its progress."""
        label = " ".join(source.split())[:100]
        number = cell_number(self.shell)
        tag = self.jobs.begin(f"cell [{number}] {label}".rstrip(), number)
        session = running_session()
        if session is None:
            self.progress.unwatch()
        elif tag is not None:
            self.progress.begin(session.sparkContext, tag)

    def before(self, info: Any) -> None:
        """IPython's ``pre_run_cell``: tag the cell's jobs."""
        self.tasks.begin()
        with _quietly():
            self.session_name.follow(running_session())
            self.tag(info.raw_cell or "")

    def after(self, result: Any) -> None:
        """IPython's ``post_run_cell``: cancel an interrupted cell's jobs."""
        error = getattr(result, "error_in_exec", None)
        # The latter is how ipykernel ends a cell that awaits.
        interrupted = isinstance(error, KeyboardInterrupt | asyncio.CancelledError)
        with _quietly():
            interrupted = self.jobs.end(interrupted=interrupted)
        self.tasks.end(cancel=interrupted)
        self.progress.end(cancelled=interrupted)
        self.tables.forget_rebound()
        ledger = sys.modules.get("raydp_magic.bridge.ledger")
        if ledger is not None:
            with suppress(Exception):  # names are a comfort: odd objects must not break a cell
                ledger.name_values(self.shell.user_ns)

    def forget(self) -> None:
        """Let go of a cell that runs, as no ``after`` will come."""
        self.jobs.end(interrupted=False)
        self.jobs.close()
        self.tasks.end(cancel=False)
        self.progress.forget()


@contextmanager
def _quietly() -> Iterator[None]:
    """A cell runs whether or not its jobs can be tagged: Spark's driver may be gone."""
    try:
        yield
    except Exception as error:
        if translate(error) is None:
            raise
