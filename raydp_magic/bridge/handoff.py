"""The Spark worker's side: hand blocks to, and take them from, the keeper of the same node.

Spark workers get this module by value (see `by_value`), so that they need no raydp_magic
installed: it imports the standard library and pyarrow only, and nothing of this package.

Data moves as Arrow IPC files in shared memory; a Unix socket carries one short JSON message and
its answer for each block. For workers on a machine without a Ray node there is
:mod:`raydp_magic.bridge.flight_client`, which has the same methods as `KeeperHere`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from multiprocessing.connection import Client
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NODE_VARIABLE = "RAYDP_MAGIC_NODE"
"""As in :mod:`raydp_magic.engine.launch`: the id of the Ray node that this worker is on."""


GONE = """\
raydp_magic: the Ray that this DataFrame was made with has ended, or a node of it
Hint: make the DataFrame again; what is to outlive a Ray must be written before."""


def keeper_here(sockets: dict[str, str]) -> KeeperHere | None:
    """Connect to the keeper of this node, if the machine has one; `sockets` are by node id."""
    own = sockets.get(os.environ.get(NODE_VARIABLE, ""))
    for path in [own] if own else sockets.values():  # a socket's path is unique to its machine
        if os.path.exists(path):
            return KeeperHere(path)
    return None


def connect(partition: int, *, sockets: dict[str, str]) -> KeeperHere:  # noqa: ARG001 - see flight_client
    """The keeper of this worker's node."""
    found = keeper_here(sockets)
    if found is None:
        raise RuntimeError(
            "raydp_magic: this Spark worker runs on a machine without a Ray node of the cluster, "
            "or that Ray has ended"
        )
    return found


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """For a block, say in one line that no keeper answers."""
    try:
        yield
    except Exception as error:
        hung_up = isinstance(error, (ConnectionError, EOFError))
        if hung_up or type(error).__name__ == "FlightUnavailableError":
            raise RuntimeError(GONE) from None
        raise


class KeeperHere:
    """A connection to the keeper of the same machine.

    The keeper removes the files of blocks that were not given or read when the connection ends,
    however it ends.
    """

    def __init__(self, socket: str) -> None:
        self._connection: Any = Client(socket, family="AF_UNIX")

    def open_block(self, transfer: str, schema: pa.Schema, target_bytes: int) -> FileBlock:
        """A new block to write batches to."""
        path = self.ask({"do": "new", "bytes": target_bytes})["path"]
        return FileBlock(self, transfer, path, schema)

    def read(self, transfer: str, block: int) -> Iterator[pa.RecordBatch]:
        """The batches of a held block."""
        yield from self.read_file(
            self.ask({"do": "get", "transfer": transfer, "block": block})["path"]
        )

    def open_map(self, transfer: str, schema: pa.Schema) -> FileMap:  # noqa: ARG002 - see flight_client
        """Begin to send batches through Ray."""
        self.ask({"do": "map", "transfer": transfer})
        return FileMap(self)

    def read_file(self, path: str) -> Iterator[pa.RecordBatch]:
        """The batches of a hand-off file, which goes."""
        with pa.memory_map(path) as source:
            os.unlink(path)
            with pa.ipc.open_file(source) as reader:
                for index in range(reader.num_record_batches):
                    yield reader.get_batch(index)

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its answer."""
        self._connection.send_bytes(json.dumps(message).encode())
        answer: dict[str, Any] = json.loads(self._connection.recv_bytes())
        if "error" in answer:
            raise RuntimeError(f"raydp_magic: {answer['error']}")
        return answer

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class FileBlock:
    """A block that is being written to a hand-off file."""

    def __init__(self, keeper: KeeperHere, transfer: str, path: str, schema: pa.Schema) -> None:
        self._keeper = keeper
        self._request = {"do": "put", "transfer": transfer, "path": path}
        self._file = pa.ipc.new_file(path, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add a batch."""
        self._file.write_batch(batch)

    def give(self) -> dict[str, Any]:
        """Give the block to the keeper; returns its key and bytes."""
        self._file.close()
        return self._keeper.ask(self._request)


class FileMap:
    """Batches through Ray by hand-off files; each is submitted, then each has a result."""

    def __init__(self, keeper: KeeperHere) -> None:
        self._keeper = keeper

    def submit(self, batch: pa.RecordBatch) -> None:
        """Send a batch; returns before it has run."""
        path = self._keeper.ask({"do": "new", "bytes": batch.nbytes})["path"]
        with pa.ipc.new_file(path, batch.schema) as file:
            file.write_batch(batch)
        self._keeper.ask({"do": "submit", "path": path})

    def result(self) -> Iterator[pa.RecordBatch]:
        """What became of the oldest batch."""
        path = self._keeper.ask({"do": "result"})["path"]
        if path is not None:
            yield from self._keeper.read_file(path)


