"""The comm target that JupyterLab's sidebar opens. Registering it imports nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

TARGET = "raydp_magic"


class CommTarget:
    """The target in one shell's kernel; nothing in a shell that has none.

    Parameters
    ----------
    shell : InteractiveShell
        The shell that the extension is loaded into.
    started : callable
        Given the cluster that a view has started.
    """

    def __init__(self, shell: InteractiveShell, started: Callable[[Any], None]) -> None:
        self._shell = shell
        self._started = started
        self._services: list[Any] = []
        self._comms: Any = getattr(getattr(shell, "kernel", None), "comm_manager", None)
        if self._comms is not None:
            self._comms.register_target(TARGET, self._opened)
            self._announce()

    def remove(self) -> None:
        """Take it out again, and end what was opened."""
        if self._comms is not None:
            self._comms.unregister_target(TARGET, self._opened)
            self._comms = None
        for service in list(self._services):
            service.close()
        self._services.clear()

    def _announce(self) -> None:
        """Have pages look into this kernel now, not only once the running cell is done.

        Only where a Jupyter server has started the kernel for a page: nbclient would warn.
        """
        if "JPY_SESSION_NAME" not in os.environ:
            return
        from comm import create_comm

        create_comm(target_name=TARGET, data={"type": "here"}).close()

    def _opened(self, comm: Any, message: dict[str, Any]) -> None:
        from raydp_magic.panel.comm_route import as_addressed
        from raydp_magic.panel.service import PanelService

        as_addressed(comm)
        service = PanelService(comm.send, variables=self._shell.user_ns, started=self._started)
        self._services.append(service)

        def closed(_: object) -> None:
            service.close()
            if service in self._services:
                self._services.remove(service)

        comm.on_msg(lambda heard: service.hear(heard["content"]["data"]))
        comm.on_close(closed)
        service.hear(message["content"].get("data"))
