"""The Spark worker's side where its machine has no Ray node: Arrow Flight to a keeper elsewhere.

Shipped by value like :mod:`raydp_magic.bridge.handoff`: the standard library and pyarrow only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from raydp_magic.bridge.handoff import keeper_here

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa


def connect_anywhere(
    number: int,
    *,
    sockets: dict[str, str],
    doors: list[tuple[str, bytes | None]],
    homes: tuple[int, ...] | None,
    token: str,
) -> Any:
    """Reach the keeper of this machine, else one elsewhere by Flight.

    Parameters
    ----------
    number : int
        Of the partition or block.
    sockets : dict of str to str
        Sockets of all keepers by node id.
    doors : list of (str, bytes or None)
        Flight address of each keeper, and the certificate that it must show.
    homes : tuple of int, optional
        For each block, which door has it; by default the partitions are spread over all.
    token : str
        What the keepers ask for.
    """
    here = keeper_here(sockets)
    if here is not None:
        return here
    location, root = doors[number % len(doors) if homes is None else homes[number]]
    return KeeperElsewhere(location, root, token)


class KeeperElsewhere:
    """A Flight client with the methods of `handoff.KeeperHere`."""

    def __init__(self, location: str, root: bytes | None, token: str) -> None:
        from pyarrow import flight

        options = {} if root is None else {"tls_root_certs": root}
        self._client = flight.FlightClient(location, **options)
        headers = [(b"authorization", f"Bearer {token}".encode())]
        self._options = flight.FlightCallOptions(headers=headers)

    def open_block(self, transfer: str, schema: pa.Schema, target_bytes: int) -> FlightBlock:  # noqa: ARG002
        """A new block to write batches to."""
        from pyarrow import flight

        about = flight.FlightDescriptor.for_command(transfer.encode())
        return FlightBlock(*self._client.do_put(about, schema, self._options))

    def read(self, transfer: str, block: int) -> Iterator[pa.RecordBatch]:
        """The batches of a held block."""
        from pyarrow import flight

        ticket = flight.Ticket(json.dumps({"transfer": transfer, "block": block}).encode())
        for chunk in self._client.do_get(ticket, self._options):
            yield chunk.data

    def open_map(self, transfer: str, schema: pa.Schema) -> FlightMap:
        """Begin to send batches through Ray."""
        from pyarrow import flight

        about = flight.FlightDescriptor.for_command(transfer.encode())
        writer, reader = self._client.do_exchange(about, self._options)
        writer.begin(schema)
        return FlightMap(writer, reader)

    def close(self) -> None:
        """End the connection."""
        self._client.close()


class FlightBlock:
    """A block that is being sent."""

    def __init__(self, writer: Any, answers: Any) -> None:
        self._writer = writer
        self._answers = answers

    def write(self, batch: pa.RecordBatch) -> None:
        """Add a batch."""
        self._writer.write_batch(batch)

    def give(self) -> dict[str, Any]:
        """Give the block to the keeper; returns its key and bytes."""
        self._writer.done_writing()
        answer = self._answers.read()
        self._writer.close()  # raises what the keeper raised
        known: dict[str, Any] = json.loads(answer.to_pybytes())
        return known


class FlightMap:
    """Batches through Ray over one exchange; see `handoff.FileMap`.

    The two sides speak in turns: a batch asks for nothing, the word ``result`` for a result's
    batches, the last of which (or an empty message) says ``end``.
    """

    def __init__(self, writer: Any, reader: Any) -> None:
        self._writer = writer
        self._reader = reader

    def submit(self, batch: pa.RecordBatch) -> None:
        """Send a batch; returns before it has run."""
        self._writer.write_batch(batch)

    def result(self) -> Iterator[pa.RecordBatch]:
        """What became of the oldest batch."""
        self._writer.write_metadata(b"result")
        ended = False
        while not ended:
            chunk = self._reader.read_chunk()
            ended = chunk.app_metadata is not None and chunk.app_metadata.to_pybytes() == b"end"
            if chunk.data is not None:
                yield chunk.data
