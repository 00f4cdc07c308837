"""How one Spark task's batches are cut and how many are in flight."""

import pyarrow as pa
import pytest

from raydp_magic.bridge.map_handoff import WINDOW_BATCHES, WINDOW_BYTES, Window, sized

SCHEMA = pa.schema([pa.field("a.b", pa.int64(), metadata={b"k": b"v"})])


def cut(sizes, rows):
    ids = iter(range(sum(sizes)))
    batches = [
        pa.RecordBatch.from_pydict({"c0": [next(ids) for _ in range(size)]}) for size in sizes
    ]
    return list(sized(iter(batches), SCHEMA, rows))


@pytest.mark.parametrize("sizes", [[10], [3, 3, 4], [1] * 10, [0, 10, 0], [9, 1]])
@pytest.mark.parametrize("rows", [1, 3, 4, 10, 11])
def test_every_batch_has_so_many_rows_but_the_last(sizes, rows):
    found = cut(sizes, rows)
    assert [batch.num_rows for batch in found[:-1]] == [rows] * (len(found) - 1)
    assert 0 < found[-1].num_rows <= rows
    assert [n for batch in found for n in batch.column(0).to_pylist()] == list(range(10))
    assert {batch.schema.field(0).name for batch in found} == {"a.b"}
    assert found[0].schema.field(0).metadata == {b"k": b"v"}


def test_no_rows_give_no_batch():
    assert cut([0, 0], 5) == []
    assert cut([], 5) == []


def filled(size, result=0):
    window = Window()
    window.sent(size)
    window.taken(result)
    while window.has_room(size):
        window.sent(size)
    return len(window)


def test_small_batches_are_bounded_by_their_number_and_large_ones_by_bytes():
    assert filled(100) == WINDOW_BATCHES
    assert filled(WINDOW_BYTES // 4) == 4
    assert filled(10 * WINDOW_BYTES) == 2


def test_results_count_as_the_last_one_was():
    assert filled(100, result=WINDOW_BYTES // 8) == 7
    assert filled(100, result=WINDOW_BYTES) == 2
