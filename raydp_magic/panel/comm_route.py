"""Which of the kernel's threads hears a comm's messages.

ipykernel has no public word for this, so a private method of one comm of ours is replaced, on the
instance. What was looked at instead (7.4):

- ``kernel.shell_handlers["comm_msg"]`` is called where a message has been routed to already.
- ``kernel.comm_manager.register_comm`` takes a comm of a class of our own, which would go by its
  address; but a widget's comm is made by ipywidgets, whose private state would have to be copied.
- Speaking in the context of the view's last message makes its subshell the one that "spoke last".
  A comm that a cell makes has no such message yet, and with two pages the message of one would go
  to the subshell of the other, and be lost when that page is closed.
- Control messages are handled while a cell runs, but pages send comms on the shell channel only.
"""

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
