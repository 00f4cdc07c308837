"""Ray's dashboard out of the stop button's reach.

A notebook's stop button interrupts the kernel's whole process group. Ray blocks that signal in its
processes; in those that its dashboard forks, Python's ``multiprocessing`` lets it in again, and
they end (Ray 2.60, *measured*): after one interrupt the dashboard answered nothing any more, Ray's
state API neither.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAM = "dashboard/dashboard.py"


@contextlib.contextmanager
def dashboard_apart() -> Iterator[None]:
    """For a block in which Ray is started, give its dashboard a process group of its own.

    It ends with this process all the same: Ray has the system see to that.
    """
    from ray._private import services as ray_services

    services: Any = ray_services

    popen = getattr(services, "ConsolePopen", None)
    if popen is None or os.name != "posix":
        yield
        return

    def start(self: Any, command: list[str], *arguments: Any, **options: Any) -> None:
        if any(part.endswith(_PROGRAM) for part in command):
            options["process_group"] = 0
        popen.__init__(self, command, *arguments, **options)

    services.ConsolePopen = type("ConsolePopen", (popen,), {"__init__": start})
    try:
        yield
    finally:
        services.ConsolePopen = popen
