"""Log lines of a cluster's executors and its driver."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from raydp_magic.engine.log_part import LogPart, read_log
from raydp_magic.engine.runtime_dir import tail
from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from raydp_magic.cluster.cluster import Cluster
    from raydp_magic.cluster.fleet import Past, Slot

DRIVER = "driver"
ANSWER_SECONDS = 5.0


def last_lines(cluster: Cluster, executor: str | None, lines: int, driver_end: str) -> str:
    """The last lines of one or of all, under a title each; `driver_end` is what an ended left."""
    import ray

    past = past_of(cluster, executor)
    if past is not None:
        return _section(_past_title(past), _past_lines(cluster, past, lines))
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
    past = past_of(cluster, executor)
    if past is not None:
        return _follow_past(cluster, past, lines, after)
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


def past_of(cluster: Cluster, executor: str | None) -> Past | None:
    """An executor that is no more, when its id is meant and it is not waiting to be replaced."""
    if executor in (None, DRIVER) or executor in cluster.executor_ids():
        return None
    return next((one for one in cluster.past_executors() if one.executor_id == executor), None)


def unix_time(past: Past) -> float:
    """When it ended, in Unix seconds."""
    return time.time() - (time.monotonic() - past.ended)


def _past_title(past: Past) -> str:
    when = time.strftime("%H:%M:%S", time.localtime(unix_time(past)))
    return f"executor {past.executor_id} (until {when}: {past.why})"


def _past_lines(cluster: Cluster, past: Past, lines: int) -> list[str]:
    return [*_follow_past(cluster, past, lines, None).lines] or [
        "(its log went with its Ray actor)"
    ]


def _follow_past(cluster: Cluster, past: Past, lines: int, after: int | None) -> LogPart:
    """Out of its file, when the actor that it ran in still serves its slot, else its last lines."""
    import ray

    slot = next((slot for slot in cluster.slots() if slot.number == past.slot), None)
    actor = None if slot is None else cluster.actors().get(slot.executor_id)
    if actor is not None:
        with contextlib.suppress(ray.exceptions.RayError):
            asked = actor.log_from.remote(after, lines, past.executor_id)
            part: LogPart = ray.get(asked, timeout=ANSWER_SECONDS)
            if part.next:
                return part
    return LogPart(past.log_tail[-lines:] if after is None else (), after or 0)


def _section(title: str, lines: list[str]) -> str:
    return "\n".join([f"--- {title} ---", *(lines or ["(nothing yet)"])])
