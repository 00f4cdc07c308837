"""Amounts as people read them; the Python twin of the panel's ``format.ts``.

``None`` is "not known" and shows as a dash, never as 0.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raydp_magic.monitoring.snapshot import NodeSnapshot, Snapshot

UNKNOWN = "–"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def _power(amount: int) -> int:
    """Exponent of 1024 whose unit suits the amount."""
    if amount <= 0:
        return 0
    power = min(len(_UNITS) - 1, int(math.log(amount, 1024)))
    # 1023.7 MiB would round to "1024 MiB".
    full = round(amount / 1024**power) >= 1024 and power < len(_UNITS) - 1
    return power + 1 if full else power


def _scaled(amount: int, power: int) -> str:
    value = amount / 1024**power
    if power == 0 or value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}".removesuffix(".0")


def format_bytes(amount: int | None) -> str:
    """``52428800`` -> ``"50 MiB"``."""
    if amount is None:
        return UNKNOWN
    power = _power(amount)
    return f"{_scaled(amount, power)} {_UNITS[power]}"


def format_bytes_of(used: int | None, total: int | None) -> str:
    """Write used and total in the total's unit: ``"5.2 / 16 GiB"``."""
    if total is None:
        return format_bytes(used)
    power = _power(total)
    part = UNKNOWN if used is None else _scaled(used, power)
    return f"{part} / {_scaled(total, power)} {_UNITS[power]}"


def format_count(number: int | None) -> str:
    """``1234567`` -> ``"1,234,567"``."""
    return UNKNOWN if number is None else f"{number:,}"


def plural(number: int | None, word: str) -> str:
    """``"1 row"``, ``"1,234 rows"``."""
    return f"{format_count(number)} {word}" if number == 1 else f"{format_count(number)} {word}s"


def format_cpus(number: float) -> str:
    """Ray counts in fractions: ``0.5``, ``4``."""
    return f"{round(number, 2):g}"


def tallies(snapshot: Snapshot) -> list[str]:
    """How much of what was asked for is there, in words; nothing of an ended cluster is."""
    if snapshot.ended:
        return []
    found = [f"{snapshot.executors_up}/{snapshot.executors_wanted} executors"]
    if snapshot.nodes:
        cpus = f"{format_cpus(snapshot.cpu_reserved)}/{format_cpus(snapshot.cpu_total)}"
        found.append(f"{cpus} CPUs")
    return found


def ray_lost(snapshot: Snapshot) -> str | None:
    """Say how long Ray had been silent, when it was."""
    if snapshot.ray_lost_at is None or snapshot.ended:
        return None
    seconds = max(0, round(snapshot.taken_at - snapshot.ray_lost_at))
    return f"Ray went away {seconds} s before this was taken; shown is the last known state"


def death_of(node: NodeSnapshot) -> str:
    """When and why a node died, as far as that is known; empty for a live one."""
    if node.alive:
        return ""
    when = "" if node.died_at is None else f"died {format_time(node.died_at)}"
    return ": ".join(filter(None, (when, one_line(node.death))))


def share(used: float | None, total: float | None) -> float | None:
    """Divide used by total, 0 to 1; None when either is not known or there is nothing to use."""
    if used is None or not total:
        return None
    return min(1.0, max(0.0, used / total))


def format_time(unix_seconds: float) -> str:
    """Date and local time; a saved copy is read on another day."""
    return datetime.fromtimestamp(unix_seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def format_duration(seconds: float) -> str:
    """Coarsely: ``"12 s"``, ``"3 min"``, ``"2 h"``."""
    if seconds < 90:
        return f"{round(seconds)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"


def format_took(seconds: float) -> str:
    """Write a length, from ``"<0.1 s"`` on: what took no time to speak of is not ``"0 s"``."""
    if seconds < 0.05:
        return "<0.1 s"
    return f"{seconds:.1f} s" if seconds < 9.95 else format_duration(seconds)


def one_line(text: str) -> str:
    """Collapse white space and drop what is not printable (terminal escapes, text direction)."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def web_address(url: str | None) -> str | None:
    """Give the address when it is a web address, else None."""
    if url is None or not url.lower().startswith(("http://", "https://")):
        return None
    return one_line(url)
