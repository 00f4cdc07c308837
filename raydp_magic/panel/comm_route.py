"""Which of the kernel's threads hears a comm's messages."""

from __future__ import annotations

from typing import Any

_ROUTE = "_reply_subshell_for"


def as_addressed(comm: Any) -> None:
    """Have a comm's messages heard where they are addressed to: by the subshell that they name.

    ipykernel (7.4) takes what a frontend sends for a reply, and hands it to the shell that spoke
    through the comm last. Of what is sent from a thread, or when a cell makes a widget, that is
    the shell of the cells: a click would wait for the running one. Other releases and other
    kernels go by the address anyway.
    """
    if hasattr(comm, _ROUTE):
        setattr(comm, _ROUTE, _addressed)


def _addressed(_data: object, subshell: str | None) -> str | None:
    return subshell
