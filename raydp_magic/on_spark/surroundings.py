"""What Ray's nodes find around them: the ``ray`` program, a token, a place for what they print.

All of it is environment: variables of this process while Ray on Spark runs, and those that
``ray.util.spark`` gives to each node that it starts.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from raydp_magic.engine.quiet_logger import QuietText, quiet_logger
from raydp_magic.engine.runtime_dir import RuntimeDir, tail
from raydp_magic.on_spark.machines import program_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from raydp_magic.on_spark.machines import Machine

HOOK = "RAY_ON_SPARK_START_HOOK"
ADDRESS = "RAY_ADDRESS"
AUTH_MODE = "RAY_AUTH_MODE"
AUTH_TOKEN = "RAY_AUTH_TOKEN"  # noqa: S105 - the variable's name
_TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"  # noqa: S105 - the variable's name
_DRAIN = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
OUR_HOOK = "raydp_magic.on_spark.hook.StartHook"
LOGGERS = ("ray.util.spark", "ray.autoscaler._private.spark.spark_job_server")
_NODE_LOGGER = "ray.util.spark.worker"
"""Spark's workers log each node's command line to it, which local mode has in the cell."""
THREAD = "raydp_magic-on-spark"
"""Name of the thread that sets Ray up."""

_PROGRAM = """\
# Ray's own program; what it prints goes to a file instead of the notebook's cells.
import os
import sys

log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.dup2(log, 1)
os.dup2(log, 2)
from ray.scripts.scripts import main

from raydp_magic.engine.dashboard_apart import dashboard_apart

with dashboard_apart():
    sys.exit(main())
"""


class Surroundings:
    """The environment of one Ray on Spark, from its start to its end.

    Attributes
    ----------
    log : Path
        What ``ray start`` printed on this machine.
    """

    def __init__(self) -> None:
        self._dir = RuntimeDir("on-spark")
        self.log = self._dir.path / "ray.log"
        self._before = {name: os.environ.get(name) for name in (HOOK, ADDRESS)}
        programs = Path(self._dir.folder("bin"))
        program = programs / "ray"
        program.write_text(_PROGRAM.format(log=str(self.log)), encoding="utf-8")
        program.chmod(0o700)
        self._programs = str(programs)
        self._lock: RuntimeDir | None = None
        self._also = Path()
        os.environ[HOOK] = OUR_HOOK
        # Loggers and logging's own last resort too: Ray drops its handlers when it is told to
        # configure no logging.
        self._quiet: list[logging.Filterer] = [
            *logging.getLogger("ray").handlers,
            *map(logging.getLogger, LOGGERS),
            *filter(None, [logging.lastResort]),
        ]
        for place in self._quiet:
            place.addFilter(worth_showing)
        # PySpark's, about how `ray.util.spark` makes the threads of its nodes' jobs.
        warnings.filterwarnings("ignore", "Spark session is not provided", module=r"pyspark\.util")

    @property
    def their_hook(self) -> str | None:
        """The start hook that was set before ours."""
        return self._before[HOOK]

    def variables(self, machines: Iterable[Machine]) -> dict[str, str]:
        """Environment variables of every Ray node."""
        share_token()
        names = (AUTH_MODE, AUTH_TOKEN)
        found = {name: os.environ[name] for name in names if os.environ.get(name)}
        token = _saved_token() if found.get(AUTH_MODE, "").lower() == "token" else None
        if token and AUTH_TOKEN not in found:
            # Today's `ray start` reads the file on the head only, and other machines lack it.
            found[AUTH_TOKEN] = token
        # A node is killed 1.5 s after it was told to end: no time to drain, as it does by default.
        drain = QuietText(os.environ.get(_DRAIN, "0"), _NODE_LOGGER)
        return found | {_DRAIN: drain, "PATH": program_path(self._programs, machines)}

    def remove_at_end(self, path: str) -> None:
        """Have a file of Ray's removed, however this process ends: its nodes leave it behind."""
        self._lock = RuntimeDir("on-spark-lock", also=(path,))
        self._also = Path(path)

    def log_tail(self, lines: int = 12) -> list[str]:
        """The last lines that Ray printed on this machine."""
        return tail(self.log, lines)

    def close(self) -> None:
        """Put back what was there before. Safe to call twice."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for place in self._quiet:
            place.removeFilter(worth_showing)
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._also.unlink()
            self._lock.close()
        self._dir.close()


def worth_showing(record: logging.LogRecord) -> bool:
    """Whether a log line of Ray's is for the person: not of the set-up, nor of its nodes' jobs.

    What is wrong there is told by the error that the start raises, and by the cluster's problems.
    """
    setting_up = record.threadName == THREAD and record.levelno < logging.ERROR
    return not (setting_up or record.name in LOGGERS)


@contextlib.contextmanager
def no_autoscaler_lines() -> Iterator[None]:
    """For a block, keep what Ray's autoscaler says ("Adding 1 node(s)") out of the cell.

    Its switch is RAY_SCHEDULER_EVENTS, which Ray reads when it is imported; this is what it sets.
    """
    from ray._private import ray_constants

    before = getattr(ray_constants, "AUTOSCALER_EVENTS", None)
    ray_constants.AUTOSCALER_EVENTS = 0
    try:
        yield
    finally:
        ray_constants.AUTOSCALER_EVENTS = before


def share_token() -> None:
    """Turn Ray's token authentication on, as ``ray.init()`` does for a Ray of its own.

    ``ray start`` turns it on for a head on whose machine a token is saved, and not for the nodes
    that join: they and this process must be told. RAY_AUTH_MODE=disabled is respected.
    """
    try:
        from ray._private.authentication import authentication_token_setup as setup
    except ImportError:  # before Ray 2.59 there were no tokens
        return
    enable = getattr(setup, "enable_token_auth_by_default", None)
    if enable is None:
        return
    with quiet_logger("ray"):  # a notice about the token
        if enable():
            setup.ensure_token_if_auth_enabled(None, create_token_if_missing=True)


def _saved_token() -> str | None:
    """The token that this process uses, when it is in a file."""
    path = os.environ.get(_TOKEN_PATH) or Path.home() / ".ray" / "auth_token"
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
