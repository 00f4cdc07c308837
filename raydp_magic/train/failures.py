"""Ray Train's errors as one line: what failed, in which worker, and where."""

from __future__ import annotations

import re
import traceback
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import RaydpMagicError, TrainingError
from raydp_magic.train.refusals import essential, is_tree_error, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LIBRARIES = ("site-packages", "/raydp_magic/", "/lib/python3", "<frozen")
_MOST = 300


def translated(error: Exception) -> Exception:
    """What to raise for an error of Ray Train's.

    Parameters
    ----------
    error : Exception
        Ray Train's, or any other.

    Returns
    -------
    RaydpMagicError
        The worker's own error when it is one of ours, else a TrainingError.
    """
    failures: dict[int, BaseException] = getattr(error, "worker_failures", None) or {}
    rank = _first(failures) if failures else None
    outer = failures[rank] if rank is not None else getattr(error, "controller_failure", error)
    chain = _chain(outer)
    cause = chain[-1]
    if isinstance(cause, RaydpMagicError):
        return cause
    refused = refusal(cause)
    if refused is not None:
        return refused
    told = next((one for one in chain if "Traceback (most recent call last)" in str(one)), None)
    text = str(told) if told is not None else _formatted(cause)
    return _failed(cause, rank, text)


def certain(failures: Mapping[int, BaseException]) -> RaydpMagicError | None:
    """The error of workers that have failed, when it is of their code's making, not of a death."""
    cause = _chain(failures[_first(failures)])[-1]
    return cause if isinstance(cause, RaydpMagicError) else None


def _first(failures: Mapping[int, BaseException]) -> int:
    """The worker to speak of: one that fails takes its connections to the others with it."""
    return min(failures, key=lambda rank: ("onnection" in str(failures[rank]), rank))


def telling(loop: Callable[..., Any]) -> Callable[..., Any]:
    """A worker's function whose errors bring their traceback along: Ray Train drops it.

    Parameters
    ----------
    loop : callable
        What Ray Train runs in each worker.
    """

    @wraps(loop)
    def told(*args: Any) -> Any:
        import ray.train

        try:
            return loop(*args)
        except RaydpMagicError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model raises
            refused = refusal(error)
            if refused is not None:
                raise refused from None
            rank = ray.train.get_context().get_world_rank()
            raise _failed(error, rank, _formatted(error)) from None

    return told


def _failed(cause: BaseException, rank: int | None, text: str) -> TrainingError:
    where = f" in worker {rank}" if rank is not None else ""
    return TrainingError(
        f"Training failed{where}: {_line(cause)}{_place(text)}",
        hint="`worker_traceback` of this error is the worker's whole traceback.",
        rank=rank,
        worker_traceback=text,
    )


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what it wraps, from outside to inside."""
    found = [error]
    while True:
        last = found[-1]
        inner = getattr(last, "worker_failures", None)
        deeper = (
            next(iter(inner.values()), None)
            if inner
            else getattr(last, "_base_exc", None) or getattr(last, "cause", None) or last.__cause__
        )
        if not isinstance(deeper, BaseException) or any(deeper is one for one in found):
            return found
        found.append(deeper)


def _line(cause: BaseException) -> str:
    """``ValueError: what it says``, shortened; of a text with a traceback its last line."""
    text = str(cause)
    if "Traceback (most recent call last)" in text:
        return text.strip().splitlines()[-1][:_MOST]
    said = essential(text) if is_tree_error(cause) else " ".join(text.split())
    name = type(cause).__name__
    if name in ("ActorDiedError", "RayActorError", "WorkerHealthCheckFailedError"):
        return f"the worker died ({name}: {said[:_MOST]})"
    return f"{name}: {said[:_MOST]}" if said else name


def _formatted(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) if error.__traceback__ else str(error)


def _place(text: str) -> str:
    """`` (model.py, line 12)``: the last line of code that is no library's."""
    found = re.findall(r'File "([^"]+)", line (\d+)', text)
    own = [place for place in found if not any(part in place[0] for part in _LIBRARIES)]
    if not own:
        return ""
    name, line = own[-1]
    if re.search(r"ipykernel_\d+/", name) or name.startswith("<ipython"):
        return f" (in a cell, line {line})"
    return f" ({Path(name).name}, line {line})"
