"""What Ray, Spark and the bridge said last, each asked by a thread of its own."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from raydp_magic.bridge.ledger import ledger, prune
from raydp_magic.monitoring.gone import Death, Gone
from raydp_magic.monitoring.jobs import Forecast, at_most
from raydp_magic.monitoring.paced import Paced
from raydp_magic.monitoring.ray_look import LoadLook, check_connected, node_deaths, ray_work
from raydp_magic.monitoring.records import Loads, RayWork, Records, job_snapshot
from raydp_magic.monitoring.spark_rest import SparkNews, SparkRest
from raydp_magic.monitoring.timeline import Timeline

if TYPE_CHECKING:
    from raydp_magic.bridge.ledger import LedgerEntry
    from raydp_magic.bridge.transfers import Transfer
    from raydp_magic.cluster.cluster import Cluster
    from raydp_magic.engine.ray_session import NodeRoom
    from raydp_magic.monitoring.snapshot import JobSnapshot

PRUNE_SECONDS = 10.0
"""How long what is gone may be held yet in a snapshot: asking Ray which blocks live is not free."""


class Readings:
    """What Ray, Spark and the bridge said last about a cluster.

    Parameters
    ----------
    cluster : Cluster
        What to ask about.
    interval : float
        Seconds between two questions of a kind at least.
    """

    def __init__(self, cluster: Cluster, interval: float) -> None:
        def rooms() -> list[NodeRoom]:
            check_connected(cluster)
            return cluster.rooms()

        def freed() -> None:
            check_connected(cluster)
            prune()

        self._spark_rest = SparkRest(cluster.driver)
        self.epoch = time.time() - time.monotonic()
        self.rooms: Paced[list[NodeRoom]] = Paced(rooms, [], every=interval)
        self.loads = Paced(LoadLook(cluster), Loads(), every=interval)
        self.spark = Paced(self._spark_rest.news, SparkNews(), every=interval)
        self.work = Paced(lambda: ray_work(cluster), RayWork(), every=2 * interval)
        self.freed: Paced[None] = Paced(freed, None, every=PRUNE_SECONDS)
        self.deaths: Paced[dict[str, Death]] = Paced(
            lambda: node_deaths(cluster), {}, every=5 * interval
        )
        self.gone = Gone()
        self.timeline = Timeline()
        self.records = Records()
        self._forecasts: dict[int, Forecast] = {}
        self._names: dict[str, str] = {}
        self._all = (self.rooms, self.loads, self.spark, self.work, self.freed, self.deaths)

    @property
    def spark_ui(self) -> str | None:
        """Address of Spark's UI, while there is one."""
        return self._spark_rest.ui_url

    def ask(self, seconds: float, *, now: bool = False) -> None:
        """Ask what is due, and wait a little for the answers."""
        for one in self._all:
            one.begin(now=now)
        deadline = time.monotonic() + seconds
        for one in self._all:
            one.wait(max(0.0, deadline - time.monotonic()))

    def catch_up(self, seconds: float) -> None:
        """Ask Spark's driver, which is near and quick, once more: what ran since the last look."""
        if self.spark_ui is not None:
            self.spark.begin(now=True)
            self.spark.wait(seconds)

    def close(self) -> None:
        """Ask nothing more of a Ray that goes away."""
        deadline = time.monotonic() + 2
        for one in self._all:
            one.close(0)
        for one in self._all:
            one.wait(max(0.0, deadline - time.monotonic()))

    def bridge(self, moved: list[Transfer]) -> tuple[list[LedgerEntry], dict[str, str]]:
        """What the bridge holds, and how conversions are called, also when it is held no more.

        What has crossed is known here, without Ray: it is held from the moment of its end.
        """
        held = ledger(max_age=math.inf)
        bound = {one.transfer: one.name for one in held if one.is_bound}
        names = ((one.id, bound.get(one.held or one.id, self._names.get(one.id))) for one in moved)
        self._names = {transfer: name for transfer, name in names if name is not None}
        return held, self._names

    def jobs(self, slots: int, now: float) -> tuple[JobSnapshot, ...]:
        """The running jobs, each with how long it will still take; `slots` run tasks at once."""
        jobs = self.spark.value.jobs
        running = [at_most(job, slots) for job in jobs if job.state == "running"]
        self._forecasts = {j.id: self._forecasts.get(j.id) or Forecast() for j in running}
        return tuple(
            job_snapshot(job, self._forecasts[job.id].remaining(job, now)) for job in running
        )
