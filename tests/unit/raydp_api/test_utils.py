"""`raydp.utils` gives RayDP's results."""

import numpy as np
import pytest

from raydp_magic.errors import UsageError
from raydp_magic.raydp.utils import convert_to_spark, divide_blocks, parse_memory_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10", 10),
        ("10K", 10 * 2**10),
        ("10 kb", 10 * 2**10),
        ("1.5M", 3 * 2**19),
        ("4GB", 4 * 2**30),
        ("1T", 2**40),
        (" 7b ", 7),
    ],
)
def test_memory(text, size):
    assert parse_memory_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "10X", "-1K"])
def test_what_is_no_memory(text):
    with pytest.raises(UsageError, match="amount of memory"):
        parse_memory_size(text)


def test_blocks_are_divided_evenly():
    assert divide_blocks([5, 5, 5, 5], 2) == {0: [(0, 5), (2, 5)], 1: [(1, 5), (3, 5)]}
    shares = divide_blocks([5, 1, 9, 2, 4], 3)
    assert [sum(rows for _, rows in share) for share in shares.values()] == [7, 7, 7]
    assert all(rows <= [5, 1, 9, 2, 4][index] for share in shares.values() for index, rows in share)
    with pytest.raises(UsageError, match="1 blocks"):
        divide_blocks([5], 2)


def test_a_shuffle_has_a_seed_and_leaves_numpy_s_own_generator_alone():
    legacy = np.random.mtrand._rand
    before = legacy.get_state()[1].tolist()
    one, other = (divide_blocks(range(1, 20), 4, shuffle=True, shuffle_seed=n) for n in (1, 2))
    assert one == divide_blocks(range(1, 20), 4, shuffle=True, shuffle_seed=1)
    assert one != other
    assert legacy.get_state()[1].tolist() == before


def test_what_is_no_dataframe_of_spark():
    with pytest.raises(UsageError, match="not list"):
        convert_to_spark([1])
