"""Ray nodes that are no more: shown as dead for some minutes, with when and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from raydp_magic.monitoring.snapshot import NodeSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHOWN_SECONDS = 600.0
"""As long as the timeline."""


@dataclass(frozen=True)
class Death:
    """What Ray says of a node that died: when (Unix seconds), why, what it was."""

    at: float
    why: str
    name: str
    cpus: float = 0.0


class Gone:
    """Remembers nodes that were there: one that is missing is dead, also before Ray says so."""

    def __init__(self) -> None:
        self._alive: dict[str, NodeSnapshot] = {}
        self._dead: dict[str, NodeSnapshot] = {}

    def with_dead(
        self, live: Sequence[NodeSnapshot], deaths: Mapping[str, Death], now: float
    ) -> tuple[NodeSnapshot, ...]:
        """The live nodes, and behind them those that died in the last minutes, the newest last.

        Parameters
        ----------
        live : sequence of NodeSnapshot
            Those that Ray lists; none at all is no news, and not the death of all.
        deaths : mapping of str to Death
            By node id, what Ray says of dead ones; it may come late, or never.
        now : float
            Unix seconds: when one that is missing without a word of Ray's has died.
        """
        alive = {node.id: node for node in live}
        if live:
            for name, node in self._alive.items():
                if name not in alive:
                    self._dead[name] = _dead(node, now, "")
            self._alive = alive
        for name, death in deaths.items():
            known = self._dead.get(name)
            if known is None:
                self._dead[name] = _unseen(name, death)
            elif (known.died_at, known.death) != (death.at, death.why):
                self._dead[name] = replace(known, died_at=death.at, death=death.why)
        self._dead = {
            name: node
            for name, node in self._dead.items()
            # Ray's two answers may be of different moments.
            if name not in alive and now - (node.died_at or 0.0) < SHOWN_SECONDS
        }
        return (*live, *sorted(self._dead.values(), key=lambda node: node.died_at or 0.0))


_NOTHING: dict[str, Any] = {
    "alive": False,
    "cpu_reserved": 0.0,
    "cpu_spark": 0.0,
    "cpu_percent": None,
    "memory_used": None,
    "memory_reserved": 0,
    "memory_spark": 0,
    "store_used": 0,
    "gpu_reserved": 0.0,
    "gpu_spark": 0.0,
    "spark_executors": 0,
    "ray_tasks": None,
    "ray_actors": None,
}
"""What a dead node holds and does."""


def _dead(node: NodeSnapshot, at: float, why: str) -> NodeSnapshot:
    """What is left of a node: its name and what it had in all."""
    return replace(node, **_NOTHING, died_at=at, death=why)


def _unseen(name: str, death: Death) -> NodeSnapshot:
    """One that died before anybody looked."""
    return NodeSnapshot(
        id=name,
        name=death.name,
        is_head=False,
        cpu_total=death.cpus,
        memory_total=None,
        store_total=0,
        gpu_total=0.0,
        **_NOTHING,
        died_at=death.at,
        death=death.why,
    )
