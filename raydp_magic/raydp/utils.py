"""RayDP's `raydp.utils`: the same names and results."""

from __future__ import annotations

import atexit
import math
import re
import signal
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MEMORY_SIZE_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
BLOCK_SIZE_BIT = 32
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)I?B?")


def get_node_address() -> str:
    """The address by which Ray knows this machine."""
    import ray

    return str(ray.util.get_node_ip_address())


def register_exit_handler(func: Callable[..., Any]) -> None:
    """Call a function when the process ends, and on SIGTERM and SIGINT in place of their handlers.

    Parameters
    ----------
    func : callable
        Called without arguments at the end, with a signal's two arguments on a signal.
    """
    atexit.register(func)
    signal.signal(signal.SIGTERM, func)
    signal.signal(signal.SIGINT, func)


def df_type_check(df: Any) -> bool:
    """True for a DataFrame of Spark or of pandas on Spark.

    Raises
    ------
    UsageError
        For anything else.
    """
    convert_to_spark(df)
    return True


def convert_to_spark(df: Any) -> tuple[Any, bool]:
    """A Spark DataFrame, and whether it was one already.

    Parameters
    ----------
    df : pyspark.sql.DataFrame or pyspark.pandas.DataFrame
        Any kind of Spark's DataFrames.

    Returns
    -------
    tuple of (DataFrame, bool)
        The DataFrame of Spark, and False when it was one of pandas on Spark.

    Raises
    ------
    UsageError
        For anything else.
    """
    # By name: `import pyspark.pandas` takes seconds, and who passes one has imported it.
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(df).__mro__}
    if "pyspark.DataFrame" in kinds:
        if type(df).__module__.startswith("pyspark.pandas"):
            return df.to_spark(), False
        return df, True
    raise UsageError(
        f"A DataFrame of Spark or of pandas on Spark is needed, not {type(df).__name__}",
        hint="`spark.createDataFrame(...)` makes one of a pandas DataFrame.",
    )


def random_split(df: Any, weights: Sequence[float], seed: int | None = None) -> list[Any]:
    """Split a DataFrame at random.

    Parameters
    ----------
    df : pyspark.sql.DataFrame or pyspark.pandas.DataFrame
        What to split.
    weights : sequence of float
        Share of each part; they need not add up to 1.
    seed : int, optional
        Seed of the choice.

    Returns
    -------
    list of DataFrame
        One for each weight, of the kind that `df` is.
    """
    frame, is_spark = convert_to_spark(df)
    parts = list(frame.randomSplit([float(weight) for weight in weights], seed))
    return parts if is_spark else [part.pandas_api() for part in parts]


def parse_memory_size(memory_size: str) -> int:
    """Read an amount of memory, such as ``"500M"``, ``"4 GB"`` or ``"1024"``.

    Parameters
    ----------
    memory_size : str
        A number with K, M, G or T (powers of 1024) and perhaps B; without a unit it is bytes.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    UsageError
        When it is no amount of memory.
    """
    match = _SIZE.fullmatch(memory_size.strip().upper())
    if match is None:
        raise UsageError(
            f"{memory_size!r} is not an amount of memory", hint="write 500M, 4GB or bytes."
        )
    return int(float(match[1]) * MEMORY_SIZE_UNITS.get(match[2], 1))


def divide_blocks(
    blocks: Sequence[int],
    world_size: int,
    shuffle: bool = False,
    shuffle_seed: int | None = None,
) -> dict[int, list[tuple[int, int]]]:
    """Share blocks out to workers, so that each gets the same number of rows.

    Parameters
    ----------
    blocks : sequence of int
        Rows of each block.
    world_size : int
        Number of workers; there must be at least as many blocks.
    shuffle : bool
        Whether to shuffle the blocks first.
    shuffle_seed : int, optional
        Seed of every random choice; 0 by default.

    Returns
    -------
    dict of int to list of (int, int)
        For each worker, by rank: pairs of a block's index and the rows to take of it. Where the
        numbers do not divide evenly, some rows go to two workers.

    Raises
    ------
    UsageError
        When there are fewer blocks than workers.
    """
    import numpy as np

    if len(blocks) < world_size:
        raise UsageError(
            f"{len(blocks)} blocks cannot be divided among {world_size} workers",
            hint="repartition the data into more blocks.",
        )
    rows_each = math.ceil(sum(blocks) / world_size)
    blocks_each = math.ceil(len(blocks) / world_size)
    order = list(range(len(blocks)))
    order += order[: blocks_each * world_size - len(order)]
    # A generator of its own, with the numbers that numpy's global one would give for this seed.
    random = np.random.RandomState(shuffle_seed or 0)
    if shuffle:
        random.shuffle(order)
    shares: dict[int, list[tuple[int, int]]] = {}
    for rank in range(world_size):
        mine = iter(order[rank::world_size])
        share: list[tuple[int, int]] = []
        missing = rows_each
        while missing > 0 or not share:
            index = next(mine, None)
            if index is None:
                index = int(random.choice(order, size=1)[0])
            taken = min(blocks[index], missing)
            share.append((index, taken))
            missing -= taken
        shares[rank] = share
    return shares
