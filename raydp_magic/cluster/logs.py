"""Log lines of a cluster's executors and its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp_magic.engine.log_part import LogPart, read_log
from raydp_magic.engine.runtime_dir import tail
from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from raydp_magic.cluster.cluster import Cluster
    from raydp_magic.cluster.fleet import Slot

DRIVER = "driver"
ANSWER_SECONDS = 5.0


def last_lines(cluster: Cluster, executor: str | None, lines: int, driver_end: str) -> str:
    """The last lines of one or of all, under a title each; `driver_end` is what an ended left."""
    import ray

    if executor not in (None, DRIVER):
        slot_of(cluster, executor)
    actors = cluster.actors()
    parts: list[str] = []
    for slot in cluster.slots():
        if executor not in (None, slot.executor_id) or not slot.executor_id:
            continue
        text = list(slot.log_tail)
        actor = actors.get(slot.executor_id)
        if actor is not None:
            try:
                text = ray.get(actor.logs.remote(lines), timeout=ANSWER_SECONDS)
            except ray.exceptions.RayError:
                text = [*text, "(its actor does not answer)"]
        parts.append(_section(f"executor {slot.executor_id} ({slot.phase})", text[-lines:]))
    if executor in (None, DRIVER):
        text = tail(cluster.driver.log, lines) or driver_end.splitlines()[-lines:]
        parts.append(_section("driver", text))
    return "\n".join(parts)


def follow(cluster: Cluster, executor: str, lines: int, after: int | None) -> LogPart:
    """Lines of one log from a byte offset on; see `read_log`."""
    import ray

    if executor == DRIVER:
        return read_log(cluster.driver.log, after, lines)
    slot = slot_of(cluster, executor)
    actor = cluster.actors().get(executor)
    if actor is None:
        return LogPart(slot.log_tail[-lines:] if after is None else (), after or 0)
    part: LogPart = ray.get(actor.log_from.remote(after, lines), timeout=ANSWER_SECONDS)
    return part


def slot_of(cluster: Cluster, executor: str | None) -> Slot:
    """The slot of an executor.

    Raises
    ------
    UsageError
        When there is no such executor.
    """
    found = next((slot for slot in cluster.slots() if slot.executor_id == executor), None)
    if found is None or not executor:
        known = ", ".join([*cluster.executor_ids(), DRIVER])
        raise UsageError(f"No executor {executor!r}", hint=f"there are: {known}.")
    return found


def _section(title: str, lines: list[str]) -> str:
    return "\n".join([f"--- {title} ---", *(lines or ["(nothing yet)"])])
