"""``%load_ext raydp_magic``: put the magics, their completion and their hooks into a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_ATTRIBUTE = "_raydp_magic_extension"


class _Extension:
    """Everything that was put into one shell, so that all of it can be taken out again."""

    def __init__(self, shell: InteractiveShell) -> None:
        from raydp_magic.notebook.complete import Live, make_matcher
        from raydp_magic.notebook.empty_cell import with_body
        from raydp_magic.notebook.live_names import (
            entry_names,
            executor_ids,
            job_ids,
            past_ids,
            session,
        )
        from raydp_magic.notebook.magics import RaydpMagics
        from raydp_magic.notebook.sql_names import KnownNames
        from raydp_magic.notebook.train_progress import TrainProgress
        from raydp_magic.panel.comm_target import CommTarget

        self.shell = shell
        self.magics = RaydpMagics(shell)
        self.train_progress = TrainProgress(shell, lambda: self.magics.progress == "auto")
        self.train_progress.listen()
        names = KnownNames(shell.user_ns, session)
        self.matcher = make_matcher(Live(executor_ids, job_ids, entry_names, past_ids), names)
        self.comm_target = CommTarget(shell, self.magics.started_elsewhere)
        self.transform = with_body
        shell.register_magics(self.magics)
        shell.events.register("pre_run_cell", self.magics.cells.before)
        shell.events.register("post_run_cell", self.magics.cells.after)
        # In front: IPython's own last clean-up step turns `%%magic` cells into calls.
        shell.input_transformers_cleanup.insert(0, self.transform)
        shell.ast_transformers.append(self.magics.lazy)
        if shell.Completer is not None:
            shell.Completer.custom_matchers.append(self.matcher)

    def remove(self) -> None:
        shell, magics = self.shell, self.magics
        for kind, table in magics.magics.items():
            for name, function in table.items():
                if shell.magics_manager.magics[kind].get(name) == function:
                    del shell.magics_manager.magics[kind][name]
        shell.magics_manager.registry.pop(type(magics).__name__, None)
        shell.events.unregister("pre_run_cell", magics.cells.before)
        shell.events.unregister("post_run_cell", magics.cells.after)
        shell.configurables.remove(magics)  # type: ignore[arg-type]  # IPython's own hint is too narrow
        # A user may have replaced these lists meanwhile.
        if self.transform in shell.input_transformers_cleanup:
            shell.input_transformers_cleanup.remove(self.transform)
        if magics.lazy in shell.ast_transformers:
            shell.ast_transformers.remove(magics.lazy)
        if shell.Completer is not None and self.matcher in shell.Completer.custom_matchers:
            shell.Completer.custom_matchers.remove(self.matcher)
        self.comm_target.remove()
        self.train_progress.remove()
        magics.leave()


def load_ipython_extension(ipython: Any) -> None:
    """Load into a shell; loading twice changes nothing.

    Parameters
    ----------
    ipython : InteractiveShell
        The shell that ``%load_ext`` runs in.
    """
    if getattr(ipython, _ATTRIBUTE, None) is None:
        setattr(ipython, _ATTRIBUTE, _Extension(ipython))


def unload_ipython_extension(ipython: Any) -> None:
    """Take everything out again. A running cluster goes on.

    Parameters
    ----------
    ipython : InteractiveShell
        The shell that it was loaded into.
    """
    extension = getattr(ipython, _ATTRIBUTE, None)
    if extension is not None:
        extension.remove()
        setattr(ipython, _ATTRIBUTE, None)
