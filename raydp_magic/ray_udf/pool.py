"""The pool: a zero-CPU actor that runs at most so many batches of one DataFrame at a time.

Shared by the Spark tasks of all nodes, it knows batches by their refs only. It ends itself soon
after the last task that uses it, and its actors with it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any

from raydp_magic.ray_udf.slots import End, Instruction, Run, Slots, Start
from raydp_magic.ray_udf.work import Worker, remote_apply

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from raydp_magic.ray_udf.request import Request

LINGER_SECONDS = 5.0
"""How long it waits for the next Spark task: those of one job follow each other."""
IDLE_SECONDS = 10.0
"""How long an actor with nothing to do is kept."""
GRACE_SECONDS = 2.0
"""When a cancelled task loses its worker, as a stopped cell's do."""
TICK_SECONDS = 0.5
CHECK_SECONDS = 10.0
RETRIES = 3
"""As Ray's own for tasks: how often a batch is run again whose worker process died."""

Outcome = tuple[str | None, list[Any]]
"""Why a batch failed, in words; else a list with the ref of its table."""


class Pool:
    """Runs on a Ray worker; called by keepers.

    Parameters
    ----------
    name : str
        Of the function.
    code : list of ObjectRef
        See `work.apply`.
    request : Request
        With a number as its `concurrency`.
    """

    def __init__(self, name: str, code: list[Any], request: Request) -> None:
        import ray

        assert request.concurrency is not None
        self._name = name
        self._code = code
        self._request = request
        self._task: Any = remote_apply().options(num_returns=2, **request.options)
        self._worker: Any = ray.remote(Worker)  # one: Ray keeps each for good
        self._slots = Slots(request.concurrency, IDLE_SECONDS)
        self._actors: dict[int, Any] = {}
        self._batches: dict[int, tuple[Any, asyncio.Future[Outcome]]] = {}
        self._running: dict[int, Any] = {}
        self._numbers = itertools.count()
        self._steps: set[asyncio.Task[None]] = set()
        self._sessions: dict[str, Any] = {}
        self._used_at = time.monotonic()
        self._lives = False

    async def enter(self, session: str, keeper: Any) -> None:
        """A Spark task begins to use it, through this keeper."""
        self._sessions[session] = keeper

    async def leave(self, session: str) -> None:
        """A Spark task has ended."""
        self._sessions.pop(session, None)
        self._used_at = time.monotonic()

    async def live(self) -> None:
        """End what is idle, until all is over; never returns."""
        import ray

        if self._lives:
            return
        self._lives = True
        checked_at = time.monotonic()
        while self._sessions or time.monotonic() - self._used_at < LINGER_SECONDS:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            self._carry_out(self._slots.idle(now))
            if now - checked_at > CHECK_SECONDS:
                await self._forget_dead_keepers()
                checked_at = time.monotonic()
        for actor in self._slots.busy & self._actors.keys():
            ray.kill(self._actors[actor])  # its batch is nobody's, and Ray would wait for its end
        self._actors.clear()
        ray.actor.exit_actor()

    async def run(self, block: list[Any]) -> Outcome:
        """Run one batch when a slot is free; `block` is its ref, in a list."""
        number = next(self._numbers)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._batches[number] = block[0], future
        self._carry_out(self._slots.came(number))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self._slots.left(number)
            self._batches.pop(number, None)
            if number in self._running and not self._request.pool:
                self._spawn(self._stop(number))  # an actor rather ends than load its state anew
            raise

    async def _stop(self, number: int) -> None:
        """Stop a task; one that does not hear of it loses its worker."""
        import ray

        ray.cancel(self._running[number])
        await asyncio.sleep(GRACE_SECONDS)
        if number in self._running:
            ray.cancel(self._running[number], force=True)

    def _carry_out(self, instructions: list[Instruction]) -> None:
        for instruction in instructions:
            match instruction:
                case Start(actor):
                    self._spawn(self._start(actor))
                case Run(batch, actor):
                    self._spawn(self._run(batch, actor))
                case End(actor):
                    self._actors.pop(actor, None)  # the last handle: Ray ends it in order

    def _spawn(self, step: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(step)
        self._steps.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._steps.discard)

    async def _start(self, actor: int) -> None:
        """Start an actor, or open a slot for tasks."""
        if self._request.pool:
            options = self._request.options | {"max_restarts": -1, "max_task_retries": RETRIES}
            handle = self._worker.options(**options).remote()
            self._actors[actor] = handle
            try:
                await handle.ready.remote()
            except Exception as error:  # noqa: BLE001 - whatever it is, batches wait for it
                self._actors.pop(actor, None)
                why = f"Ray could not start an actor: {_line(error)}"
                for _, future in self._take_waiting():
                    future.set_result((why, []))
                self._carry_out(self._slots.lost(actor))
                return
        self._carry_out(self._slots.ready(actor, time.monotonic()))

    def _take_waiting(self) -> list[tuple[Any, asyncio.Future[Outcome]]]:
        for number in self._batches:
            self._slots.left(number)
        waiting = list(self._batches.values())
        self._batches.clear()
        return waiting

    async def _run(self, batch: int, actor: int) -> None:
        found = self._batches.pop(batch, None)
        if found is None:  # it was cancelled in this moment
            self._carry_out(self._slots.ready(actor, time.monotonic()))
            return
        block, future = found
        try:
            done, table = self._call(actor, block)
            self._running[batch] = done
            failed = await done
        except Exception as error:  # noqa: BLE001 - whatever it is, a Spark task waits for it
            future.set_result((f"Ray gave a batch up: {_line(error)}", []))
            self._actors.pop(actor, None)
            self._carry_out(self._slots.lost(actor))
        else:
            future.set_result((failed, [table]))
            self._carry_out(self._slots.ready(actor, time.monotonic()))
        finally:
            self._running.pop(batch, None)

    def _call(self, actor: int, block: Any) -> tuple[Any, Any]:
        run = self._task
        if self._request.pool:
            run = self._actors[actor].apply.options(num_returns=2)
        done, table = run.remote(self._name, self._code, block)
        return done, table

    async def _forget_dead_keepers(self) -> None:
        """Sessions of a keeper that died with its node will never leave."""
        import ray

        sessions = dict(self._sessions)
        asked = [keeper.socket.remote() for keeper in sessions.values()]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for session, answer in zip(sessions, answers, strict=True):
            if isinstance(answer, ray.exceptions.RayActorError):
                await self.leave(session)


def _line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
