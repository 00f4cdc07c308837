"""Where Ray objects are, and which of them anybody still refers to: their owners know.

Ray's public listing of objects stops at 10,000, of anybody's. An owner counts its own
objects without a limit: an id is in its list while any process refers to the object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

ASKED_AT_ONCE = 1000
"""Far below the number at which Ray makes two questions of one (10,000)."""


def locations(refs: Iterable[Any]) -> dict[Any, dict[str, Any]]:
    """Where objects are, as `ray.experimental.get_object_locations` tells.

    One question at a time: Ray counts the answers to several wrongly when one comes early, and
    then ends this process (https://github.com/ray-project/ray/issues/65523).
    """
    import ray

    by_owner: dict[bytes, list[Any]] = {}
    for ref in refs:
        by_owner.setdefault(_core_worker().get_owner_address(ref), []).append(ref)
    found: dict[Any, dict[str, Any]] = {}
    for own in by_owner.values():
        for start in range(0, len(own), ASKED_AT_ONCE):
            some = own[start : start + ASKED_AT_ONCE]
            found |= ray.experimental.get_object_locations(some)
    return found


def referred() -> set[str]:
    """Ids of the objects that this process refers to, or owns while another refers to them."""
    return {found.decode() for found in _core_worker().get_all_reference_counts()}


def _core_worker() -> Any:
    """Not a public API, but the one by which Ray's own tests look for leaks."""
    from ray._private.worker import global_worker

    worker: Any = global_worker
    return worker.core_worker


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
