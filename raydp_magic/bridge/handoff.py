"""The Spark worker's side: hand blocks to, and take them from, the keeper of the same node.

Spark workers get this module by value (see `by_value`), so that they need no raydp_magic
installed: it imports the standard library and pyarrow only, and nothing of this package.

Data moves as Arrow IPC files in shared memory; a Unix socket carries one short JSON message and
its answer for each block.
"""

from __future__ import annotations

import gc
import json
import os
from multiprocessing.connection import Client
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator


class KeeperUnreachableError(RuntimeError):
    """No keeper lives on this worker's node."""


def find_socket(sockets: list[str]) -> str:
    """The socket of this node's keeper: the one that exists here (its path is unique)."""
    for path in sockets:
        if os.path.exists(path):
            return path
    raise KeeperUnreachableError(
        "raydp_magic: this Spark worker runs on a machine without a Ray node of the cluster"
    )


def ask(connection: Any, message: dict[str, Any]) -> dict[str, Any]:
    """Send one request to the keeper and wait for its answer."""
    connection.send_bytes(json.dumps(message).encode())
    answer: dict[str, Any] = json.loads(connection.recv_bytes())
    if "error" in answer:
        raise RuntimeError(f"raydp_magic: {answer['error']}")
    return answer


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


class BlockWriter:
    """Writes batches to hand-off files of about `target_bytes` and gives each to the keeper.

    `close` returns one receipt a block: (number, key, rows, bytes). The keeper removes the file
    of a block that was not given when the connection ends, however it ends.
    """

    def __init__(self, connection: Any, *, transfer: str, target_bytes: int) -> None:
        self._connection = connection
        self._transfer = transfer
        self._target_bytes = target_bytes
        self._file: Any = None
        self._path = ""
        self._rows = 0
        self._size = 0
        self._receipts: list[tuple[int, str, int, int]] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Add a batch; gives the block away once it is large enough."""
        if batch.num_rows == 0:
            return
        if self._file is None:
            request = {"do": "new", "bytes": self._target_bytes}
            self._path = ask(self._connection, request)["path"]
            self._file, self._rows, self._size = pa.ipc.new_file(self._path, batch.schema), 0, 0
        self._file.write_batch(batch)
        self._rows += batch.num_rows
        self._size += batch.nbytes
        if self._size >= self._target_bytes:
            self._give()

    def close(self) -> list[tuple[int, str, int, int]]:
        """Give the last block away."""
        if self._file is not None:
            self._give()
        return self._receipts

    def _give(self) -> None:
        self._file.close()
        self._file = None
        request = {"do": "put", "transfer": self._transfer, "path": self._path}
        answer = ask(self._connection, request)
        number = len(self._receipts)
        self._receipts.append((number, answer["key"], self._rows, answer["bytes"]))


def give_blocks(
    batches: Iterator[pa.RecordBatch],
    *,
    sockets: list[str],
    transfer: str,
    schema: pa.Schema,
    target_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """Body of the Spark -> Ray task: hand over blocks, yield one row about each.

    The schema gives the columns their names, nullability and notes; their types are the JVM's.

    Every attempt of a task makes blocks of its own; the driver keeps those of the attempt whose
    rows Spark accepted.
    """
    from pyspark import TaskContext

    spare_the_collector()
    context = TaskContext.get()
    partition = context.partitionId() if context is not None else 0
    with Client(find_socket(sockets), family="AF_UNIX") as connection:
        writer = BlockWriter(connection, transfer=transfer, target_bytes=target_bytes)
        for batch in batches:
            fields = [f.with_type(c.type) for f, c in zip(schema, batch.columns, strict=True)]
            writer.write(pa.RecordBatch.from_arrays(batch.columns, schema=pa.schema(fields)))
        receipts = writer.close()
    rows = [(partition, *receipt) for receipt in receipts]
    yield pa.RecordBatch.from_pylist(
        [dict(zip(RECEIPT.names, row, strict=True)) for row in rows], schema=RECEIPT
    )


def take_blocks(
    batches: Iterator[pa.RecordBatch], *, sockets: list[str], transfer: str
) -> Iterator[pa.RecordBatch]:
    """Body of the Ray -> Spark task: for each block number of the input, yield its rows."""
    spare_the_collector()
    connection = None
    try:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                if connection is None:
                    connection = Client(find_socket(sockets), family="AF_UNIX")
                path = ask(connection, {"do": "get", "transfer": transfer, "block": number})["path"]
                with pa.memory_map(path) as source:
                    os.unlink(path)
                    with pa.ipc.open_file(source) as reader:
                        for index in range(reader.num_record_batches):
                            yield reader.get_batch(index)
    finally:
        if connection is not None:
            connection.close()


def spare_the_collector() -> None:
    """Let the garbage collector pass over what this worker has imported.

    PySpark collects garbage after every task, which costs some 35 ms with pandas and pyarrow
    imported: ten times a small task (*measured*). Frozen once, the modules cost it nothing.
    """
    import pyspark

    done = "_raydp_magic_frozen"  # on a module that stays: this one comes anew with every task
    if not hasattr(pyspark, done):
        setattr(pyspark, done, True)
        gc.freeze()


def by_value() -> None:
    """Have PySpark ship this module's functions by value instead of by import."""
    import sys

    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
