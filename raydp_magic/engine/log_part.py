"""A part of a log that grows: from where the last part ended."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from raydp_magic.engine.runtime_dir import tail

Stream = Literal["stdout", "stderr"]
STREAMS: tuple[Stream, ...] = ("stdout", "stderr")

MOST_BYTES = 256 * 1024
"""One part is no longer; of what was written faster, the beginning is left out."""


@dataclass(frozen=True)
class LogPart:
    """Whole lines of a log, and the byte offset to go on from."""

    lines: tuple[str, ...]
    next: int


def read_log(path: Path | str, offset: int | None, lines: int) -> LogPart:
    """Read from an offset to the last whole line.

    Parameters
    ----------
    path : Path or str
        The file; one that is not there is empty.
    offset : int or None
        `next` of the part before; None, or one beyond the end (another file by now), asks for
        the last lines.
    lines : int
        At most this many, the last ones.
    """
    try:
        with Path(path).open("rb") as source:
            size = source.seek(0, os.SEEK_END)
            follows = offset is not None and 0 <= offset <= size
            start = max(offset if follows and offset else 0, size - MOST_BYTES)
            source.seek(start)
            data = source.read(size - start)
    except OSError:
        return LogPart((), 0)
    whole = data.rfind(b"\n") + 1
    if start and not (follows and start == offset):
        cut = data.find(b"\n") + 1  # it begins inside a line
        data, start, whole = data[cut:], start + cut, whole - cut
    text = data[: max(0, whole)].decode(errors="replace")
    return LogPart(tuple(text.splitlines()[-lines:]), start + max(0, whole))


def last_words(files: dict[Stream, Path], lines: int) -> tuple[str, ...]:
    """The last lines of a process's streams; those of the one that spoke last at the end."""
    found = [path for path in files.values() if path.exists()]
    found.sort(key=lambda path: path.stat().st_mtime_ns)
    return tuple([line for path in found for line in tail(path, lines)][-lines:])
