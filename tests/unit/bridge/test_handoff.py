"""What a Spark task says when no keeper answers."""

import pyarrow as pa
import pytest
from pyarrow import flight

from raydp_magic.bridge.handoff import take_blocks
from raydp_magic.bridge.map_handoff import map_through

NUMBERS = pa.RecordBatch.from_pydict({"id": [0]})


class Keeper:
    """One whose Ray ends."""

    def __init__(self, error):
        self.error = error
        self.closed = False

    def read(self, transfer, number):
        yield NUMBERS
        raise self.error

    def open_map(self, transfer, schema):
        raise self.error

    def close(self):
        self.closed = True


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "refused"), EOFError(), flight.FlightUnavailableError()]
)
def test_a_ray_that_has_ended_is_told_in_one_line(error):
    keeper = Keeper(error)
    with pytest.raises(RuntimeError, match="^raydp_magic: the Ray that this DataFrame was made"):
        list(take_blocks(iter([NUMBERS]), connect=lambda _: keeper, transfer="t"))
    assert keeper.closed
    mapping = {"transfer": "t", "schema": NUMBERS.schema, "batch_size": 1}
    with pytest.raises(RuntimeError, match="^raydp_magic: the Ray that this DataFrame was made"):
        list(map_through(iter([NUMBERS]), connect=lambda _: keeper, **mapping))


def test_other_errors_are_told_as_they_are():
    with pytest.raises(ValueError, match="mine"):
        list(
            take_blocks(iter([NUMBERS]), connect=lambda _: Keeper(ValueError("mine")), transfer="t")
        )
