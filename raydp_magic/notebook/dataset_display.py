"""How a Ray Dataset of the bridge's is displayed: without the log lines of reading a few rows.

Displaying a Dataset runs it, and Ray Data then logs half a dozen lines in red above the result.
Datasets that the user made, and everything the user does with any of them, log as ever.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from raydp_magic.engine.quiet_logger import quiet_logger

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

LOGGER = "ray.data"
_KIND = ("ray.data.dataset", "Dataset")


def install(shell: InteractiveShell) -> None:
    """Have a shell display Datasets through this module; imports nothing of Ray."""
    _formatter(shell).for_type_by_name(*_KIND, _bundle)


def remove(shell: InteractiveShell) -> None:
    """Take it out again."""
    formatter = _formatter(shell)
    formatter.deferred_printers.pop(_KIND, None)
    for kind, printer in list(formatter.type_printers.items()):
        if printer is _bundle:
            del formatter.type_printers[kind]


def _formatter(shell: InteractiveShell) -> Any:
    assert shell.display_formatter is not None
    return shell.display_formatter.mimebundle_formatter


def _bundle(dataset: Any) -> Any:
    if not _from_the_bridge(dataset):
        return dataset._repr_mimebundle_()
    with quiet_logger(LOGGER):
        return dataset._repr_mimebundle_()


def _from_the_bridge(dataset: Any) -> bool:
    ledger = sys.modules.get("raydp_magic.bridge.ledger")
    return ledger is not None and ledger.entry_of(dataset) is not None
