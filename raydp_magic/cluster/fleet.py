"""The executors we want, have asked for, and see: a pure state machine.

`Fleet` takes events (what Ray, Spark and the clock say) and returns instructions (what the
supervisor must do). It knows no Ray and no JVM; tests drive it with plain calls.

A slot's life::

    requested --ActorReady--> starting --Registered--> up --JvmExited--> lost
        ^                        |                                        |
        |                        +------------- JvmExited --------------->+
        |                                                                 |
        +----- CreateActor (actor died) <--- back-off over, tries left ---+--- none left ---> failed
               Launch (actor lives)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["requested", "starting", "up", "draining", "lost", "failed"]

BACKOFF_FIRST = 0.5
BACKOFF_MOST = 30.0
FORGIVEN_AFTER = 300.0
"""An executor that was up this long (seconds) has its earlier deaths forgotten."""
PAST_OF_SLOT = 5
PAST_REMOVED = 20
"""So many executors that are no more are remembered, of a slot and of slots that went."""


# Instructions -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class CreateActor:
    """Ask Ray for the slot's resources."""

    slot: int


@dataclass(frozen=True)
class Launch:
    """Start a JVM in the slot's actor."""

    slot: int
    executor_id: str


@dataclass(frozen=True)
class Decommission:
    """Have Spark drain the executor."""

    slot: int
    executor_id: str


@dataclass(frozen=True)
class Release:
    """End the slot's actor and give its resources back."""

    slot: int


Instruction = CreateActor | Launch | Decommission | Release


@dataclass(frozen=True)
class Past:
    """An executor that is no more: why, since when (monotonic), and its last log lines."""

    executor_id: str
    slot: int
    why: str
    ended: float
    log_tail: tuple[str, ...] = ()


@dataclass
class Slot:
    """One place for an executor; `past` are those that it had before, the latest last."""

    number: int
    phase: Phase = "requested"
    actor_alive: bool = False
    executor_id: str = ""
    node: str | None = None
    tries: int = 0
    since: float = 0.0
    retry_at: float = 0.0
    message: str = ""
    log_tail: tuple[str, ...] = ()
    past: tuple[Past, ...] = ()

    def __copy__(self) -> Slot:
        """Every look at a cluster copies all slots: faster than `copy` by itself."""
        new = object.__new__(Slot)
        new.__dict__.update(self.__dict__)
        return new


