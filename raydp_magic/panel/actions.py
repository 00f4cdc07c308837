"""What a view may ask for, carried out. Each action does what its magic does."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import RaydpMagicError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp_magic.cluster.cluster import Cluster

WITHOUT_CLUSTER = ("start", "fit")
_MOST_LINES = 5000
_MOST_PAST = 50
"""Past executors that a view is told of."""


@dataclass(frozen=True)
class Surroundings:
    """What actions touch beside the cluster.

    Attributes
    ----------
    variables : dict
        The user's namespace: what is released is unbound there.
    started : callable
        Given the cluster that an action has started.
    """

    variables: dict[str, Any]
    started: Callable[[Cluster], None]


def perform(action: str, details: dict[str, Any], cluster: Cluster | None, at: Surroundings) -> Any:
    """Carry one action out; may take long.

    Parameters
    ----------
    action : str
        Its name in the wire protocol.
    details : dict
        Its ``with``.
    cluster : Cluster or None
        The running one.
    at : Surroundings
        What else it may touch.

    Returns
    -------
    object
        The answer's value, JSON-safe.

    Raises
    ------
    RaydpMagicError
        What a person is to read.
    """
    try:
        if action in _FREE:
            return _FREE[action](details, cluster, at)
        if action not in _ON_CLUSTER:
            raise UsageError(f"There is no action {action!r}")
        if cluster is None:
            from raydp_magic.cluster import not_running

            raise not_running()
        return _ON_CLUSTER[action](details, cluster, at)
    except KeyError as error:
        raise UsageError(f"The action {action!r} needs {error}") from error


def failure(error: Exception) -> tuple[str, str]:
    """An error as one line and a hint."""
    from raydp_magic.engine.translate import translate

    ours = error if isinstance(error, RaydpMagicError) else translate(error)
    if ours is not None:
        return ours.message, ours.hint or ""
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}"[:500], ""


def _start(details: dict[str, Any], _: Cluster | None, at: Surroundings) -> None:
    from raydp_magic.cluster import start

    wanted = {
        name: details[name] for name in ("executors", "cores", "memory", "conf") if name in details
    }
    at.started(start(**wanted, wait=False))


def _fit(details: dict[str, Any], cluster: Cluster | None, _: Surroundings) -> dict[str, Any]:
    from raydp_magic.cluster.asking import fit

    known = {name: details[name] for name in ("executors", "cores", "memory") if name in details}
    return dict(vars(fit(cluster, **known)))


def _scale(details: dict[str, Any], cluster: Cluster, _: Surroundings) -> None:
    cluster.scale(details["executors"])


def _restart(details: dict[str, Any], cluster: Cluster, _: Surroundings) -> None:
    cluster.restart(str(details["executor"]))


def _remove(details: dict[str, Any], cluster: Cluster, _: Surroundings) -> None:
    cluster.remove(str(details["executor"]))


def _cancel(details: dict[str, Any], cluster: Cluster, _: Surroundings) -> None:
    cluster.cancel(int(details["job"]))


def _release(details: dict[str, Any], _: Cluster, at: Surroundings) -> str:
    from raydp_magic.notebook.bridge_list import give_back

    return give_back(at.variables, str(details["entry"]))


def _stop(_: dict[str, Any], cluster: Cluster, __: Surroundings) -> None:
    gc.collect()  # what is only garbage is not in use
    cluster.stop()


def _logs(details: dict[str, Any], cluster: Cluster, _: Surroundings) -> dict[str, Any]:
    from raydp_magic.cluster.logs import unix_time

    lines = max(1, min(_MOST_LINES, int(details.get("lines", 200))))
    of = str(details["executor"])
    part = cluster.follow_log(of, lines, details.get("after"), details.get("stream"))
    past = [
        {"executor": one.executor_id, "why": one.why, "at": round(unix_time(one), 1)}
        for one in cluster.past_executors()[:_MOST_PAST]
    ]
    return {"lines": list(part.lines), "next": part.next, "past": past}


_FREE: dict[str, Callable[[dict[str, Any], Cluster | None, Surroundings], Any]] = {
    "start": _start,
    "fit": _fit,
}
_ON_CLUSTER: dict[str, Callable[[dict[str, Any], Cluster, Surroundings], Any]] = {
    "scale": _scale,
    "restart": _restart,
    "remove": _remove,
    "cancel": _cancel,
    "release": _release,
    "stop": _stop,
    "logs": _logs,
}
