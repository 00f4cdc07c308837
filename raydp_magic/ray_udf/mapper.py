"""The keeper's side of `map_batches`: a Spark task's batches become Ray tasks, or go to the pool.

A keeper gets a `Mapper` from the kernel and needs not know what it is: `bridge` imports nothing
of this.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from raydp_magic.errors import BridgeError
from raydp_magic.ray_udf.pool import GRACE_SECONDS, Pool
from raydp_magic.ray_udf.work import remote_apply

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from raydp_magic.ray_udf.request import Request

LOOK_SECONDS = 1.0
"""How often a wait for a result looks whether the Spark task still wants it."""
TRIES = 10
MANY = 10_000
"""Calls that the pool's actor has open at a time: all batches in flight, which only wait there."""

_lock = threading.Lock()


class Mapper:
    """How batches of one DataFrame are run; made by the kernel, used in the keepers.

    Parameters
    ----------
    name : str
        Of the DataFrame's function.
    code : list of ObjectRef
        One ref of its `Code`.
    request : Request
        How to run it.
    """

    def __init__(self, name: str, code: list[Any], request: Request) -> None:
        self._name = name
        self._code = code
        self._request = request
        self._pool: Any = None  # its maker must keep the handle, or it ends

    def open(self) -> Session:
        """For one attempt of a Spark task."""
        if self._request.concurrency is None:
            task = remote_apply().options(num_returns=2, **self._request.options)
            return Session(lambda table: InTask(*task.remote(self._name, self._code, table)))
        session = uuid.uuid4().hex
        pool = self._enter(session)
        return Session(
            lambda table: InPool.of(pool, table),
            on_close=lambda: pool.leave.remote(session),
        )

    def _enter(self, session: str) -> Any:
        """The pool, which may have ended a moment ago, with this session as its user."""
        import ray

        me = ray.get_runtime_context().current_actor
        for _ in range(TRIES):
            with _lock:
                if self._pool is None:
                    self._pool = self._make_pool()
                pool = self._pool
            try:
                ray.get(pool.enter.remote(session, me))
            except ray.exceptions.RayActorError:
                with _lock:
                    if self._pool is pool:
                        self._pool = None
                time.sleep(0.3)
            else:
                return pool
        raise BridgeError("the actor that shares Ray's work between Spark's tasks does not start")

    def _make_pool(self) -> Any:
        import ray

        options = {"num_cpus": 0, "max_concurrency": MANY, "get_if_exists": True}
        name = f"raydp_magic-map-{self._name}"
        pool = ray.remote(Pool).options(name=name, **options)
        handle: Any = pool.remote(self._name, self._code, self._request)
        handle.live.remote()
        return handle


class Batch(Protocol):
    """A batch in flight."""

    @property
    def done(self) -> Any:
        """The ref to wait for."""

    def answer(self) -> tuple[str | None, Any]:
        """Why it failed, in words, and the ref of its table."""

    def cancel(self, *, force: bool = False) -> None:
        """Nobody wants it; with `force` it has been told, and goes on."""


@dataclass(frozen=True)
class InTask:
    """A batch that is a Ray task of its own."""

    done: Any
    table: Any

    def answer(self) -> tuple[str | None, Any]:
        """See `Batch`."""
        import ray

        return ray.get(self.done), self.table

    def cancel(self, *, force: bool = False) -> None:
        """See `Batch`."""
        import ray

        ray.cancel(self.done, force=force)


@dataclass(frozen=True)
class InPool:
    """A batch that the pool has; the block belongs to this process, so it is held here."""

    done: Any
    block: Any

    @classmethod
    def of(cls, pool: Any, table: pa.Table) -> InPool:
        """Give a batch to the pool."""
        import ray

        block = ray.put(table)
        return cls(pool.run.remote([block]), block)

    def answer(self) -> tuple[str | None, Any]:
        """See `Batch`."""
        import ray

        failed, tables = ray.get(self.done)
        return failed, tables[0] if tables else None

    def cancel(self, *, force: bool = False) -> None:
        """See `Batch`."""
        import ray

        if not force:
            ray.cancel(self.done, recursive=False)  # the pool knows what to stop, and how


class Session:
    """The batches of one attempt of a Spark task, whose results come in their order.

    Parameters
    ----------
    send : callable
        Has a table run; returns at once.
    on_close : callable
        Called in the end.
    """

    def __init__(
        self, send: Callable[[pa.Table], Batch], *, on_close: Callable[[], Any] = bool
    ) -> None:
        self._send = send
        self._on_close = on_close
        self._batches: deque[Batch] = deque()

    def submit(self, table: pa.Table) -> None:
        """Run a batch."""
        self._batches.append(self._send(table))

    def result(self, given_up: Callable[[], bool]) -> pa.Table:
        """Wait for the oldest batch's result.

        Parameters
        ----------
        given_up : callable
            Whether nobody waits for it any more.

        Raises
        ------
        BridgeError
            When it failed.
        EOFError
            When it is given up.
        """
        import ray

        batch = self._batches[0]
        try:
            while not ray.wait([batch.done], timeout=LOOK_SECONDS, fetch_local=False)[0]:
                if given_up():
                    raise EOFError
            failed, ref = batch.answer()
            if failed is not None:
                raise BridgeError(failed)
            table = ray.get(ref)
        except ray.exceptions.RayError as error:
            line = next(iter(str(error).splitlines()), type(error).__name__)
            raise BridgeError(f"Ray gave a batch up: {line}") from error
        self._batches.popleft()
        return table

    def close(self) -> None:
        """Cancel what is in flight; returns at once."""
        batches = list(self._batches)
        self._batches.clear()
        for batch in batches:
            with contextlib.suppress(Exception):
                batch.cancel()
        with contextlib.suppress(Exception):
            self._on_close()
        if batches:  # who waits for the query's error need not wait for this
            threading.Thread(target=end_the_slow, args=(batches,), daemon=True).start()


def end_the_slow(batches: list[Batch]) -> None:
    """Take the worker of each cancelled batch that goes on after a while.

    A task is interrupted as by Ctrl-C, which a long call of C's (`time.sleep`, a model) does not
    hear of until it returns: it would keep its CPUs.
    """
    import ray

    with contextlib.suppress(Exception):  # Ray may end meanwhile
        done = [batch.done for batch in batches]
        _, left = ray.wait(done, num_returns=len(done), timeout=GRACE_SECONDS, fetch_local=False)
        for batch in batches:
            if batch.done in left:
                with contextlib.suppress(Exception):
                    batch.cancel(force=True)
