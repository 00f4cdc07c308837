"""What a person asks of `map_batches`, validated. Pure."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BatchFormat = Literal["numpy", "pandas", "pyarrow"]


@dataclass(frozen=True)
class Code:
    """The person's function or class with its arguments: what Ray's workers load once each.

    Attributes
    ----------
    fn : callable
        A function of a batch, or a class whose instances are.
    batch_format : str
        In which form it is given a batch.
    schema : pyarrow.Schema
        What Spark is to be given.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    constructor_args: tuple[Any, ...]
    constructor_kwargs: dict[str, Any]
    batch_format: BatchFormat
    schema: Any

    def ready(self) -> Callable[[Any], Any]:
        """The function of a batch alone; makes the class's instance."""
        call: Any = self.fn
        if inspect.isclass(self.fn):
            call = self.fn(*self.constructor_args, **self.constructor_kwargs)
        return lambda batch: call(batch, *self.args, **self.kwargs)


@dataclass(frozen=True)
class Request:
    """How batches are to be run.

    Attributes
    ----------
    pool : bool
        Whether actors keep the function's state.
    batch_size : int
        Rows of a batch.
    concurrency : int or None
        Most batches at a time.
    options : dict
        What each task or actor asks Ray for, as options of Ray's.
    """

    pool: bool
    batch_size: int
    concurrency: int | None
    options: dict[str, Any]

    @property
    def wants(self) -> dict[str, float]:
        """The same as Ray's resources."""
        own = {"CPU": self.options["num_cpus"], "GPU": self.options["num_gpus"]}
        return {name: n for name, n in (own | self.options["resources"]).items() if n}


def make_request(
    fn: Any,
    *,
    batch_size: Any,
    batch_format: Any,
    concurrency: Any,
    num_cpus: Any,
    num_gpus: Any,
    resources: Mapping[str, float] | None,
    constructor_args: Sequence[Any],
    constructor_kwargs: Mapping[str, Any] | None,
) -> Request:
    """Check what was asked for.

    Raises
    ------
    UsageError
        Naming the argument.
    """
    if not callable(fn):
        raise UsageError(
            f"map_batches needs a function or a class, not {type(fn).__name__}",
            hint="a function of one batch, or a class whose instances can be called with one.",
        )
    pool = inspect.isclass(fn)
    if pool and "__call__" not in {name for kind in fn.__mro__[:-1] for name in vars(kind)}:
        raise UsageError(
            f"Instances of {fn.__name__} cannot be called with a batch",
            hint="give the class a method `__call__(self, batch)`.",
        )
    if not pool and (constructor_args or constructor_kwargs):
        raise UsageError("fn_constructor_args and fn_constructor_kwargs are for a class")
    if batch_format not in get_args(BatchFormat):
        known = ", ".join(map(repr, get_args(BatchFormat)))
        raise UsageError(f"batch_format={batch_format!r}", hint=f"one of {known}.")
    _check_count("batch_size", batch_size)
    if concurrency is not None:
        _check_count("concurrency", concurrency)
    named = dict(resources or {})
    for name in {"CPU", "GPU", "memory", "object_store_memory"} & named.keys():
        raise UsageError(
            f"resources={named!r}: {name} is none of your own",
            hint="num_cpus and num_gpus are arguments.",
        )
    for name, amount in {"num_cpus": num_cpus, "num_gpus": num_gpus, **named}.items():
        if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not amount >= 0:
            raise UsageError(f"{name}={amount!r}: a number of at least 0 is needed")
    options = {"num_cpus": num_cpus, "num_gpus": num_gpus, "resources": named}
    return Request(pool, batch_size, concurrency, options)


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{name}={value!r}: a whole number of at least 1 is needed")
