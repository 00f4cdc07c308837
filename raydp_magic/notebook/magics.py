"""The magics: read the line, make one call, show what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from traitlets import Bool, CaselessStrEnum, Int

from raydp_magic.engine.quiet_logger import quiet_logger
from raydp_magic.errors import NotRunningError, RaydpMagicError
from raydp_magic.loaded import ask
from raydp_magic.notebook import dataset_display, parse
from raydp_magic.notebook.cells import Cells
from raydp_magic.notebook.command_parser import in_flags, named_by_flags
from raydp_magic.notebook.dataframe_display import DataFrameDisplay
from raydp_magic.notebook.display import is_dataframe, show
from raydp_magic.notebook.failure import (
    came_of_interrupt,
    query_logs,
    read,
    restore_plain_cells,
    shorten_plain_cells,
    stopped,
)
from raydp_magic.notebook.grammar import BRIDGE_COMMANDS, CELLS, CLUSTER_COMMANDS, group_help
from raydp_magic.notebook.kernel_tables import KernelTables
from raydp_magic.notebook.lazy import LazyRay
from raydp_magic.notebook.live_names import running_cluster
from raydp_magic.notebook.live_names import session as running_session
from raydp_magic.notebook.session_name import SessionName

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from raydp_magic.cluster import Cluster

Function = TypeVar("Function", bound=Callable[..., Any])


def _documented(text: str) -> Callable[[Function], Function]:
    """Give a magic its parser's help as docstring, for ``%magic?``."""

    def give(function: Function) -> Function:
        function.__doc__ = text
        return function

    return give