RECEIPT = pa.schema(
    [
        ("partition", pa.int64()),
        ("block", pa.int64()),
        ("key", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
    ]
)
"""What a Spark -> Ray task returns about each block."""

RECEIPT_DDL = "partition long, block long, key string, rows long, bytes long"
TOO_LARGE = -1
"""The `block` of a task that met a row too large for its batches: it has given nothing of use."""


class BlockWriter:
    """Writes batches to blocks of about `target_bytes` and gives each to the keeper.

    `close` returns one receipt a block: (number, key, rows, bytes).
    """

    def __init__(self, keeper: Any, *, transfer: str, target_bytes: int) -> None:
        self._keeper = keeper
        self._transfer = transfer
        self._target_bytes = target_bytes
        self._block: Any = None
        self._rows = 0
        self._size = 0
        self._receipts: list[tuple[int, str, int, int]] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Add a batch; gives the block away once it is large enough."""
        if batch.num_rows == 0:
            return
        if self._block is None:
            self._block = self._keeper.open_block(self._transfer, batch.schema, self._target_bytes)
            self._rows, self._size = 0, 0
        self._block.write(batch)
        self._rows += batch.num_rows
        self._size += batch.nbytes
        if self._size >= self._target_bytes:
            self._give()

    def close(self) -> list[tuple[int, str, int, int]]:
        """Give the last block away."""
        if self._block is not None:
            self._give()
        return self._receipts

    def _give(self) -> None:
        answer = self._block.give()
        self._block = None
        number = len(self._receipts)
        self._receipts.append((number, answer["key"], self._rows, answer["bytes"]))


def give_blocks(
    batches: Iterator[pa.RecordBatch],
    *,
    connect: Callable[[int], Any],
    transfer: str,
    schema: pa.Schema,
    target_bytes: int,
    watched: bool,
) -> Iterator[pa.RecordBatch]:
    """Body of the Spark -> Ray task: hand over blocks, yield one row about each.

    When `watched`, a last column is not null for a row that is too large (see
    :mod:`raydp_magic.bridge.batches`). The schema gives the columns their names, nullability and
    notes; their types are the JVM's.

    Every attempt of a task makes blocks of its own; the driver keeps those of the attempt whose
    rows Spark accepted.
    """
    from pyspark import TaskContext

    spare_the_collector()
    context = TaskContext.get()
    partition = context.partitionId() if context is not None else 0
    keeper = connect(partition)
    try:
        writer = BlockWriter(keeper, transfer=transfer, target_bytes=target_bytes)
        for batch in batches:
            columns = batch.columns
            if watched and columns.pop().null_count < batch.num_rows:
                receipts = [(TOO_LARGE, "", 0, 0)]
                for _ in batches:  # Spark wants its input read to the end
                    pass
                break
            fields = [f.with_type(c.type) for f, c in zip(schema, columns, strict=True)]
            writer.write(pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)))
        else:
            receipts = writer.close()
    finally:
        keeper.close()
    rows = [(partition, *receipt) for receipt in receipts]
    yield pa.RecordBatch.from_pylist(
        [dict(zip(RECEIPT.names, row, strict=True)) for row in rows], schema=RECEIPT
    )


def take_blocks(
    batches: Iterator[pa.RecordBatch], *, connect: Callable[[int], Any], transfer: str
) -> Iterator[pa.RecordBatch]:
    """Body of the Ray -> Spark task: for each block number of the input, yield its rows."""
    spare_the_collector()
    for batch in batches:
        for number in batch.column(0).to_pylist():
            with one_line():
                keeper = connect(number)
                try:
                    yield from keeper.read(transfer, number)
                finally:
                    keeper.close()


def spare_the_collector() -> None:
    """Let the garbage collector pass over what this worker has imported.

    PySpark collects garbage after every task, which costs some 35 ms with pandas and pyarrow
    imported: ten times a small task (*measured*). Frozen, the modules cost it nothing. Called at a
    task's start, just after such a collection: what is frozen then is no garbage.
    """
    import pyspark

    mark = "_raydp_magic_frozen"  # on a module that stays: this one comes anew with every task
    if getattr(pyspark, mark, 0) != len(sys.modules):
        setattr(pyspark, mark, len(sys.modules))
        gc.freeze()


def by_value(*modules: str) -> None:
    """Have PySpark ship the functions of this and other modules by value instead of by import."""
    from pyspark import cloudpickle

    for module in (__name__, *modules):
        cloudpickle.register_pickle_by_value(sys.modules[module])
