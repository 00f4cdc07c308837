"""The Spark worker's side of `map_batches`: batches go to a keeper, results come in their order.

Shipped by value like :mod:`raydp_magic.bridge.handoff`: the standard library and pyarrow only.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from raydp_magic.bridge.handoff import one_line, spare_the_collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW_BATCHES = 64
WINDOW_BYTES = 64 * 1024 * 1024


class Window:
    """How much of one Spark task is in flight: so many batches, or fewer large ones.

    One is always let in, and a second, so that Ray has work while a result is taken.
    """

    def __init__(self) -> None:
        self._costs: deque[int] = deque()
        self._result = 0  # bytes of the last one: the next are expected to be like it

    def __len__(self) -> int:
        return len(self._costs)

    def has_room(self, size: int) -> bool:
        """Whether a batch of so many bytes may be sent."""
        if len(self._costs) < 2:
            return True
        total = sum(self._costs) + size + (len(self._costs) + 1) * self._result
        return len(self._costs) < WINDOW_BATCHES and total <= WINDOW_BYTES

    def sent(self, size: int) -> None:
        """A batch was sent."""
        self._costs.append(size)

    def taken(self, size: int) -> None:
        """The oldest batch's result, of so many bytes, was taken."""
        self._costs.popleft()
        self._result = size


def sized(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, rows: int
) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly so many rows, the last with what is left.

    Parameters
    ----------
    batches : iterator of RecordBatch
        As the JVM cuts them.
    schema : pyarrow.Schema
        Gives the columns their names, nullability and notes; their types are the JVM's.
    rows : int
        Rows of a batch.
    """
    parts: list[pa.RecordBatch] = []
    have = 0
    for batch in batches:
        fields = [f.with_type(c.type) for f, c in zip(schema, batch.columns, strict=True)]
        named = pa.RecordBatch.from_arrays(batch.columns, schema=pa.schema(fields))
        start = 0
        while start < named.num_rows:
            part = named.slice(start, rows - have)
            parts.append(part)
            start += part.num_rows
            have += part.num_rows
            if have == rows:
                yield _joined(parts)
                parts, have = [], 0
    if parts:
        yield _joined(parts)


def _joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(parts) == 1:
        return parts[0]
    [batch] = pa.Table.from_batches(parts).combine_chunks().to_batches()
    return batch


def map_through(
    batches: Iterator[pa.RecordBatch],
    *,
    connect: Callable[[int], Any],
    transfer: str,
    schema: pa.Schema,
    batch_size: int,
) -> Iterator[pa.RecordBatch]:
    """Body of the Spark task: each batch through Ray.

    When it ends early, whatever ends it, its connection closes, and the keeper cancels what is
    in flight.
    """
    from pyspark import TaskContext

    spare_the_collector()
    context = TaskContext.get()
    keeper: Any = None
    ray_side: Any = None
    window = Window()

    def take() -> Iterator[pa.RecordBatch]:
        size = 0
        for batch in ray_side.result():
            size += batch.nbytes
            yield batch
        window.taken(size)

    with one_line():
        try:
            for batch in sized(batches, schema, batch_size):
                if keeper is None:
                    keeper = connect(context.partitionId() if context is not None else 0)
                    ray_side = keeper.open_map(transfer, batch.schema)
                while not window.has_room(batch.nbytes):
                    yield from take()
                ray_side.submit(batch)
                window.sent(batch.nbytes)
            while len(window):
                yield from take()
        finally:
            if keeper is not None:
                keeper.close()
