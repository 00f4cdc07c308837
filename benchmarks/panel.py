"""CPU of one refresh of the panel with a big cluster, simulated: no Ray, no Spark.

    python benchmarks/panel.py [--nodes 1000] [--executors 10000] [--rounds 15]

Each round, a share of the executors has moved on as Spark's REST API would say. Measured is what
the kernel's process spends on building the snapshot, on its wire form, on the difference to the
one before and on that as JSON; beside it, what it spends on reading Spark's answer, which comes in
the background and whose pace follows its cost. Figure to reach: under 50 ms a refresh.
Nothing is asserted.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
from copy import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from raydp_magic.cluster.fleet import Slot
from raydp_magic.engine.executor import NodeLoad
from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.monitoring import diff
from raydp_magic.monitoring.readings import Readings
from raydp_magic.monitoring.records import Loads, RayWork
from raydp_magic.monitoring.sampler import assemble
from raydp_magic.monitoring.spark_rest import SparkNews, executor_rows
from raydp_magic.spec import make_spec

GIB = 1024**3


def simulated(nodes: int, executors: int) -> tuple[Any, Readings]:
    """A cluster that answers from memory, and what was read of it."""
    spec = make_spec(executors=executors, cores=4, memory="8g")
    slots = [
        Slot(n, "up", True, str(n), f"node-{n % nodes:04d}", tries=1) for n in range(executors)
    ]
    copies = [copy(slot) for slot in slots]
    rooms = [
        NodeRoom(
            f"node-{n:04d}",
            f"10.0.{n // 256}.{n % 256}",
            f"10.0.{n // 256}.{n % 256}",
            n == 0,
            {"CPU": 64.0, "memory": 256.0 * GIB, "object_store_memory": 64.0 * GIB},
            {"CPU": 24.0, "memory": 160.0 * GIB, "object_store_memory": 60.0 * GIB},
        )
        for n in range(nodes)
    ]
    cluster = SimpleNamespace(
        spec=spec,
        state="running",
        app_id="app-1",
        wanted=executors,
        versions={"Spark": "4.3.0"},
        actions=("scale", "stop"),
        problems=[],
        ray=SimpleNamespace(dashboard_url="http://127.0.0.1:8265"),
        driver=SimpleNamespace(session=None),
        # As the supervisor's: the same copy while nothing has changed.
        slots=lambda: [
            b if vars(a) == vars(b) else copy(a) for a, b in zip(slots, copies, strict=True)
        ],
    )
    readings = Readings(cluster, 1.5)  # type: ignore[arg-type]  # a stand-in
    readings.rooms.value = rooms
    readings.loads.value = Loads(
        {room.node_id: NodeLoad(room.node_id, 50.0, 100 * GIB, 256 * GIB) for room in rooms},
        {str(n): 5 * GIB for n in range(executors)},
    )
    readings.work.value = RayWork(tasks={room.node_id: 3 for room in rooms}, actors={})
    readings.spark.value = SparkNews(executor_rows(answer(executors)))
    return cluster, readings


def row(number: int) -> dict[str, Any]:
    """What Spark's REST API says of one executor, with the fields that nobody reads."""
    return {
        "id": str(number),
        "hostPort": f"10.0.0.{number % 256}:40000",
        "isActive": True,
        "rddBlocks": 12,
        "memoryUsed": GIB,
        "diskUsed": 0,
        "totalCores": 4,
        "maxTasks": 4,
        "activeTasks": 4,
        "failedTasks": 0,
        "completedTasks": 1000 + number,
        "totalTasks": 1004 + number,
        "totalDuration": 123456,
        "totalGCTime": 1234,
        "totalInputBytes": GIB,
        "totalShuffleRead": GIB,
        "totalShuffleWrite": GIB,
        "isBlacklisted": False,
        "maxMemory": 5 * GIB,
        "addTime": "2026-01-01T12:00:00.000GMT",
        "executorLogs": {},
        "memoryMetrics": {
            "usedOnHeapStorageMemory": GIB,
            "usedOffHeapStorageMemory": 0,
            "totalOnHeapStorageMemory": 5 * GIB,
            "totalOffHeapStorageMemory": 0,
        },
        "peakMemoryMetrics": {f"Metric{n}": 123456789 for n in range(30)},
        "attributes": {},
        "resources": {},
        "resourceProfileId": 0,
        "isExcluded": False,
        "excludedInStages": [],
    }


def answer(executors: int) -> bytes:
    """Spark's whole answer about its executors."""
    return json.dumps([row(number) for number in range(executors)]).encode()


def measure(nodes: int, executors: int, moving: float, rounds: int) -> dict[str, float]:
    """Median milliseconds of CPU of each part; `moving` is the share that changes in a round."""
    cluster, readings = simulated(nodes, executors)
    chance = random.Random(1)
    before = assemble(cluster, readings).to_wire()
    spark_says = answer(executors)
    spent: dict[str, list[float]] = {}
    for _ in range(rounds):
        # In their order: Spark's answer is read in one go, and so lies in memory.
        for number in sorted(chance.sample(range(executors), round(moving * executors))):
            seen = readings.spark.value.executors[str(number)]
            more = chance.randint(1, 9)
            active, completed, *others = seen
            readings.spark.value.executors[str(number)] = (active, completed + more, *others)
        # Ray's answer is always made of new objects; of its nodes the same share has changed.
        readings.rooms.value = [
            replace(room, total=dict(room.total), free=dict(room.free))
            for room in readings.rooms.value
        ]
        for room in chance.sample(readings.rooms.value, round(moving * nodes)):
            room.free["object_store_memory"] -= chance.randint(1, 9)
        gc.collect()  # the garbage of the simulation is not the kernel's
        marks = [time.process_time()]
        snapshot = assemble(cluster, readings)
        marks.append(time.process_time())
        after = snapshot.to_wire()
        marks.append(time.process_time())
        change = diff.make(before, after)
        marks.append(time.process_time())
        text = json.dumps(change)
        marks.append(time.process_time())
        assert diff.apply(before, change) == after
        before = after
        for name, start, end in zip(
            ("snapshot", "wire form", "difference", "JSON"), marks, marks[1:], strict=False
        ):
            spent.setdefault(name, []).append((end - start) * 1000)
        together = marks[-1] - marks[0]
        start = time.process_time()
        executor_rows(spark_says)
        reading = time.process_time() - start
        spent.setdefault("Spark's answer", []).append(reading * 1000)
        spent.setdefault("total", []).append((together + reading) * 1000)
        spent.setdefault("kB sent", []).append(len(text) / 1000)
    return {name: statistics.median(values) for name, values in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--executors", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(f"{options.nodes} nodes, {options.executors} executors; median ms of CPU a refresh")
    table = {
        share: measure(options.nodes, options.executors, share, options.rounds)
        for share in (0.0, 0.05, 0.25, 1.0)
    }
    print(f"{'executors that changed':<24}" + "".join(f"{share:>10.0%}" for share in table))
    for name in table[0.0]:
        print(f"{name:<24}" + "".join(f"{row[name]:>10.1f}" for row in table.values()))


if __name__ == "__main__":
    main()
