"""What a keeper needs to run batches through Ray for Spark's tasks; see `raydp_magic.ray_udf`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa


class MapSession(Protocol):
    """The batches of one attempt of a Spark task."""

    def submit(self, table: pa.Table) -> None:
        """Run a batch; returns before it has run."""

    def result(self, given_up: Callable[[], bool]) -> pa.Table:
        """Wait for the oldest batch's result; raises EOFError when `given_up` says so."""

    def close(self) -> None:
        """Cancel what is in flight."""


class Mapper(Protocol):
    """What a DataFrame's batches go through; the kernel makes it and the keepers hold it."""

    def open(self) -> MapSession:
        """For one attempt of a Spark task."""