@dataclass
class Fleet:
    """All slots of a cluster.

    Parameters
    ----------
    max_restarts : int
        How often one slot's executor may be replaced.
    """

    max_restarts: int
    slots: dict[int, Slot] = field(default_factory=dict)
    wanted: int = 0
    removed: tuple[Past, ...] = ()
    _next_slot: int = 0
    _next_executor: int = 0

    def scale(self, wanted: int, now: float) -> list[Instruction]:
        """Want this many executors."""
        self.wanted = wanted
        active = [slot for slot in self.slots.values() if slot.phase != "draining"]
        out: list[Instruction] = []
        for _ in range(wanted - len(active)):
            slot = Slot(self._next_slot, since=now)
            self._next_slot += 1
            self.slots[slot.number] = slot
            out.append(CreateActor(slot.number))
        # Those that do no work yet go first, then the newest.
        rank = {"failed": 0, "lost": 1, "requested": 2, "starting": 3, "up": 4}
        active.sort(key=lambda slot: (rank[slot.phase], -slot.number))
        out += [self._let_go(slot, now) for slot in active[: max(0, len(active) - wanted)]]
        return out

    def remove(self, number: int, now: float) -> list[Instruction]:
        """Want one executor fewer, and this one to go."""
        slot = self.slots[number]
        if slot.phase == "draining":
            return []
        self.wanted -= 1
        return [self._let_go(slot, now)]

    def restart(self, number: int, now: float) -> list[Instruction]:
        """Replace the slot's executor at once; its earlier deaths are forgotten."""
        slot = self.slots[number]
        if slot.phase in ("requested", "draining"):
            return []  # it is on its way already, or out
        _remember(slot, "it was restarted", now)
        slot.tries, slot.message, slot.log_tail = 0, "", ()
        if slot.actor_alive:
            # Told before, Spark does not count the tasks that it interrupts as failed.
            told = [Decommission(slot.number, slot.executor_id)] if slot.phase == "up" else []
            return [*told, self._launch(slot, now)]
        slot.phase, slot.since = "requested", now
        return [CreateActor(slot.number)]

    def _let_go(self, slot: Slot, now: float) -> Instruction:
        if slot.phase == "up":
            slot.phase, slot.since, slot.message = "draining", now, "handing over its blocks"
            return Decommission(slot.number, slot.executor_id)
        _remember(slot, "it was removed", now)
        return self._drop(slot)

    def actor_ready(self, number: int, node: str, now: float) -> list[Instruction]:
        """The slot's actor runs on a node."""
        slot = self.slots.get(number)
        if slot is None:
            return [Release(number)]
        slot.actor_alive, slot.node = True, node
        return [self._launch(slot, now)]

    def actor_died(
        self, number: int, why: str, now: float, *, for_good: bool = False
    ) -> list[Instruction]:
        """Ray lost the slot's actor; with `for_good` another one would end in the same way."""
        slot = self.slots.get(number)
        if slot is None:
            return []
        slot.actor_alive = False
        return self._down(slot, why, (), now, for_good=for_good)

    def jvm_exited(
        self, number: int, executor_id: str, code: int, log_tail: tuple[str, ...], now: float
    ) -> list[Instruction]:
        """The slot's JVM ended."""
        slot = self.slots.get(number)
        if slot is None or slot.executor_id != executor_id or slot.phase in ("lost", "failed"):
            return []
        return self._down(slot, exit_reason(code), log_tail, now)

    def observe(self, registered: set[str], now: float) -> None:
        """Executors that Spark has now."""
        for slot in self.slots.values():
            if slot.phase == "starting" and slot.executor_id in registered:
                slot.phase, slot.since, slot.message = "up", now, ""

    def tick(self, now: float) -> list[Instruction]:
        """Start what has waited out its back-off."""
        out: list[Instruction] = []
        for slot in self.slots.values():
            if slot.phase == "lost" and now >= slot.retry_at:
                if slot.actor_alive:
                    out.append(self._launch(slot, now))
                else:
                    slot.phase, slot.since = "requested", now
                    out.append(CreateActor(slot.number))
        return out

    @property
    def up(self) -> int:
        """Executors that Spark can use."""
        return sum(slot.phase == "up" for slot in self.slots.values())

    @property
    def hopeless(self) -> bool:
        """Whether every slot was given up: no job can ever go on."""
        return bool(self.slots) and len(self.given_up) == len(self.slots)

    @property
    def given_up(self) -> list[Slot]:
        """Slots whose executor died too often."""
        return [slot for slot in self.slots.values() if slot.phase == "failed"]

    def _launch(self, slot: Slot, now: float) -> Launch:
        slot.executor_id = str(self._next_executor)
        self._next_executor += 1
        slot.tries += 1
        slot.phase, slot.since = "starting", now
        return Launch(slot.number, slot.executor_id)

    def _drop(self, slot: Slot) -> Release:
        del self.slots[slot.number]
        self.removed = (*self.removed, *slot.past)[-PAST_REMOVED:]
        return Release(slot.number)

    def _down(
        self, slot: Slot, why: str, log_tail: tuple[str, ...], now: float, *, for_good: bool = False
    ) -> list[Instruction]:
        if slot.phase == "draining":
            _remember(slot, f"it was removed: {why}", now, log_tail)
            return [self._drop(slot)]
        _remember(slot, why, now, log_tail)
        if slot.phase == "up" and now - slot.since > FORGIVEN_AFTER:
            slot.tries = 1
        slot.tries = max(slot.tries, 1)
        slot.log_tail, slot.since = log_tail, now
        if for_good or slot.tries > self.max_restarts:
            slot.phase = "failed"
            slot.message = why if for_good else f"{why}; given up after {slot.tries} tries"
            return []
        slot.phase = "lost"
        slot.retry_at = now + backoff(slot.tries)
        slot.message = f"{why}; try {slot.tries + 1} of {self.max_restarts + 1} follows"
        return []


def _remember(slot: Slot, why: str, now: float, log_tail: tuple[str, ...] = ()) -> None:
    """Note the slot's executor as one of the past; what ended it first is what is kept."""
    known = slot.past and slot.past[-1].executor_id == slot.executor_id
    if slot.executor_id and not known:
        one = Past(slot.executor_id, slot.number, why, now, log_tail)
        slot.past = (*slot.past, one)[-PAST_OF_SLOT:]


def backoff(tries: int) -> float:
    """Seconds to wait after the n-th death in a row."""
    return float(min(BACKOFF_MOST, BACKOFF_FIRST * 2 ** (tries - 1)))


def exit_reason(code: int) -> str:
    """What an exit code of an executor JVM means, in words.

    Negative codes are signals; 50 and above are Spark's own (``SparkExitCode``,
    ``ExecutorExitCode``).
    """
    known = {
        0: "the executor left",
        1: "the executor could not start or lost its driver",
        50: "an uncaught exception ended it",
        51: "an uncaught exception ended it",
        52: "out of memory: its heap was full",
        53: "its local disk failed",
        56: "it could not send heartbeats to the driver",
        57: "it was shut down by a kill",
        -9: "killed (signal 9): by hand, or by the system for want of memory",
        137: "killed (signal 9): by hand, or by the system for want of memory",
        -15: "terminated (signal 15)",
        143: "terminated (signal 15)",
    }
    return known.get(code, f"ended by signal {-code}" if code < 0 else f"exit code {code}")
