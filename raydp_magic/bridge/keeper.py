"""Keepers: one zero-CPU Ray actor a node, owner of the blocks that Spark gave to Ray.

Blocks belong to the process that puts them. Keepers outlive executors, so data survives
``stop``; a keeper with nothing left to keep is ended then.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import threading
import uuid
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Listener
from typing import Any

from raydp_magic.bridge.arrow_values import readable
from raydp_magic.bridge.look import Found, look_at
from raydp_magic.engine import ray_session
from raydp_magic.engine.runtime_dir import PREFIX, RuntimeDir
from raydp_magic.errors import BridgeError, DataLostError, UsageError

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - Linux's memory-backed folder
START_TIMEOUT = 60.0


@dataclass(frozen=True)
class Endpoint:
    """Where a node's keeper listens."""

    node_id: str
    socket: str


@dataclass(frozen=True)
class Held:
    """What a Ray -> Spark DataFrame reads: refs of Arrow tables, and in which schema."""

    refs: list[Any]
    schema: Any
    truncate_timestamps: bool


class KeeperActor:
    """Runs on a Ray worker; talks to Spark's Python workers of its node over a Unix socket."""

    def __init__(self) -> None:
        import ray

        self._node_id = ray.get_runtime_context().get_node_id()
        fast = None
        if os.path.isdir(SHARED_MEMORY) and os.access(SHARED_MEMORY, os.W_OK):
            fast = tempfile.mkdtemp(prefix=f"{PREFIX}keeper-", dir=SHARED_MEMORY)
        self._dir = RuntimeDir("keeper", also=(fast,) if fast else ())
        self._fast = fast
        self._slow = self._dir.folder("blocks")
        self._given: dict[str, dict[str, Any]] = {}  # Spark -> Ray: transfer -> key -> ref
        self._held: dict[str, Held] = {}  # Ray -> Spark
        self._closed: set[str] = set()  # a late attempt's block must not stay for good
        self._lock = threading.Lock()
        self._listener = Listener(str(self._dir.path / "socket"), family="AF_UNIX", backlog=64)
        threading.Thread(target=self._accept, name="raydp_magic-keeper", daemon=True).start()

    def endpoint(self) -> Endpoint:
        """Where Spark workers of this node reach this keeper."""
        return Endpoint(self._node_id, str(self._dir.path / "socket"))

    def take(self, transfer: str, keys: list[str]) -> dict[str, list[Any]]:
        """Hand out the refs of these blocks, each in a list, and forget all of the transfer.

        Blocks of task attempts that Spark threw away are not among `keys`: they are freed.
        """
        with self._lock:
            self._closed.add(transfer)
            given = self._given.pop(transfer, {})
        return {key: [given[key]] for key in keys if key in given}

    def look(self, refs: list[Any], truncate_timestamps: bool) -> list[Found]:
        """Look at blocks; the Arrow form of those that are none is put, as a ref in a tuple."""
        import ray

        found = []
        for ref in refs:
            try:
                seen = look_at(ray.get(ref), truncate_timestamps=truncate_timestamps)
            except ray.exceptions.RayTaskError as error:
                why = f"The task that makes a block failed: {error.cause}"
                seen = Found(problem=BridgeError(why))
            except ray.exceptions.RayError as error:
                why = f"A block is gone: {str(error).splitlines()[0]}"
                seen = Found(problem=DataLostError(why))
            found.append(replace(seen, arrow=tuple(map(ray.put, seen.arrow))))
        return found

    def widen(self, refs: list[Any], schema: Any, truncate_timestamps: bool) -> str | None:
        """Try to bring blocks into a common schema; returns why a value does not fit."""
        import pyarrow as pa
        import ray

        try:
            for ref in refs:
                for _ in readable(ray.get(ref), schema, truncate_timestamps=truncate_timestamps):
                    pass
        except pa.ArrowException as error:
            return " ".join(str(error).split())
        return None

    def hold(self, transfer: str, held: Held) -> None:
        """Keep refs for Ray -> Spark tasks, which ask for them by number."""
        with self._lock:
            self._held[transfer] = held

    def drop(self, transfer: str) -> None:
        """Forget a transfer."""
        with self._lock:
            self._closed.add(transfer)
            self._given.pop(transfer, None)
            self._held.pop(transfer, None)

    def close(self) -> None:
        """Remove this keeper's files, before the actor is ended."""
        with contextlib.suppress(OSError):
            self._listener.close()
        self._dir.close()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        """Answer one task until it goes, then remove the files that it left."""
        files: set[str] = set()
        with contextlib.suppress(EOFError, OSError), connection:
            while True:
                request = json.loads(connection.recv_bytes())
                try:
                    answer = self._answer(request, files)
                except Exception as error:  # noqa: BLE001 - the task must hear of it, whatever it is
                    known = type(error) is LookupError
                    answer = {"error": str(error) if known else f"{type(error).__name__}: {error}"}
                connection.send_bytes(json.dumps(answer).encode())
        for path in files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _answer(self, request: dict[str, Any], files: set[str]) -> dict[str, Any]:
        match request["do"]:
            case "new":
                path = self._new_file(request["bytes"])
                files.add(path)
                return {"path": path}
            case "put":
                return self._put(request["transfer"], request["path"])
            case "get":
                path = self._get(request["transfer"], request["block"])
                files.add(path)
                return {"path": path}
            case other:
                raise ValueError(f"unknown request {other!r}")

    def _put(self, transfer: str, path: str) -> dict[str, Any]:
        """Copy a block from its hand-off file into the object store."""
        import pyarrow as pa
        import ray

        try:
            with pa.memory_map(path) as source:
                table = pa.ipc.open_file(source).read_all().combine_chunks()
                key, size = uuid.uuid4().hex, table.nbytes
                ref = ray.put(table)
        finally:
            os.unlink(path)
        with self._lock:
            if transfer not in self._closed:
                self._given.setdefault(transfer, {})[key] = ref
        return {"key": key, "bytes": size}

    def _get(self, transfer: str, number: int) -> str:
        """Write a held block to a hand-off file in Spark's types; returns its path."""
        import pyarrow as pa
        import ray

        with self._lock:
            if transfer not in self._held:
                raise LookupError(
                    "this DataFrame came from Ray, and its blocks were released; make it again "
                    "with `to_spark`"
                )
            held = self._held[transfer]
        table = ray.get(held.refs[number])
        path = self._new_file(table.nbytes)
        with pa.ipc.new_file(path, held.schema) as writer:
            for batch in readable(table, held.schema, truncate_timestamps=held.truncate_timestamps):
                writer.write_batch(batch)
        return path

    def _new_file(self, size: int) -> str:
        """A path in shared memory while that has room to spare, else on the disk."""
        fast = self._fast is not None and shutil.disk_usage(self._fast).free > 4 * size
        folder = self._fast if fast and self._fast is not None else self._slow
        return os.path.join(folder, uuid.uuid4().hex)


