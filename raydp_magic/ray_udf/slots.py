"""Which actor of a pool runs which batch: events in, instructions out. Pure.

Actors start when batches wait for one, and end after a while with nothing to do: two pools in
one query could otherwise each hold what the other waits for.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Start:
    """Start this actor."""

    actor: int


@dataclass(frozen=True)
class Run:
    """Run this batch on this actor."""

    batch: int
    actor: int


@dataclass(frozen=True)
class End:
    """End this actor: it has nothing to do."""

    actor: int


Instruction = Start | Run | End


@dataclass
class Slots:
    """The actors of a pool.

    Parameters
    ----------
    most : int
        Actors at a time.
    idle_seconds : float
        How long one may have nothing to do.
    """

    most: int
    idle_seconds: float
    _numbers: int = 0
    _waiting: OrderedDict[int, None] = field(default_factory=OrderedDict)
    _starting: set[int] = field(default_factory=set)
    _busy: set[int] = field(default_factory=set)
    _free: OrderedDict[int, float] = field(default_factory=OrderedDict)

    @property
    def busy(self) -> set[int]:
        """Actors that work on a batch."""
        return set(self._busy)

    def came(self, batch: int) -> list[Instruction]:
        """A batch is to be run."""
        self._waiting[batch] = None
        return self._next()

    def left(self, batch: int) -> None:
        """Nobody wants a batch any more; one that runs goes on."""
        self._waiting.pop(batch, None)

    def ready(self, actor: int, now: float) -> list[Instruction]:
        """An actor has started, or has run its batch."""
        self._starting.discard(actor)
        self._busy.discard(actor)
        self._free[actor] = now
        return self._next()

    def lost(self, actor: int) -> list[Instruction]:
        """An actor has ended for good."""
        self._starting.discard(actor)
        self._busy.discard(actor)
        self._free.pop(actor, None)
        return self._next()

    def idle(self, now: float) -> list[Instruction]:
        """Time has passed."""
        late = [actor for actor, since in self._free.items() if now - since >= self.idle_seconds]
        for actor in late:
            del self._free[actor]
        return [End(actor) for actor in late]

    def _next(self) -> list[Instruction]:
        found: list[Instruction] = []
        while self._waiting and self._free:
            batch, _ = self._waiting.popitem(last=False)
            actor, _ = self._free.popitem()  # the one that worked last: the others may end
            self._busy.add(actor)
            found.append(Run(batch, actor))
        running = len(self._starting) + len(self._busy) + len(self._free)
        for _ in range(min(self.most - running, len(self._waiting) - len(self._starting))):
            self._numbers += 1
            self._starting.add(self._numbers)
            found.append(Start(self._numbers))
        return found
