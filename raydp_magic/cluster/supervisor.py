"""One thread that carries out the fleet's instructions and feeds it with what happens."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from raydp_magic.cluster.fit import executor_resources
from raydp_magic.cluster.fleet import (
    CreateActor,
    Decommission,
    Fleet,
    Instruction,
    Launch,
    Past,
    Release,
    Slot,
)
from raydp_magic.engine import ray_session
from raydp_magic.engine.driver import DriverJvm, worker_python
from raydp_magic.engine.executor import ExecutorActor, NodeFacts, WorkerPlace

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp_magic.cluster.placement import Placement
    from raydp_magic.spec import ClusterSpec

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
EXIT_POLL_SECONDS = 30.0
STOP_SECONDS = 3.0
"""PySpark's ``spark.stop()`` uses the driver for a while after its context has ended."""


@dataclass(frozen=True)
class End:
    """How a cluster ended that nobody stopped through us."""

    state: Literal["stopped", "failed"]
    why: str


class Supervisor:
    """Keeps the wanted executors running.

    Parameters
    ----------
    spec : ClusterSpec
        Size of an executor, and how often one is replaced.
    secret : str
        The cluster's secret, handed to actors as a call argument.
    loopback : bool
        Whether the cluster stays on this machine; then executors are pinned to it.
    node_ip : str
        Ray's address of this machine.
    placement : Placement, optional
        The placement group that holds the executors; one of our own is removed by :meth:`stop`.
    on_gone : callable
        Called once, from the supervisor's thread, when the cluster has ended under us.
    """

    def __init__(
        self,
        spec: ClusterSpec,
        *,
        secret: str,
        loopback: bool,
        node_ip: str,
        on_gone: Callable[[End], None],
        placement: Placement | None = None,
    ) -> None:
        self._spec = spec
        self._secret = secret
        self._loopback = loopback
        self._node_ip = node_ip
        self._on_gone = on_gone
        self._placement = placement
        self._ray_identity = ray_session.identity()
        self._fleet = Fleet(spec.max_restarts)
        self._lock = threading.RLock()
        self._actors: dict[int, Any] = {}
        self._pending: dict[Any, tuple[str, int, str]] = {}  # ref -> (kind, slot, executor id)
        self._driver: DriverJvm | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._leaving: dict[Any, Any] = {}  # ref of shutdown() -> actor
        self._copies: dict[int, Slot] = {}
        self._placed: set[int] = set()  # slots whose actor has answered: it runs somewhere
        self._jobs_failed = False

    # Called by the cluster ----------------------------------------------------------------------

    def attach(self, driver: DriverJvm) -> None:
        """The driver is up: start the thread and the JVMs."""
        self._driver = driver
        self._thread = threading.Thread(
            target=self._run, name="raydp_magic-supervisor", daemon=True
        )
        self._thread.start()

    def scale(self, executors: int) -> None:
        """Want this many executors from now on; their JVMs start once a driver is attached.

        Raises
        ------
        DoesNotFitError
            When the bundles of the placement group hold fewer.
        """
        with self._lock:
            if self._placement is not None:
                self._placement.check(self._spec, executors)
            self._carry_out(self._fleet.scale(executors, time.monotonic()))

    def remove(self, slot: int) -> int:
        """Want one executor fewer, this slot's; returns how many are wanted now."""
        with self._lock:
            if slot in self._fleet.slots:
                self._carry_out(self._fleet.remove(slot, time.monotonic()))
            return self._fleet.wanted

    def restart(self, slot: int) -> None:
        """Replace the slot's executor at once."""
        with self._lock:
            if slot in self._fleet.slots:
                self._carry_out(self._fleet.restart(slot, time.monotonic()))

    def slots(self) -> list[Slot]:
        """A copy of all slots, by number: to read only, as who has not changed is the same copy."""
        with self._lock:
            known, self._copies = self._copies, {}
            for number, slot in sorted(self._fleet.slots.items()):
                seen = known.get(number)
                if seen is None or vars(seen) != vars(slot):
                    seen = copy(slot)
                self._copies[number] = seen
            return [*self._copies.values()]

    @property
    def removed(self) -> tuple[Past, ...]:
        """Executors of slots that went, the latest last."""
        return self._fleet.removed

    @property
    def wanted(self) -> int:
        """Executors wanted."""
        return self._fleet.wanted

    @property
    def up(self) -> int:
        """Executors that Spark can use now."""
        with self._lock:
            return self._fleet.up

    def actor_of(self, executor_id: str) -> Any | None:
        """The actor that runs this executor."""
        with self._lock:
            for slot in self._fleet.slots.values():
                if slot.executor_id == executor_id:
                    return self._actors.get(slot.number)
        return None

    def actors(self) -> dict[str, Any]:
        """Live actors by the id of their executor."""
        with self._lock:
            return {
                slot.executor_id: self._actors[number]
                for number, slot in self._fleet.slots.items()
                if slot.actor_alive and number in self._actors
            }

    def ended(self) -> End | None:
        """How the cluster ended under us; None while it has not."""
        driver = self._driver
        if driver is None or driver.session is None or not driver.alive:
            code = driver.process.poll() if driver is not None else None
            return End("failed", f"Spark's driver JVM ended (exit code {code})")
        if driver.session_stopped:
            return End("stopped", "its Spark session was stopped with `spark.stop()`")
        # Asked before any other call: most of Ray's would start a new Ray by themselves.
        identity = ray_session.identity()
        if identity is None:
            return End("failed", "Ray was shut down in this kernel")
        if identity != self._ray_identity:
            return End("failed", "this kernel was connected to another Ray")
        return None

    def quiesce(self) -> None:
        """Do nothing more: what ends from now on ends on purpose."""
        self._stop.set()

    def stop(self, timeout: float = 6.0) -> None:
        """End the thread, the JVMs and the actors. Safe to call twice."""
        import ray

        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        with self._lock:
            placed = [actor for slot, actor in self._actors.items() if slot in self._placed]
            actors = [*self._actors.values(), *self._leaving.values()]
            self._actors = {}
            self._pending.clear()
            self._leaving.clear()
            self._fleet.slots.clear()
        if not ray.is_initialized():
            return
        goodbyes = [actor.shutdown.remote() for actor in placed]
        with contextlib.suppress(Exception):
            ray.wait(goodbyes, num_returns=len(goodbyes), timeout=timeout) if goodbyes else None
        for actor in actors:
            with contextlib.suppress(Exception):
                ray.kill(actor)
        if self._placement is not None:
            self._placement.remove()

    # The thread ---------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                end = self.ended()
                if end is not None:
                    if end.state == "stopped":
                        self._stop.wait(STOP_SECONDS)  # the user's stop() is still at work
                    if not self._stop.is_set():
                        self._on_gone(end)
                    return
                self._step()
                self._wait_for_news()
            except Exception:
                # An interrupt can break a call under way; the next round looks again.
                log.debug("the supervisor's round failed", exc_info=True)
                self._stop.wait(1.0)

    def _wait_for_news(self) -> None:
        import ray

        with self._lock:
            refs = [*self._pending, *self._leaving]
        if refs:
            ray.wait(refs, num_returns=1, timeout=POLL_SECONDS)
        else:
            self._stop.wait(POLL_SECONDS)

    def _step(self) -> None:
        import ray

        with self._lock:
            refs = list(self._pending)
            leaving = list(self._leaving)
        for ref in _done(leaving):
            ray.kill(self._leaving.pop(ref))
        for ref in _done(refs):
            with self._lock:
                entry = self._pending.pop(ref, None)
            if entry is not None:
                self._finish(ref, *entry)
        waiting = any(slot.phase == "starting" for slot in self.slots())
        registered = self._driver.registered_executors() if waiting and self._driver else set()
        with self._lock:
            now = time.monotonic()
            self._fleet.observe(registered, now)
            self._carry_out(self._fleet.tick(now))
            hopeless = self._fleet.hopeless
        if hopeless and not self._jobs_failed and self._driver is not None:
            self._driver.cancel_all_jobs()  # they would wait for ever
        self._jobs_failed = hopeless

    def _finish(self, ref: Any, kind: str, slot: int, executor_id: str) -> None:
        """One answer of an actor has come."""
        import ray

        now = time.monotonic()
        try:
            answer = ray.get(ref)
        except ray.exceptions.RayError as error:
            with self._lock:
                self._actors.pop(slot, None)
                self._placed.discard(slot)
                why, for_good = actor_death_reason(error)
                self._forget_answers(slot)
                self._carry_out(self._fleet.actor_died(slot, why, now, for_good=for_good))
            return
        with self._lock:
            if kind == "facts" and isinstance(answer, NodeFacts):
                self._placed.add(slot)
                self._carry_out(self._fleet.actor_ready(slot, answer.node_id, now))
            elif kind == "launched" or answer is None:
                # Only now: calls to an actor of several threads may overtake one another.
                self._watch(slot, executor_id)
            elif kind == "exit":
                self._carry_out(
                    self._fleet.jvm_exited(
                        slot, executor_id, answer.exit_code, answer.log_tail, now
                    )
                )

    def _carry_out(self, instructions: list[Instruction]) -> None:
        for instruction in instructions:
            match instruction:
                case CreateActor(slot):
                    self._create(slot)
                case Launch(slot, executor_id):
                    self._launch(slot, executor_id)
                case Decommission(_, executor_id):
                    if self._driver is not None:
                        self._driver.decommission(executor_id)
                case Release(slot):
                    self._release(slot)

    def _create(self, slot: int) -> None:
        import ray

        wants = executor_resources(self._spec)
        custom = {k: v for k, v in wants.items() if k not in ("CPU", "GPU", "memory")}
        where: dict[str, Any] = {}
        if self._placement is not None:  # a bundle need not hold the node's own resource
            leaving = {n for n, s in self._fleet.slots.items() if s.phase == "draining"}
            where = self._placement.options(slot, leaving)
        elif self._loopback:
            custom[f"node:{self._node_ip}"] = 0.0001
        actor: Any = (
            ray.remote(ExecutorActor)
            .options(
                num_cpus=wants["CPU"],
                num_gpus=wants.get("GPU", 0),
                memory=wants["memory"],
                resources=custom,
                max_concurrency=4,
                max_restarts=0,
                **where,
            )
            .remote(self._spec, loopback=self._loopback)
        )
        self._actors[slot] = actor
        self._pending[actor.facts.remote()] = ("facts", slot, "")

    def _launch(self, slot: int, executor_id: str) -> None:
        actor = self._actors.get(slot)
        if actor is None or self._driver is None:
            return
        address = self._driver.address()
        where = WorkerPlace(worker_python(), str(Path.cwd()) if self._loopback else "")
        started = actor.launch.remote(executor_id, address, self._secret, where)
        self._pending[started] = ("launched", slot, executor_id)

    def _watch(self, slot: int, executor_id: str) -> None:
        actor = self._actors.get(slot)
        if actor is not None:
            ref = actor.wait_exit.remote(executor_id, EXIT_POLL_SECONDS)
            self._pending[ref] = ("exit", slot, executor_id)

    def _release(self, slot: int) -> None:
        import ray

        actor = self._actors.pop(slot, None)
        self._forget_answers(slot)
        if self._placement is not None:
            self._placement.leave(slot)
        if actor is None:
            return
        if slot in self._placed:
            self._placed.discard(slot)
            self._leaving[actor.shutdown.remote()] = actor
        else:
            ray.kill(actor)  # it waits for resources: a call to it would never end

    def _forget_answers(self, slot: int) -> None:
        for ref in [ref for ref, entry in self._pending.items() if entry[1] == slot]:
            del self._pending[ref]


def _done(refs: list[Any]) -> list[Any]:
    import ray

    return ray.wait(refs, num_returns=len(refs), timeout=0)[0] if refs else []


def actor_death_reason(error: BaseException) -> tuple[str, bool]:
    """One line out of Ray's account of an actor's death, and whether trying again is no use."""
    text = str(getattr(error, "cause", None) or error).strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if "Error: " in line and not line.startswith("The actor died")]
    if "No module named 'raydp_magic'" in text:
        return "Ray's workers cannot import raydp_magic: install it on every node of this Ray", True
    unfit = [line for line in named if "UnfitNodeError: " in line]
    if unfit:
        return unfit[-1].partition("UnfitNodeError: ")[2], True
    reason = named[-1] if named else (lines[0] if lines else type(error).__name__)
    return f"its Ray actor ended: {reason[:300]}", False
