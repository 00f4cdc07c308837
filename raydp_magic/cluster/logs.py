"""Log lines of a cluster's executors and its driver."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from raydp_magic.engine.log_part import STREAMS, LogPart, read_log
from raydp_magic.engine.runtime_dir import tail
from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from raydp_magic.cluster.cluster import Cluster
    from raydp_magic.cluster.fleet import Past, Slot
    from raydp_magic.engine.log_part import Stream

DRIVER = "driver"
MAIN: Stream = "stderr"
"""Where Spark logs; it sends there what Python tasks print as well, to either stream of theirs."""
ANSWER_SECONDS = 5.0


def last_lines(
    cluster: Cluster, executor: str | None, lines: int, driver_end: str, stream: Stream | None
) -> str:
    """The last lines of one or of all, under a title each; `driver_end` is what an ended left.

    All are those of now. Without a `stream` an executor's standard output is there when something
    was written to it.
    """
    if stream is not None:
        check_stream(executor, stream)
    past = past_of(cluster, executor)
    if past is not None:
        found = _past_streams(cluster, past, lines, stream)
        return "\n".join(_sections(_past_title(past), found, lines, stream))
    if executor not in (None, DRIVER):
        slot_of(cluster, executor)
    parts: list[str] = []
    for slot in cluster.slots():
        if executor not in (None, slot.executor_id) or not slot.executor_id:
            continue
        title = f"executor {slot.executor_id} ({slot.phase})"
        parts += _sections(title, _streams(cluster, slot, lines), lines, stream)
    if executor in (None, DRIVER) and stream is None:
        text = tail(cluster.driver.log, lines) or driver_end.splitlines()[-lines:]
        parts.append(_section("driver", text))
    return "\n".join(parts)


def _streams(cluster: Cluster, slot: Slot, lines: int) -> dict[Stream, list[str]]:
    """Last lines of an executor by stream; what is left of it when its actor does not answer."""
    import ray

    left = list(slot.log_tail)
    actor = cluster.actors().get(slot.executor_id)
    if actor is not None:
        try:
            found: dict[Stream, list[str]] = ray.get(
                actor.logs.remote(lines), timeout=ANSWER_SECONDS
            )
        except ray.exceptions.RayError:
            left.append("(its actor does not answer)")
        else:
            return found
    return {"stdout": [], MAIN: left}


def follow(
    cluster: Cluster, executor: str, lines: int, after: int | None, stream: Stream | None
) -> LogPart:
    """Lines of one log from a byte offset on; see `read_log`."""
    import ray

    if stream is not None:
        check_stream(executor, stream)
    if executor == DRIVER:
        return read_log(cluster.driver.log, after, lines)
    past = past_of(cluster, executor)
    if past is not None:
        return _follow_past(cluster, past, lines, after, stream or MAIN)
    slot = slot_of(cluster, executor)
    actor = cluster.actors().get(executor)
    if actor is None:
        left = slot.log_tail if after is None and stream in (None, MAIN) else ()
        return LogPart(left[-lines:], after or 0)
    asked = actor.log_from.remote(stream or MAIN, after, lines)
    part: LogPart = ray.get(asked, timeout=ANSWER_SECONDS)
    return part


def check_stream(executor: str | None, stream: str) -> None:
    """Refuse a stream that there is not.

    Raises
    ------
    UsageError
        When it is none, or that of a driver, whose two are one log.
    """
    if stream not in STREAMS:
        raise UsageError(f"No stream {stream!r}", hint=f"there are: {', '.join(STREAMS)}.")
    if executor == DRIVER:
        raise UsageError("The driver has one log", hint="leave the stream out.")


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


def _past_streams(
    cluster: Cluster, past: Past, lines: int, stream: Stream | None
) -> dict[Stream, list[str]]:
    """Its last lines by stream; when its actor is gone, those that were noted as it ended."""
    import ray

    actor = _actor_of(cluster, past)
    if actor is not None:
        with contextlib.suppress(ray.exceptions.RayError):
            asked = actor.logs.remote(lines, past.executor_id)
            found: dict[Stream, list[str]] = ray.get(asked, timeout=ANSWER_SECONDS)
            if found:
                return found
    left = past.log_tail if stream in (None, MAIN) else ()
    return {stream or MAIN: [*left] or ["(its log went with its Ray actor)"]}


def _follow_past(
    cluster: Cluster, past: Past, lines: int, after: int | None, stream: Stream
) -> LogPart:
    """The same as `follow`."""
    import ray

    actor = _actor_of(cluster, past)
    if actor is not None:
        with contextlib.suppress(ray.exceptions.RayError):
            asked = actor.log_from.remote(stream, after, lines, past.executor_id)
            part: LogPart | None = ray.get(asked, timeout=ANSWER_SECONDS)
            if part is not None:
                return part
    left = past.log_tail if after is None and stream == MAIN else ()
    return LogPart(left[-lines:], after or 0)


def _actor_of(cluster: Cluster, past: Past) -> Any:
    """The actor of its slot, which has its files when it ran in that one, and not in one before."""
    slot = next((slot for slot in cluster.slots() if slot.number == past.slot), None)
    return None if slot is None else cluster.actors().get(slot.executor_id)


def _sections(
    title: str, found: dict[Stream, list[str]], lines: int, stream: Stream | None
) -> list[str]:
    return [
        _section(f"{title}, {name}", text[-lines:])
        for name, text in found.items()
        if name == (stream or name) and (text or stream or name == MAIN)
    ]


def _section(title: str, lines: list[str]) -> str:
    return "\n".join([f"--- {title} ---", *(lines or ["(nothing yet)"])])