@magics_class
class RaydpMagics(Magics):
    """Spark on Ray: ``%raydp_cluster``, ``%%raydp_spark``, ``%%raydp_sql``, ``%raydp_bridge``.

    Parameters
    ----------
    shell : InteractiveShell
        The kernel's or terminal's shell.
    """

    autostart = Bool(
        False, help="Start the default cluster when a cell needs one and none runs."
    ).tag(config=True)
    maxrows = Int(20, min=0, help="Rows of a result that are shown; 0 shows the schema only.").tag(
        config=True
    )

    progress = CaselessStrEnum(
        ["auto", "off"],
        "auto",
        help="Progress of Spark jobs, conversions and Ray Data under the cell that runs them.",
    ).tag(config=True)

    dataframes = CaselessStrEnum(
        ["rows", "text"],
        "rows",
        help="What a plain cell shows of a Spark DataFrame: first rows, or PySpark's own text.",
    ).tag(config=True)

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.session_name = SessionName(shell.user_ns, _not_running)
        self.lazy = LazyRay(shell.user_ns)
        self.tables = KernelTables(shell.user_ns)
        self.cells = Cells(shell, self.session_name, self.tables, lambda: self.progress == "auto")
        dataset_display.install(shell)
        self.frames = DataFrameDisplay(
            shell, running_session, lambda: self.maxrows if self.dataframes == "rows" else None
        )

    @line_magic
    @_documented(group_help("%raydp_cluster", CLUSTER_COMMANDS))
    def raydp_cluster(self, line: str) -> None:  # noqa: D102 -- the parser's help
        with _failures():
            command = parse.parse_cluster(line)
            match command:
                case parse.Help(text):
                    print(text, end="")
                case parse.Start():
                    self._start(command)
                case parse.StartOnSpark():
                    self._start_on_spark(command)
                case parse.Stop():
                    self._stop()
                case parse.Status():
                    from raydp_magic.panel import render_text

                    print(render_text(_required().status()))
                case parse.Scale(executors):
                    _required().scale(executors)
                    what = "1 executor" if executors == 1 else f"{executors} executors"
                    print(f"{what} asked for; `%raydp_cluster status` shows them.")
                case parse.Logs(executor, lines, stream):
                    print(_required().logs(executor, lines=lines, stream=stream))
                case parse.Panel():
                    from IPython.display import display

                    from raydp_magic.panel import panel_for

                    # Without a cluster it has the form to start one, where widgets are shown.
                    anyway = hasattr(self.shell, "kernel")
                    display(panel_for(running_cluster() if anyway else _required()))
                case _:
                    print(_act(command))

    @line_cell_magic
    @_documented(CELLS["raydp_spark"]().format_help())
    def raydp_spark(self, line: str, cell: str | None = None) -> Any:  # noqa: D102 -- the parser's help
        return self._cell("raydp_spark", line, cell)

    @line_cell_magic
    @_documented(CELLS["raydp_sql"]().format_help())
    def raydp_sql(self, line: str, cell: str | None = None) -> Any:  # noqa: D102 -- the parser's help
        return self._cell("raydp_sql", line, cell)

    @line_magic
    @_documented(group_help("%raydp_bridge", BRIDGE_COMMANDS))
    def raydp_bridge(self, line: str) -> None:  # noqa: D102 -- the parser's help
        with _failures():
            match parse.parse_bridge(line):
                case parse.Help(text):
                    print(text, end="")
                case parse.BridgeRelease(name):
                    from raydp_magic.notebook.bridge_list import give_back

                    print(give_back(self.shell.user_ns, name))
                case parse.BridgeList():
                    from raydp_magic.notebook.bridge_list import ledger_text

                    print(ledger_text(self.shell.user_ns))

    def _start(self, command: parse.Start) -> Cluster:
        from raydp_magic.cluster import current, start
        from raydp_magic.notebook.progress import ProgressDisplay, ready_text, size_text

        before = current()
        progress = ProgressDisplay(self.shell)
        began = monotonic()
        try:
            with progress, named_by_flags(command):
                cluster: Cluster = start(progress=progress, **command.arguments())
        except BaseException:
            progress.fail()
            raise
        spark = cluster.spark
        if cluster is before:
            progress.finish(f"Already running: {size_text(cluster.spec)}.")
        elif not command.wait:
            progress.finish(f"Driver up, executors on their way: {size_text(cluster.spec)}.")
        else:
            progress.finish(
                ready_text(
                    cluster.spec,
                    spark=spark.version,
                    ray=sys.modules["ray"].__version__,
                    seconds=monotonic() - began,
                    ui=spark.sparkContext.uiWebUrl,
                )
            )
        self._greet(cluster)
        return cluster

    def _start_on_spark(self, command: parse.StartOnSpark) -> None:
        from raydp_magic.cluster import current
        from raydp_magic.notebook import progress as words
        from raydp_magic.on_spark import start_ray_on_spark

        before, began = current(), monotonic()
        progress = words.ProgressDisplay(self.shell, text=words.nodes_text)
        try:
            with progress, named_by_flags(command):
                handle = start_ray_on_spark(progress=progress, **command.arguments())
        except BaseException:
            progress.fail()
            raise
        if handle is before:
            progress.finish(f"Already running: {words.size_text(handle.spec)}.")
        else:
            progress.finish(words.nodes_ready_text(handle, monotonic() - began))
        self._greet(handle)

    def _greet(self, cluster: Cluster) -> None:
        """Bind `spark`, say what is worth knowing, and begin to look after cells."""
        if not self.session_name.bind(cluster.spark):
            print(
                "`spark` is already something else here and was left alone: in `%%raydp_spark` "
                "cells it is the session; elsewhere use `raydp_magic.current().spark`."
            )
        for problem in cluster.problems:
            print(problem)
        self._keep_errors_short()
        self.cells.tag()

    def _keep_errors_short(self) -> None:
        query_logs(on=False)
        shorten_plain_cells(self.shell)

    def started_elsewhere(self, cluster: Cluster) -> None:
        """A view has started it: cells see `spark` as after a start of their own."""
        self.session_name.bind(cluster.spark)
        self._keep_errors_short()

    def leave(self) -> None:
        """Take out of the shell what running cells put into it."""
        dataset_display.remove(self.shell)
        self.frames.remove()
        self.lazy.forget()
        self.session_name.forget()
        self.cells.forget()
        restore_plain_cells(self.shell)
        query_logs(on=True)

    def _stop(self) -> None:
        cluster = running_cluster()
        if cluster is None:
            print("Nothing to stop: no cluster is running in this kernel.")
            return
        from raydp_magic.notebook.progress import stopped_text

        cluster.stop()
        self.session_name.follow(None)
        print(stopped_text(cluster))

    def _cell(self, magic: str, line: str, cell: str | None) -> Any:
        with _failures():
            command = parse.parse_cell(magic, line, cell)
            if isinstance(command, parse.Help):
                print(command.text, end="")
                return None
            with _failures(command.first_line if command.context == "sql" else None):
                return self._run(command)

    def _run(self, command: parse.Cell) -> Any:
        from raydp_magic.notebook.body import run_body
        from raydp_magic.notebook.result import check_bound, convert
        from raydp_magic.notebook.sql import single_statement

        sql = command.context == "sql"
        statement = single_statement(command.body, command.first_line) if sql else ""
        session = self._needed().spark
        self.session_name.bind(session)
        self._keep_errors_short()
        self.cells.tag()
        if sql:
            with self.tables.views(session, statement) as crossed:
                value = session.sql(statement)
            if crossed and not command.quiet:
                print("\n".join(crossed))
        else:
            with self.session_name.for_body(session):
                value = run_body(self.shell, command.body)
        if command.output is not None:
            check_bound(command.output, value)
        result = convert(value, command.to, command.maxrows)
        if is_dataframe(value):
            whole = command.to == "ray" and command.maxrows is None
            self._offer(value, result if whole else None)
        if command.output is not None:
            self.shell.push({command.output: result})
        return None if command.quiet else self._show(command, result)

    def _show(self, command: parse.Cell, result: Any) -> Any:
        """Display a table or one line; any other result is left to IPython's own display."""
        from raydp_magic.notebook.result import announce

        if is_dataframe(result):
            rows = self.maxrows if command.maxrows is None else command.maxrows
            show(result, rows, statement=command.context == "sql")
            return None
        if command.output is not None and command.to != "spark":
            with quiet_logger(dataset_display.LOGGER):  # an empty Dataset is run to be counted
                print(announce(command.output, result))
            return None
        return dataset_display.as_result(result)

    def _offer(self, df: Any, dataset: Any) -> None:
        """Bind ``_spark`` and ``_ray``."""
        self.shell.user_ns["_spark"] = df
        if dataset is not None:
            self.lazy.bind(dataset)
        else:
            self.lazy.offer(df, _to_ray)

    def _needed(self) -> Cluster:
        cluster = running_cluster()
        if cluster is not None:
            return cluster
        if not self.autostart:
            raise _not_running()
        return self._start(parse.Start())