def need_ray() -> None:
    """Raise unless this process is connected to a Ray.

    Raises
    ------
    UsageError
        Saying how to connect. Ray's own calls would start a new one.
    """
    import ray

    if not ray.is_initialized():
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
        self._endpoints: dict[str, Endpoint] = {}

    def on_all_nodes(self) -> dict[str, Any]:
        """Actors by node id; makes those that are missing."""
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
            asked = {node: actor.endpoint.remote() for node, actor in fresh.items()}
            try:
                found = ray.get(list(asked.values()), timeout=START_TIMEOUT)
            except ray.exceptions.RayError as error:
                raise DataLostError(
                    f"No keeper could be started on a Ray node: {str(error).splitlines()[0]}",
                    hint="is raydp-magic installed on every node, in the version of this kernel?",
                ) from error
            self._actors |= fresh
            self._endpoints |= dict(zip(asked, found, strict=True))
            return dict(self._actors)

    def sockets(self) -> list[str]:
        """Socket paths of all keepers."""
        return [endpoint.socket for endpoint in self._endpoints.values()]

    def known(self) -> dict[str, Any]:
        """Keepers made so far, without making any."""
        with self._lock:
            self._forget_other_rays()
            return dict(self._actors)

    def end_all(self) -> None:
        """End all keepers; what they own is lost."""
        import ray

        actors = self.known()
        self._actors, self._endpoints = {}, {}
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
            self._session, self._actors, self._endpoints = session, {}, {}

    def _forget_dead(self, alive: list[str]) -> None:
        import ray

        for node, actor in list(self._actors.items()):
            ok = node in alive
            if ok:
                try:
                    ray.get(actor.endpoint.remote(), timeout=START_TIMEOUT)
                except ray.exceptions.RayError:
                    ok = False
            if not ok:
                del self._actors[node], self._endpoints[node]


keepers = _Keepers()
