"""Which Ray objects anybody still refers to, as the process that owns them knows.

Ray's public listing of objects stops at 10,000, of anybody's. An owner counts its own
objects without a limit: an id is in its list while any process refers to the object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def referred() -> set[str]:
    """Ids of the objects that this process refers to, or owns while another refers to them."""
    from ray._private.worker import global_worker

    worker: Any = global_worker  # not a public API, but how Ray's own tests look for leaks
    return {found.decode() for found in worker.core_worker.get_all_reference_counts()}


class Lent:
    """What a keeper has given out: its transfers, while a block of theirs is referred to."""

    def __init__(self) -> None:
        self._ids: dict[str, frozenset[str]] = {}

    def add(self, transfer: str, ids: Iterable[str]) -> None:
        """Note a transfer's objects, which must be referred to at this moment."""
        self._ids[transfer] = frozenset(ids)

    def in_use(self, alive: Collection[str]) -> list[str]:
        """The transfers of which something is alive; what is gone once is forgotten."""
        self._ids = {
            transfer: ids for transfer, ids in self._ids.items() if not ids.isdisjoint(alive)
        }
        return list(self._ids)
