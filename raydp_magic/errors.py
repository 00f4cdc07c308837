"""The error tree.

::

    RaydpMagicError                 everything this package raises on purpose; has .hint
    ├── UsageError                  a wrong argument, flag or cell
    ├── MissingDependencyError      .package, .extra: an optional library is not installed
    ├── JavaError                   .path, .version
    │   ├── JavaNotFoundError
    │   └── JavaUnsupportedError
    ├── ClusterError
    │   ├── NotRunningError         nothing is started yet
    │   ├── AlreadyRunningError     .running, .asked: another cluster runs in this kernel
    │   ├── ForeignSparkError       somebody else's SparkSession lives in this kernel
    │   ├── DoesNotFitError         .asked, .fits: the live Ray nodes have no room
    │   ├── RayUnreachableError     .address
    │   ├── PortInUseError          .port
    │   ├── StartError              .exit_code, .log_tail: a process of ours ended while starting
    │   └── ExecutorsLostError      .log_tail: executors kept dying and were given up
    ├── QueryError                  Spark refused a statement (syntax, unknown table or column)
    ├── TrainingError               .rank, .worker_traceback: a training worker failed
    └── BridgeError
        ├── UnsupportedTypeError    .column, .type
        └── DataLostError           a block is gone: its owner or its node died

A person's mistake is shown as one line and a hint; the notebook layer prints exactly
``str(error)`` and no traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class RaydpMagicError(Exception):
    """Base of every error raised on purpose by this package.

    Parameters
    ----------
    message : str
        What is wrong, one line.
    hint : str, optional
        What the reader can do about it, one line.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes, whatever the constructor of a subclass asks for."""
        return _rebuilt, (type(self), self.args, vars(self))

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback: a person's mistake needs none."""
        return str(self).splitlines()


def _rebuilt(
    kind: type[RaydpMagicError], args: tuple[object, ...], state: dict[str, object]
) -> RaydpMagicError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(RaydpMagicError, ValueError):
    """A wrong argument, flag or cell body."""


class MissingDependencyError(RaydpMagicError, ImportError):
    """An optional library is needed, and is not installed."""

    def __init__(self, package: str, what: str, *, extra: str) -> None:
        super().__init__(
            f"{what} needs {package}, which is not installed",
            hint=f"run `%pip install 'raydp-magic[{extra}]'` and restart the kernel.",
        )
        self.package = package
        self.extra = extra


class JavaError(RaydpMagicError):
    """No Java that Spark can run on."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        path: str | None = None,
        version: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.version = version


class JavaNotFoundError(JavaError):
    """No Java was found at all, the bundled one included."""


class JavaUnsupportedError(JavaError):
    """A Java was asked for by name, and Spark does not run on it."""


class ClusterError(RaydpMagicError):
    """Starting, using or stopping the cluster failed."""


class NotRunningError(ClusterError):
    """No cluster is started in this process."""

    def __init__(self, what: str = "No raydp_magic cluster is running in this kernel") -> None:
        super().__init__(
            what,
            hint="start one with `%raydp_cluster start` (in Python: `raydp_magic.start()`).",
        )


class AlreadyRunningError(ClusterError):
    """A cluster with another request already runs in this process."""

    def __init__(self, running: str, asked: str, *, scale_to: int | None = None) -> None:
        stop = "stop it first with `%raydp_cluster stop` (in Python: `cluster.stop()`)."
        scale = f"`%raydp_cluster scale {scale_to}` changes the number of executors."
        super().__init__(
            f"A cluster already runs with {running}; asked for {asked}",
            hint=stop if scale_to is None else scale,
        )
        self.running = running
        self.asked = asked


class ForeignSparkError(ClusterError):
    """A SparkSession that this package did not make is alive in this process."""


class DoesNotFitError(ClusterError):
    """The live Ray nodes have no room for the request."""

    def __init__(self, message: str, *, asked: str, fits: str | None, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.asked = asked
        self.fits = fits


class RayUnreachableError(ClusterError):
    """No Ray answers at the address."""

    def __init__(self, message: str, *, address: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.address = address


class PortInUseError(ClusterError):
    """A port that was asked for by number is taken."""

    def __init__(self, port: int, what: str) -> None:
        super().__init__(
            f"Port {port}, asked for as {what}, is in use",
            hint="choose another, or leave it out and a free one is taken.",
        )
        self.port = port


class StartError(ClusterError):
    """A process of ours ended, or did not answer in time, while the cluster started."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        exit_code: int | None = None,
        log_tail: Sequence[str] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
        self.log_tail = tuple(log_tail)

    def __str__(self) -> str:
        text = super().__str__()
        if not self.log_tail:
            return text
        return text + "\nLast log lines:\n" + "\n".join(f"  {line}" for line in self.log_tail)


class ExecutorsLostError(StartError):
    """Executors kept dying and were given up."""


class QueryError(RaydpMagicError):
    """Spark refused a statement: syntax, unknown table, unknown column."""


class TrainingError(RaydpMagicError):
    """A training worker failed, more often than its retries allow."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        rank: int | None = None,
        worker_traceback: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.rank = rank
        self.worker_traceback = worker_traceback


class BridgeError(RaydpMagicError):
    """Moving data between Spark and Ray failed."""


class UnsupportedTypeError(BridgeError):
    """A column's type cannot be kept on the other side."""

    def __init__(self, column: str, type_: str, *, hint: str) -> None:
        super().__init__(f"Column {column!r} has type {type_}, which cannot cross", hint=hint)
        self.column = column
        self.type = type_


class DataLostError(BridgeError):
    """A block is gone because its owner or its node died."""
