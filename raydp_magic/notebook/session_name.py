"""The name ``spark`` of the user's namespace: the running session, as long as there is one."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raydp_magic.errors import RaydpMagicError

NAME = "spark"


class EndedSession:
    """Stands where a session was whose cluster has ended: any use of it says so in one line.

    Parameters
    ----------
    why : callable
        Gives the error for whoever needs a cluster.
    """

    def __init__(self, why: Callable[[], RaydpMagicError]) -> None:
        self._why = why

    def __getattr__(self, name: str) -> NoReturn:
        # IPython's displays, completion and copy/pickle probe dunders and _repr_*_: no use of it.
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._why()

    def __repr__(self) -> str:
        error = self._why()
        return f"<no Spark session. {error.message}: {error.hint}>"


class SessionName:
    """Binds the name in one namespace.

    Parameters
    ----------
    namespace : dict
        The user's.
    why : callable
        Gives the error for whoever needs a cluster when none runs.
    """

    def __init__(self, namespace: dict[str, Any], why: Callable[[], RaydpMagicError]) -> None:
        self._namespace = namespace
        self._why = why
        self._ours: Any = None

    def bind(self, session: Any) -> bool:
        """Bind the name unless it is the user's for something else; returns whether it is bound."""
        self._ours = session
        value = self._namespace.get(NAME)
        if value is not None and not isinstance(value, EndedSession) and not _is_session(value):
            return False
        self._namespace[NAME] = session
        return True

    def follow(self, session: Any) -> None:
        """Move the name from a session that has ended to the running one, if there is one.

        Parameters
        ----------
        session : SparkSession or None
            The running one.
        """
        bound = self._namespace.get(NAME)
        over = isinstance(bound, EndedSession)
        if bound is None or bound is session or not (over or bound is self._ours):
            return
        if session is None and _lives(bound):  # Ray on it has ended, the session is their own
            return
        self._ours = session
        if session is not None:
            self._namespace[NAME] = session
        elif not over:
            self._namespace[NAME] = EndedSession(self._why)

    @contextmanager
    def for_body(self, session: Any) -> Iterator[None]:
        """Let the body of a cell see the session, whatever the name is bound to elsewhere."""
        theirs = self._namespace.get(NAME, session)
        self._namespace[NAME] = session
        try:
            yield
        finally:
            if self._namespace.get(NAME) is session:  # else the body bound it anew
                self._namespace[NAME] = theirs

    def forget(self) -> None:
        """Leave no stand-in behind."""
        if isinstance(self._namespace.get(NAME), EndedSession):
            del self._namespace[NAME]


def _lives(session: Any) -> bool:
    """Whether a session still is this process's Spark."""
    pyspark, context = sys.modules.get("pyspark"), getattr(session, "_sc", None)
    if pyspark is None or context is None:
        return False
    return context._jsc is not None and pyspark.SparkContext._active_spark_context is context  # noqa: SLF001


def _is_session(value: Any) -> bool:
    return any(kind.__name__ == "SparkSession" for kind in type(value).__mro__)
