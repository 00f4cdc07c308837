"""One schema for several blocks, or the column at which they do not go together."""

from __future__ import annotations

import pyarrow as pa
import pytest

from raydp_magic.bridge.blocks import unify
from raydp_magic.errors import UnsupportedTypeError


def test_columns_are_matched_by_name_and_widened():
    narrow = pa.schema([pa.field("a", pa.int32(), nullable=False)])
    wide = pa.schema([("b", pa.string()), pa.field("a", pa.int64(), nullable=False)])
    assert unify([narrow, wide]) == pa.schema(
        [pa.field("a", pa.int64(), nullable=False), ("b", pa.string())]
    )


@pytest.mark.parametrize(
    ("types", "says"),
    [
        ([pa.int64(), pa.string()], "int64 in one block and string in another"),
        ([pa.null(), pa.int8(), pa.int64(), pa.bool_()], "int64 in one block and bool in another"),
        ([pa.list_(pa.int8()), pa.int8()], "list<item: int8> in one block and int8 in another"),
    ],
    ids=str,
)
def test_types_without_a_common_one_are_told_with_their_column(types, says):
    with pytest.raises(UnsupportedTypeError) as caught:
        unify([pa.schema([("same", pa.int8()), ("odd", kind)]) for kind in types])
    assert (caught.value.column, caught.value.type) == ("odd", says)
    assert "Dataset.map_batches" in caught.value.hint
