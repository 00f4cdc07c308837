"""Placement groups: which bundle each executor goes to, and a group of our own for a strategy."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from raydp_magic.cluster.fit import check_bundles, executor_resources
from raydp_magic.errors import DoesNotFitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from raydp_magic.spec import ClusterSpec

PLACING_SECONDS = 20.0
"""How long Ray may take to place the bundles of a group; with room for them it takes far less."""


@dataclass
class Placement:
    """The placement group that executors run in.

    Attributes
    ----------
    group : ray.util.placement_group.PlacementGroup
        The group.
    owned : bool
        Whether it is ours, to be removed with the cluster.
    bundles : dict of int to dict
        What each bundle reserves, by its index; memory in bytes.
    indexes : tuple of int
        Bundles that executors go to, in turn.
    """

    group: Any
    owned: bool
    bundles: dict[int, dict[str, float]] = field(default_factory=dict)
    indexes: tuple[int, ...] = ()
    _seats: dict[int, int] = field(default_factory=dict)  # slot -> position in `indexes`

    def check(self, spec: ClusterSpec, executors: int) -> None:
        """Raise unless the bundles hold this many executors; see `check_bundles`."""
        check_bundles(spec, executors, self.bundles)

    def options(self, slot: int, leaving: Collection[int]) -> dict[str, Any]:
        """Options of the slot's actor; a slot keeps its bundle until it leaves it."""
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        if slot not in self._seats:
            self._seats[slot] = free_seat(self._seats, len(self.indexes), leaving)
        strategy = PlacementGroupSchedulingStrategy(
            placement_group=self.group,
            placement_group_bundle_index=self.indexes[self._seats[slot]],
        )
        return {"scheduling_strategy": strategy}

    def leave(self, slot: int) -> None:
        """The slot is gone."""
        self._seats.pop(slot, None)

    def remove(self) -> None:
        """Remove a group of ours, never one of the user's. Safe to call twice."""
        import ray

        if self.owned and ray.is_initialized():
            with contextlib.suppress(Exception):
                ray.util.remove_placement_group(self.group)
        self.owned = False


def free_seat(seats: Mapping[int, int], count: int, leaving: Collection[int]) -> int:
    """The least used of `count` positions, the first of equals: in turn while nobody leaves.

    Parameters
    ----------
    seats : mapping of int to int
        Positions of the slots there are.
    count : int
        How many positions there are.
    leaving : collection of int
        Slots whose executor is about to give its position back.
    """
    stay = Counter(position for slot, position in seats.items() if slot not in leaving)
    everybody = Counter(seats.values())
    return min(range(count), key=lambda position: (stay[position], everybody[position], position))


def bundles_for(spec: ClusterSpec, node_ip: str | None) -> list[dict[str, float]]:
    """The bundles of a group of our own, one an executor; on the node with this address only."""
    wants = executor_resources(spec)
    if node_ip is not None:
        wants[f"node:{node_ip}"] = 0.0001
    return [dict(wants) for _ in range(spec.executors)]


def find_group(spec: ClusterSpec, usable: Collection[str] | None, timeout: float) -> Placement:
    """The user's placement group, once it is placed and the executors fit into it.

    Parameters
    ----------
    spec : ClusterSpec
        With the id of the group.
    usable : collection of str, optional
        Ids of the nodes that executors can run on; all by default.
    timeout : float
        Seconds that Ray may take to place it.

    Raises
    ------
    UsageError
        When Ray has no such group, or it has no such bundle.
    DoesNotFitError
        When it is not placed in time, a bundle is too small, or is on a node of no use.
    """
    import ray
    from ray.util.placement_group import PlacementGroup, placement_group_table

    assert spec.placement_group is not None
    group = PlacementGroup(ray.PlacementGroupID(bytes.fromhex(spec.placement_group)))
    table = placement_group_table(group)
    if table.get("state") in (None, "REMOVED"):
        raise UsageError(
            f"Ray has no placement group {spec.placement_group}",
            hint="it was removed, or made in another Ray; make one with "
            "`ray.util.placement_group(...)` and pass it.",
        )
    check_bundles(spec, spec.executors, table["bundles"])
    table = _wait_created(group, spec, f"Placement group {spec.placement_group}", timeout)
    indexes = spec.bundle_indexes or tuple(sorted(table["bundles"]))
    where = table["bundles_to_node_id"]
    away = [index for index in indexes if usable is not None and where[index] not in usable]
    if away:
        raise DoesNotFitError(
            f"Bundle {away[0]} of the placement group is on another machine, and this cluster "
            "stays on this one",
            asked=f"bundle {away[0]}",
            fits=None,
            hint="leave `spark.driver.host` out, or use bundles of this machine.",
        )
    return Placement(group, owned=False, bundles=table["bundles"], indexes=indexes)


def begin_group(spec: ClusterSpec, node_ip: str | None) -> Placement:
    """Ask Ray for a group of our own; `wait_placed` follows."""
    from ray.util.placement_group import placement_group

    bundles = bundles_for(spec, node_ip)
    group = placement_group(bundles, strategy=spec.placement_strategy)
    return Placement(
        group, owned=True, bundles=dict(enumerate(bundles)), indexes=tuple(range(len(bundles)))
    )


def wait_placed(placement: Placement, spec: ClusterSpec, timeout: float) -> None:
    """Wait until a group of our own has its resources.

    Raises
    ------
    DoesNotFitError
        When it has not in time. The group must then be removed.
    """
    what = f"A {spec.placement_strategy} placement group"
    _wait_created(placement.group, spec, what, min(timeout, PLACING_SECONDS))


def _wait_created(group: Any, spec: ClusterSpec, what: str, timeout: float) -> dict[str, Any]:
    """Ray's account of a group once it is placed; a Ctrl-C gets through meanwhile."""
    from ray.util.placement_group import placement_group_table

    deadline = time.monotonic() + timeout
    while True:
        table: dict[str, Any] = placement_group_table(group)
        if table.get("state") == "CREATED":
            return table
        if time.monotonic() > deadline:
            raise DoesNotFitError(
                f"{what} was not placed in {timeout:.0f} s: Ray's nodes have no room for it",
                asked=f"{spec.executors} executors in a placement group",
                fits=None,
                hint="free something first (see the Ray dashboard), or use another strategy.",
            )
        time.sleep(0.05)
