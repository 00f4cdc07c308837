"""What runs in Ray's workers: a person's function on one batch."""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING, Any

from raydp_magic.ray_udf.failure import LoadError, words

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from raydp_magic.ray_udf.request import Code

KEPT = 4
"""Functions that a Ray worker, which serves anybody, keeps loaded."""

_loaded: OrderedDict[str, tuple[Code, Callable[[Any], Any]]] = OrderedDict()

Answer = tuple[str | None, Any]
"""Why it failed, in words, and the table; one of them is None. Two objects, so that whoever
waits for the end needs not fetch the table."""


@cache
def remote_apply() -> Any:
    """`apply` as a Ray function: one for a process, as Ray keeps each for good."""
    import ray

    return ray.remote(apply)


def apply(name: str, code: list[Any], table: pa.Table) -> Answer:
    """Run a function on a batch, as a Ray task.

    Parameters
    ----------
    name : str
        Of the function, for the worker's memory.
    code : list of ObjectRef
        One ref of its `Code`; in a list, so that Ray does not load it for each batch.
    table : pyarrow.Table
        The batch.
    """
    try:
        return None, _run(*_load(name, code), table)
    except Exception as error:  # noqa: BLE001 - whatever a person's function raises is told
        return words(error), None


def _load(name: str, code: list[Any]) -> tuple[Code, Callable[[Any], Any]]:
    import ray

    if name not in _loaded:
        try:
            found = ray.get(code[0])
        except ray.exceptions.RaySystemError as error:
            [why] = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            raise LoadError(f"a Ray worker cannot load it: {why.strip()}") from None
        _loaded[name] = found, found.ready()
        while len(_loaded) > KEPT:
            _loaded.popitem(last=False)
    _loaded.move_to_end(name)
    return _loaded[name]


def _run(code: Code, call: Callable[[Any], Any], table: pa.Table) -> pa.Table:
    from raydp_magic.ray_udf.batch_form import to_batch, unknown_floats
    from raydp_magic.ray_udf.output_form import to_table

    batch = to_batch(table, code.batch_format)
    unknown = unknown_floats(batch, table)
    return to_table(call(batch), code.schema, unknown)


class Worker:
    """One actor of a pool: it makes the person's instance with its first batch, and keeps it.

    Not when it starts: so an error there is told like any other, and Ray's bound on a batch's
    retries holds for a constructor that kills its process.
    """

    def ready(self) -> None:
        """Answer once it has been placed."""

    def apply(self, name: str, code: list[Any], table: pa.Table) -> Answer:
        """Run the instance on a batch; see the function `apply`.

        The code comes with each batch: Ray warns of refs among a constructor's arguments where
        actors are restarted.
        """
        return apply(name, code, table)
