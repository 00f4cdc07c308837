"""A private temp folder for one process of ours, removed even after ``kill -9``.

Each process that starts a JVM (the kernel, an executor actor) or keeps hand-off files (a keeper)
owns one `RuntimeDir`. A small shell process, the *reaper*, waits on a pipe whose other end only
the owner holds: when the owner ends, however it ends, the reaper kills the process groups
registered in the folder and removes it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import weakref
from pathlib import Path
from typing import IO

PREFIX = "raydp_magic-"

_lifelines: weakref.WeakSet[IO[bytes]] = weakref.WeakSet()

# The inner subshell is orphaned on purpose: Ray kills the direct children of a worker that exits.
# `3<&0`: a background command of sh gets /dev/null as its standard input.
_REAPER = """
PATH=/usr/bin:/bin
exec 3<&0
(
  trap '' INT HUP TERM QUIT
  cat <&3 >/dev/null
  for group in "$1"/groups/*; do
    [ -e "$group" ] && kill -s KILL -- "-${group##*/}" 2>/dev/null
  done
  for path in "$@"; do rm -rf -- "$path"; done
) >/dev/null 2>&1 &
"""


class RuntimeDir:
    """A temp folder (mode 0700) and its reaper.

    Parameters
    ----------
    role : str
        Short word in the folder's name: ``"driver"``, ``"executor"``, ``"keeper"``.
    also : tuple of str
        More paths to remove with it.
    """

    def __init__(self, role: str, *, also: tuple[str, ...] = ()) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{role}-"))
        (self.path / "groups").mkdir()
        self._also = also
        launcher = subprocess.Popen(
            ["/bin/sh", "-c", _REAPER, "raydp_magic-reaper", str(self.path), *also],
            stdin=subprocess.PIPE,
            bufsize=0,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._pipe: IO[bytes] | None = lifeline(launcher)
        launcher.stdin = None  # else Popen.wait would close the pipe and wake the reaper
        launcher.wait()

    def file(self, name: str, text: str) -> str:
        """Write a small file readable by this user only; returns its path."""
        path = self.path / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(text)
        return str(path)

    def folder(self, name: str) -> str:
        """Make a sub-folder; returns its path."""
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        return str(path)

    def register_group(self, group: int) -> None:
        """Have this process group killed when the owner ends."""
        (self.path / "groups" / str(group)).touch()

    def forget_group(self, group: int) -> None:
        """The group has ended; its number may be used again by somebody else."""
        (self.path / "groups" / str(group)).unlink(missing_ok=True)

    def close(self) -> None:
        """Kill what is registered and remove the folder. Safe to call twice."""
        for entry in _entries(self.path / "groups"):
            kill_group(int(entry))
        shutil.rmtree(self.path, ignore_errors=True)
        for path in self._also:
            shutil.rmtree(path, ignore_errors=True)
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                self._pipe.close()
            self._pipe = None


def lifeline(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """The pipe to a process that ends when the pipe does: with this process, whatever ends it.

    A child that this process forks without running another program would hold the pipe open
    beyond its end; such children close it first. Start the process with ``bufsize=0``: closing
    must not wait for a lock that another thread held at the fork.
    """
    assert process.stdin is not None
    _lifelines.add(process.stdin)
    return process.stdin


def _close_lifelines() -> None:
    for pipe in list(_lifelines):
        with contextlib.suppress(OSError):
            pipe.close()


os.register_at_fork(after_in_child=_close_lifelines)


def kill_group(group: int, sig: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process group that may have ended already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, sig)


def tail(path: Path | str, lines: int) -> list[str]:
    """Last lines of a text file; empty when it is not there."""
    try:
        with Path(path).open("rb") as source:
            source.seek(0, os.SEEK_END)
            size = source.tell()
            source.seek(max(0, size - 400 * max(lines, 1)))
            text = source.read().decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-lines:] if lines > 0 else []


def _entries(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if entry.name.isdigit()]
    except OSError:
        return []