def _act(command: parse.Act) -> str:
    """What acts on one executor or job, and `fit`; returns a line about it."""
    match command:
        case parse.Restart(executor):
            _required().restart(executor)
            return f"Executor {executor} is being replaced."
        case parse.Remove(executor):
            _required().remove(executor)
            return f"Executor {executor} hands over its blocks and goes."
        case parse.Cancel(job):
            _required().cancel(job)
            return f"Job {job} is cancelled."
        case parse.Fit():
            from raydp_magic.cluster.asking import fit

            asked = vars(command) | {"resources": dict(command.resources)}
            return in_flags(fit(running_cluster(), **asked).text, asked)


def _required() -> Cluster:
    cluster = running_cluster()
    if cluster is None:
        raise _not_running()
    return cluster


def _not_running() -> NotRunningError:
    known: NotRunningError | None = ask("raydp_magic.cluster", "not_running")
    return known or NotRunningError()


def _to_ray(df: Any) -> Any:
    from raydp_magic.bridge import to_ray

    with _failures():
        return to_ray(df)


@contextmanager
def _failures(sql_line: int | None = None) -> Iterator[None]:
    """Show our errors, and those of Spark that we can read, as lines without a traceback.

    `sql_line` is the line of the cell that its SQL begins in: Spark's lines are counted from there.
    """
    try:
        yield
    except RaydpMagicError as error:
        raise error from None
    except KeyboardInterrupt as error:
        stopped(error)
        raise
    except Exception as error:
        ours = read(error, sql_line=sql_line)
        if ours is None:
            if came_of_interrupt(error):
                stopped(error)
            raise
        raise ours from error
