"""The keepers of all nodes, as the driver sees them: made when they are needed, ended together."""

from __future__ import annotations

import contextlib
import secrets
import threading
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge.keeper import KeeperActor
from raydp_magic.engine import ray_session
from raydp_magic.engine.offered_ray import join_offered
from raydp_magic.errors import DataLostError, RaydpMagicError, UsageError

if TYPE_CHECKING:
    from raydp_magic.bridge.flight_server import Door

START_TIMEOUT = 60.0


def need_ray() -> None:
    """Raise unless this process is connected to a Ray, or can be to one that runs for it.

    Raises
    ------
    UsageError
        Saying how to connect. Ray's own calls would start a new one.
    """
    if not join_offered():
        raise UsageError(
            "This kernel is not connected to a Ray",
            hint="start a cluster with `%raydp_cluster start`, or call `ray.init()`.",
        )


class _Keepers:
    """The keepers of the Ray that this process is connected to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: str | None = None
        self._actors: dict[str, Any] = {}
        self._sockets: dict[str, str] = {}
        self._token = ""

    def on_all_nodes(self) -> dict[str, Any]:
        """Actors by node id; makes those that are missing.

        Raises
        ------
        DataLostError
            When one cannot be made.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        with self._lock:
            self._forget_other_rays()
            alive = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
            self._forget_dead(alive)
            fresh: dict[str, Any] = {}
            for node in alive:
                if node not in self._actors:
                    where = NodeAffinitySchedulingStrategy(node, soft=False)
                    options = {"num_cpus": 0, "max_concurrency": 8, "scheduling_strategy": where}
                    fresh[node] = ray.remote(KeeperActor).options(**options).remote()
            asked = {node: actor.socket.remote() for node, actor in fresh.items()}
            try:
                found = ray.get(list(asked.values()), timeout=START_TIMEOUT)
            except ray.exceptions.RayError as error:
                raise DataLostError(
                    f"No keeper could be started on a Ray node: {str(error).splitlines()[0]}",
                    hint="is raydp-magic installed on every node, in the version of this kernel?",
                ) from error
            self._actors |= fresh
            self._sockets |= dict(zip(asked, found, strict=True))
            return dict(self._actors)

    def sockets(self) -> dict[str, str]:
        """Socket paths of all keepers by node id."""
        return dict(self._sockets)

    def doors(self, *, tls: bool) -> tuple[dict[str, Door], str]:
        """Flight servers of all keepers by node id, started when they are not; and the token.

        Raises
        ------
        UsageError
            When TLS needs a package that is missing.
        """
        import ray

        asked = {n: actor.door.remote(self._token, tls) for n, actor in self._actors.items()}
        try:
            found = ray.get(list(asked.values()), timeout=START_TIMEOUT)
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, RaydpMagicError) else error) from None
        return dict(zip(asked, found, strict=True)), self._token

    def known(self) -> dict[str, Any]:
        """Keepers made so far, without making any."""
        with self._lock:
            self._forget_other_rays()
            return dict(self._actors)

    def in_use(self, timeout: float) -> set[str]:
        """Transfers of which anybody still refers to a block.

        Parameters
        ----------
        timeout : float
            Seconds to wait for all keepers.

        Raises
        ------
        ray.exceptions.RayError
            When one that lives does not answer.
        """
        import ray

        asked = [actor.in_use.remote() for actor in self.known().values()]
        if asked:
            ray.wait(asked, num_returns=len(asked), timeout=timeout)
        found: set[str] = set()
        for answer in asked:
            with contextlib.suppress(ray.exceptions.ActorDiedError):  # and its blocks with it
                found.update(ray.get(answer, timeout=0))
        return found

    def end_all(self) -> None:
        """End all keepers; what they own is lost."""
        import ray

        actors = self.known()
        self._actors, self._sockets = {}, {}
        goodbyes = [actor.close.remote() for actor in actors.values()]
        with contextlib.suppress(Exception):
            ray.wait(goodbyes, num_returns=len(goodbyes), timeout=3) if goodbyes else None
        for actor in actors.values():
            with contextlib.suppress(Exception):
                ray.kill(actor)

    def _forget_other_rays(self) -> None:
        """Handles are good for the Ray that made them; in another one a call to them fails."""
        session = ray_session.identity()
        if session != self._session:
            self._session, self._actors, self._sockets = session, {}, {}
            self._token = secrets.token_hex(32)

    def _forget_dead(self, alive: list[str]) -> None:
        asked = {node: actor for node, actor in self._actors.items() if node in alive}
        answering = self.answering(asked)
        for node in self._actors.keys() - answering:
            del self._actors[node], self._sockets[node]

    @staticmethod
    def answering(actors: dict[str, Any]) -> set[str]:
        """The nodes of those among these keepers that live."""
        import ray

        asked = {node: actor.socket.remote() for node, actor in actors.items()}
        found = set()
        for node, answer in asked.items():
            with contextlib.suppress(ray.exceptions.RayError):
                ray.get(answer, timeout=START_TIMEOUT)
                found.add(node)
        return found


keepers = _Keepers()
