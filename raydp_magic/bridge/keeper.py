"""The keeper: a zero-CPU Ray actor, one a node, owner of the blocks that Spark gave to Ray.

Blocks belong to the process that puts them. Keepers outlive executors, so data survives
``stop``; a keeper with nothing left to keep is ended then.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import tempfile
import threading
import uuid
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Listener
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge.arrow_values import readable
from raydp_magic.bridge.look import Found, look_at
from raydp_magic.bridge.references import Lent, referred
from raydp_magic.engine.runtime_dir import PREFIX, RuntimeDir
from raydp_magic.errors import BridgeError, DataLostError, RaydpMagicError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from raydp_magic.bridge.flight_server import BlockServer, Door
    from raydp_magic.bridge.mapping import Mapper, MapSession

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - Linux's memory-backed folder


@dataclass(frozen=True)
class Held:
    """What a Ray -> Spark DataFrame reads: refs of Arrow tables, and in which schema."""

    refs: list[Any]
    schema: Any
    truncate_timestamps: bool

    def slices(self, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """A block in Spark's types."""
        return readable(table, self.schema, truncate_timestamps=self.truncate_timestamps)


@dataclass
class Served:
    """One connection of a Spark task: files that must not outlive it, and its batches in Ray."""

    connection: Connection
    files: set[str] = field(default_factory=set)
    batches: MapSession | None = None

    def is_gone(self) -> bool:
        """Whether the task has hung up; while it waits for an answer it says nothing else."""
        return self.connection.poll(0)

    def close(self) -> None:
        """Cancel and remove what it left."""
        if self.batches is not None:
            self.batches.close()
        for path in self.files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


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
        self._counts: dict[str, tuple[int, int]] = {}  # rows and bytes given so far
        self._lent = Lent()  # what `take` has given out
        self._held: dict[str, Held] = {}  # Ray -> Spark
        self._mappers: dict[str, Mapper] = {}  # Spark -> Ray -> Spark
        self._closed: set[str] = set()  # a late attempt's block must not stay for good
        self._servers: dict[bool, BlockServer] = {}  # with TLS and without
        self._lock = threading.Lock()
        self._listener = Listener(str(self._dir.path / "socket"), family="AF_UNIX", backlog=64)
        threading.Thread(target=self._accept, name="raydp_magic-keeper", daemon=True).start()

    def socket(self) -> str:
        """Where Spark workers of this node reach this keeper."""
        return str(self._dir.path / "socket")

    def door(self, token: str, tls: bool) -> Door:
        """Where Spark workers of other machines reach it; starts listening there once."""
        import ray

        from raydp_magic.bridge.flight_server import BlockServer

        with self._lock:
            if tls not in self._servers:
                host = ray.util.get_node_ip_address()
                self._servers[tls] = BlockServer(self, host=host, token=token, tls=tls)
            return self._servers[tls].door

    def take(self, transfer: str, keys: list[str]) -> dict[str, list[Any]]:
        """Hand out the refs of these blocks, each in a list, and forget all of the transfer.

        Blocks of task attempts that Spark threw away are not among `keys`: they are freed.
        """
        with self._lock:
            self._closed.add(transfer)
            given = self._given.pop(transfer, {})
            self._counts.pop(transfer, None)
            kept = {key: [given[key]] for key in keys if key in given}
            self._lent.add(transfer, (ref.hex() for [ref] in kept.values()))
        return kept

    def in_use(self) -> list[str]:
        """Transfers of which anybody still refers to a block that this keeper gave out."""
        with self._lock:
            return self._lent.in_use(referred())

    def given(self, transfer: str) -> tuple[int, int]:
        """Rows and bytes that Spark's tasks have handed over so far."""
        with self._lock:
            return self._counts.get(transfer, (0, 0))

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
        if any(seen.problem is not None for seen in found):
            gc.collect()  # errors of `ray.get` refer to themselves, and to this frame and its refs
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

    def map_with(self, transfer: str, mapper: Mapper) -> None:
        """Keep what Spark tasks will send their batches through."""
        with self._lock:
            self._mappers[transfer] = mapper

    def drop(self, transfer: str) -> None:
        """Forget a transfer."""
        with self._lock:
            self._closed.add(transfer)
            self._given.pop(transfer, None)
            self._counts.pop(transfer, None)
            self._held.pop(transfer, None)
            self._mappers.pop(transfer, None)

    def close(self) -> None:
        """Remove this keeper's files, before the actor is ended."""
        with contextlib.suppress(OSError):
            self._listener.close()
        for server in self._servers.values():
            server.shutdown()
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
        served = Served(connection)
        try:
            with contextlib.suppress(EOFError, OSError), connection:
                while True:
                    answer = self._try_answer(json.loads(connection.recv_bytes()), served)
                    connection.send_bytes(json.dumps(answer).encode())
        finally:
            served.close()

    def _try_answer(self, request: dict[str, Any], served: Served) -> dict[str, Any]:
        try:
            return self._answer(request, served)
        except EOFError:
            raise
        except Exception as error:  # noqa: BLE001 - the task must hear of it, whatever it is
            known = type(error) is LookupError or isinstance(error, RaydpMagicError)
            return {"error": str(error) if known else f"{type(error).__name__}: {error}"}

    def _answer(self, request: dict[str, Any], served: Served) -> dict[str, Any]:
        match request["do"]:
            case "new":
                path = self._new_file(request["bytes"])
                served.files.add(path)
                return {"path": path}
            case "put":
                return self._put(request["transfer"], request["path"])
            case "get":
                path = self._get(request["transfer"], request["block"])
                served.files.add(path)
                return {"path": path}
            case "map":
                served.batches = self.open_map(request["transfer"])
                return {}
            case "submit":
                assert served.batches is not None
                served.batches.submit(_take_file(request["path"]))
                served.files.discard(request["path"])
                return {}
            case "result":
                return self._result(served)
            case other:
                raise ValueError(f"unknown request {other!r}")

    def _result(self, served: Served) -> dict[str, Any]:
        """Write the result of a task's oldest batch to a hand-off file."""
        import pyarrow as pa

        assert served.batches is not None
        table = served.batches.result(served.is_gone)
        served.files.clear()  # it has read those before
        if table.num_rows == 0:
            return {"path": None}
        path = self._new_file(table.nbytes)
        served.files.add(path)
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
        return {"path": path}

    def open_map(self, transfer: str) -> MapSession:
        """Begin to run a task's batches.

        Raises
        ------
        LookupError
            When the DataFrame's function is held no more.
        """
        with self._lock:
            mapper = self._mappers.get(transfer)
        if mapper is None:
            raise LookupError(
                "this DataFrame's function was released; make it again with `map_batches`"
            )
        return mapper.open()

    def _put(self, transfer: str, path: str) -> dict[str, Any]:
        """Take a block from its hand-off file."""
        return self.accept(transfer, _take_file(path))

    def accept(self, transfer: str, table: pa.Table) -> dict[str, Any]:
        """Put a block into the object store and own it; returns its key and bytes."""
        import ray

        table = table.combine_chunks()
        key, ref = uuid.uuid4().hex, ray.put(table)
        with self._lock:
            if transfer not in self._closed:
                self._given.setdefault(transfer, {})[key] = ref
                rows, size = self._counts.get(transfer, (0, 0))
                self._counts[transfer] = rows + table.num_rows, size + table.nbytes
        return {"key": key, "bytes": table.nbytes}

    def slices(self, transfer: str, block: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """A held block in Spark's types.

        Raises
        ------
        LookupError
            When it is held no more.
        """
        held, table = self._held_block(transfer, block)
        return held.schema, held.slices(table)

    def _held_block(self, transfer: str, block: int) -> tuple[Held, pa.Table]:
        import ray

        with self._lock:
            held = self._held.get(transfer)
        if held is None:
            raise LookupError(
                "this DataFrame came from Ray, and its blocks were released; make it again "
                "with `to_spark`"
            )
        return held, ray.get(held.refs[block])

    def _get(self, transfer: str, block: int) -> str:
        """Write a held block to a hand-off file in Spark's types; returns its path."""
        import pyarrow as pa

        held, table = self._held_block(transfer, block)
        path = self._new_file(table.nbytes)
        with pa.ipc.new_file(path, held.schema) as writer:
            for batch in held.slices(table):
                writer.write_batch(batch)
        return path

    def _new_file(self, size: int) -> str:
        """A path in shared memory while that has room to spare, else on the disk."""
        fast = self._fast is not None and shutil.disk_usage(self._fast).free > 4 * size
        folder = self._fast if fast and self._fast is not None else self._slow
        return os.path.join(folder, uuid.uuid4().hex)


def _take_file(path: str) -> pa.Table:
    """What is in a hand-off file, which goes: the memory stays while the table does."""
    import pyarrow as pa

    with pa.memory_map(path) as source:
        os.unlink(path)
        return pa.ipc.open_file(source).read_all()
