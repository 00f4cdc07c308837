"""RayOnSpark: the handle that a person holds."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar, cast

from raydp_magic.cluster.cluster import Cluster
from raydp_magic.engine import ray_session
from raydp_magic.engine.log_part import read_log
from raydp_magic.engine.offered_ray import nodes_at, offer
from raydp_magic.engine.runtime_dir import tail
from raydp_magic.errors import UsageError
from raydp_magic.on_spark.machines import rooms_to_come

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from raydp_magic.bridge.ledger import LedgerEntry
    from raydp_magic.cluster.supervisor import Supervisor
    from raydp_magic.engine.driver import DriverJvm
    from raydp_magic.engine.log_part import LogPart, Stream
    from raydp_magic.on_spark.launching import Launch
    from raydp_magic.on_spark.request import OnSparkSpec
    from raydp_magic.on_spark.surroundings import Surroundings
    from raydp_magic.on_spark.watch import Watch

RAY = "ray"
DRIVER = "driver"


class RayOnSpark(Cluster):
    """A Ray whose nodes are tasks of a Spark application. Made by `start_ray_on_spark`.

    Usable as a context manager: leaving the block stops it. Its executors are Spark's own; they
    are shown, and not ours to start or to replace.

    Attributes
    ----------
    address : str
        HOST:PORT of Ray. ``ray.init()`` connects to it; so does Ray itself when it is first used,
        and the bridge.
    dashboard_url : str or None
        Ray's dashboard.
    lost : list of LedgerEntry
        After :meth:`stop`: results of the bridge that you still refer to, and that went with Ray.
    """

    actions: ClassVar[tuple[str, ...]] = ("cancel", "release", "stop", "logs")
    may_be_unconnected: ClassVar[bool] = True

    def __init__(
        self,
        spec: OnSparkSpec,
        *,
        driver: DriverJvm,
        launch: Launch,
        watch: Watch,
        surroundings: Surroundings,
        versions: dict[str, str],
        on_stopped: Callable[[Cluster], None],
    ) -> None:
        self.lost: list[LedgerEntry] = []
        self._launch = launch
        self._surroundings = surroundings
        super().__init__(
            spec,
            driver=driver,
            supervisor=cast("Supervisor", watch),  # as much of one as a cluster needs
            ray=ray_session.RayConnection(
                launch.address,
                owned=False,  # `_give_back` ends it, in its own order
                node_ip=launch.address.rpartition(":")[0],
                dashboard_url=launch.dashboard_url,
            ),
            versions=versions,
            on_stopped=on_stopped,
        )

    @property
    def address(self) -> str:
        """HOST:PORT of Ray."""
        return self.ray.address

    @property
    def dashboard_url(self) -> str | None:
        """Ray's dashboard."""
        return self.ray.dashboard_url

    def nodes(self) -> list[ray_session.NodeRoom]:
        """Ray's live nodes, the head first, with their total and free resources."""
        return nodes_at(self.address)

    def rooms(self) -> list[ray_session.NodeRoom]:
        """As `nodes`: this process need not be connected."""
        return self.nodes()

    def rooms_to_come(self) -> list[ray_session.NodeRoom]:
        """Nodes that Ray's autoscaler may still ask Spark for, as far as there is one."""
        return rooms_to_come(cast("OnSparkSpec", self.spec), self.nodes())

    def usable_nodes(self) -> list[ray_session.NodeRoom]:
        """Ray's live nodes."""
        return self.nodes()

    def executor_places(self) -> dict[str, list[str]]:
        """By Ray node id, the executors on its machine as Spark names them."""
        slots = [slot for slot in self.slots() if slot.phase == "up"]
        return {
            room.node_id: [
                f"executor_{slot.node}_{slot.executor_id}" for slot in slots if slot.node == room.ip
            ]
            for room in self.nodes()
        }

    def scale(self, executors: int) -> NoReturn:
        """It has no executors of ours to scale.

        Raises
        ------
        UsageError
            Always; says how Ray on Spark grows.
        """
        del executors
        raise UsageError(
            "Ray on Spark is not scaled by executors",
            hint="start it with --min-worker-nodes and --max-worker-nodes: Ray's autoscaler then "
            "follows the load.",
        )

    def restart(self, executor: str) -> NoReturn:
        """Spark looks after its executors itself.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(f"Executor {executor} is Spark's own", hint="Spark replaces it itself.")

    def remove(self, executor: str) -> NoReturn:
        """Spark looks after its executors itself.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(
            f"Executor {executor} is Spark's own", hint="the Spark cluster decides which there are."
        )

    def executor_ids(self) -> list[str]:
        """Whose logs there are beside the driver's: Ray's."""
        return [RAY]

    def logs(
        self, executor: str | None = None, lines: int = 50, stream: Stream | None = None
    ) -> str:
        """Last log lines.

        Parameters
        ----------
        executor : str, optional
            ``"ray"`` or ``"driver"``; both by default. Spark's UI has those of its executors.
        lines : int
            Lines of each.
        stream : None
            Each is one log.

        Raises
        ------
        UsageError
            When there is no such log.
        """
        names = (RAY, DRIVER) if executor is None else (self._log_of(executor),)
        _one_log(stream)
        parts = []
        for name in names:
            text = tail(self._log_path(name), lines)
            if name == DRIVER and not text:
                text = self._last_log.splitlines()[-lines:] or ["(its session's own place)"]
            parts += [f"--- {name} ---", *(text or ["(nothing yet)"])]
        return "\n".join(parts)

    def follow_log(
        self,
        executor: str,
        lines: int = 200,
        after: int | None = None,
        stream: Stream | None = None,
    ) -> LogPart:
        """Log lines that came since the last ones; see `Cluster.follow_log`."""
        path = self._log_path(self._log_of(executor))
        _one_log(stream)
        return read_log(path, after, lines)

    def _log_of(self, name: str) -> str:
        if name in (RAY, DRIVER):
            return name
        raise UsageError(
            f"No log {name!r} here",
            hint=f"there are: {RAY}, {DRIVER}. Spark's UI has those of its executors.",
        )

    def _log_path(self, name: str) -> Any:
        return self._surroundings.log if name == RAY else self.driver.log

    def _give_back(self, *, hurry: bool) -> None:
        """End Ray, whose objects go with it, and then the Spark that was started for it."""
        offer(None)
        try:
            if not hurry:
                with contextlib.suppress(Exception):  # Ray may be gone
                    self.lost = self._stop_bridge()
            self._launch.end(hurry=hurry)
        finally:
            ray_session.disconnect()
            self._supervisor.stop()
            self._surroundings.close()
            self.driver.stop(1.0 if hurry else 5.0)

    def __repr__(self) -> str:
        return f"<RayOnSpark {self.state}: {self.address}, {self.spec.describe()}>"


def _one_log(stream: Stream | None) -> None:
    if stream is not None:
        raise UsageError("Ray and the driver have one log each", hint="leave the stream out.")
