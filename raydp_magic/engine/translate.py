"""Foreign errors to ours: the one border where PySpark, Py4J and socket errors are read.

Classes are recognised by module and name through the MRO, so nothing heavy is imported here
and the same code serves classic PySpark 3.5 and 4.x and Spark Connect.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from raydp_magic.errors import (
    BridgeError,
    ClusterError,
    QueryError,
    RaydpMagicError,
    StartError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_QUERY = "pyspark.errors.exceptions.base."
_STATEMENT_ERRORS = frozenset(
    _QUERY + name
    for name in (
        "AnalysisException",
        "ParseException",
        "ArithmeticException",
        "ArrayIndexOutOfBoundsException",
        "DateTimeException",
        "NumberFormatException",
        "SparkRuntimeException",
    )
)
_TOLD_FIRST = "setCallSite"
_UNREADABLE = "CANNOT_PARSE_DATATYPE"
_GATEWAY_ERRORS = frozenset({"py4j.protocol.Py4JNetworkError"})
_PYTHON_ERROR = _QUERY + "PythonException"
_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (.+)')
_POSITION = re.compile(r"\(?line (\d+),? pos(?:ition)? (\d+)\)?")
_SUGGESTED = re.compile(r"Did you mean one of the following\? \[([^\]]*)\]")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[A-Z`\"(])|\n")
_POINTER = re.compile(r"-*\^\^\^")
_MISSING_CLASS = re.compile(r"(?:ClassNotFoundException|NoClassDefFoundError): ([\w.$/]+)")
_MAX_SUGGESTIONS = 5


def translate(
    error: BaseException, *, sql_line: int | None = None, one_runs: bool = False
) -> RaydpMagicError | None:
    """Read an error of PySpark or Py4J.

    Parameters
    ----------
    error : BaseException
        Anything that a call into Spark raised.
    sql_line : int, optional
        The line of the cell that its SQL begins in: the lines in the message are then the cell's,
        else the statement's.
    one_runs : bool
        Whether a Spark of ours runs: then it is an earlier one that gives no answer.

    Returns
    -------
    RaydpMagicError or None
        Ours, one line and a hint; None when the error is not one that has a better text than
        its own (a Python exception of the user's code, say).
    """
    if isinstance(error, RaydpMagicError):
        return error
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if names & _STATEMENT_ERRORS:
        return _query_error(error, sql_line)
    if _PYTHON_ERROR in names:
        return _python_error(str(error))
    if names & _GATEWAY_ERRORS or _from_ended(error):
        if one_runs:
            return ClusterError(
                "This belongs to a Spark that has ended; another one runs now",
                hint="make it again with `spark`; a Ray result that you still hold becomes a "
                "DataFrame of the new one by `raydp_magic.to_spark`.",
            )
        return ClusterError(
            "Spark's driver has ended, so this session can run nothing more",
            hint="`%raydp_cluster start` starts a new one; make its DataFrames again.",
        )
    return None


def refused_start(text: str, settings: Sequence[str] = ()) -> StartError:
    """Read what Java said when it refused to make the SparkContext.

    Parameters
    ----------
    text : str
        Py4J's message with the Java stack.
    settings : sequence of str
        Names of the settings that were given by hand.

    Returns
    -------
    StartError
        Without the stack: it is Py4J's and Spark's own.
    """
    missing = _MISSING_CLASS.search(text)
    if missing is not None:
        return StartError(
            f"Spark's driver refused to start: there is no class {missing[1].replace('/', '.')}",
            hint="look for its name in the settings (--conf); a JAR of yours goes into "
            "spark.driver.extraClassPath and spark.executor.extraClassPath.",
        )
    if "on a stopped SparkContext" in text:  # ended while it was made: no master took it
        return StartError(
            "Spark's master did not answer, or ended the application while it started",
            hint="is the address after --master right, and does the master's page show it?",
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next(
        (line for line in lines if re.search(r"(Exception|Error): ", line)),
        lines[0] if lines else "",
    )
    reason = re.sub(r"^:?\s*(?:[a-z]\w*\.)+(?:\w*)(?:Exception|Error): ", "", said)
    names = ", ".join(settings)
    return StartError(
        f"Spark's driver refused to start: {reason.removesuffix('.')}",
        hint=f"look at the settings that were given by hand (--conf): {names}."
        if names
        else "`raydp-magic doctor` in a terminal looks at the Java and the Spark here.",
    )


def _query_error(error: BaseException, sql_line: int | None) -> QueryError:
    text = str(error).strip()
    message = _first_sentence(text)
    position = _POSITION.search(text)
    if position is not None and _POSITION.search(message) is None:
        line, column = _inside(text, int(position[1]), int(position[2]))
        where = "statement" if sql_line is None else "cell"
        message += f" (line {line + (sql_line or 1) - 1} of the {where}, pos {column})"
    return QueryError(message, hint=_hint(error, text))


def _inside(text: str, line: int, column: int) -> tuple[int, int]:
    """Of a position behind the end of an unfinished statement, the end of its last line."""
    _, found, quoted = text.partition("== SQL ==\n")
    if not found:
        return line, column
    lines = [row for row in quoted.splitlines() if not _POINTER.fullmatch(row.strip())]
    written = [number for number, row in enumerate(lines, 1) if row.strip()]
    if not written or line <= written[-1]:
        return line, column
    return written[-1], len(lines[written[-1] - 1].rstrip())


def _python_error(text: str) -> RaydpMagicError:
    """What the user's Python function raised on an executor, and where in the user's code."""
    traceback, _, _ = text.partition("\n\n\tat ")  # Spark 3.5 adds the Java stack
    lines = [line for line in traceback.splitlines() if line.strip()]
    frames = [match for line in lines if (match := _FRAME.search(line))]
    own = [match for match in frames if "/pyspark/" not in match[1]]
    hint = None
    if own:
        path, line, function = own[-1].groups()
        where = "its cell" if "ipykernel_" in path or path.startswith("<ipython-") else path
        hint = f"raised in line {line} of {where}, in {function}."
    _, found, ours = traceback.rpartition(": raydp_magic: ")  # our own half of a conversion
    if found:
        message, *more = ours.strip().splitlines()
        if more and more[0].startswith("Hint: "):
            return BridgeError(message, hint=more[0].removeprefix("Hint: "))
        return BridgeError(message, hint=hint if more else None)
    raised = lines[-1].strip() if lines else text
    return QueryError(f"A Python function failed on an executor: {raised}", hint=hint)


def _first_sentence(text: str) -> str:
    """What is wrong, without the condition's name, the SQLSTATE and the plan."""
    text = re.sub(r"^\[[A-Z0-9_.]+\]\s*", "", text)
    text = re.sub(r"\s*SQLSTATE: \w{5}", "", text)
    # Spark 3.5 writes no blank between the sentence and "(line 1, pos 0)".
    text = re.split(r";?\s*\(?line \d+,? pos", text, maxsplit=1)[0]
    return _SENTENCE_END.split(text.strip(), maxsplit=1)[0].strip().rstrip(".;")


def _hint(error: BaseException, text: str) -> str | None:
    suggested = _SUGGESTED.search(text)
    if suggested is not None and suggested[1]:
        names = suggested[1].split(", ")
        shown = ", ".join(names[:_MAX_SUGGESTIONS])
        more = ", ..." if len(names) > _MAX_SUGGESTIONS else ""
        return f"did you mean {shown}{more}?"
    condition = _condition(error)
    if condition.startswith("TABLE_OR_VIEW_NOT_FOUND"):
        return "`SHOW TABLES` lists what there is; df.createOrReplaceTempView('name') makes one."
    if condition.startswith("UNRESOLVED_ROUTINE"):
        return "`SHOW FUNCTIONS` lists what there is."
    if condition == "PARSE_SYNTAX_ERROR":
        return _pointed_line(text)
    rest = _SENTENCE_END.split(re.sub(r"\s*SQLSTATE: \w{5}", "", text), maxsplit=2)
    if len(rest) > 1 and re.match(r"(Add|Correct|Use|Try|Verify|Choose|Set|Rename)\b", rest[1]):
        return re.split(r"; line \d+ pos", rest[1])[0].strip()
    return None


def _pointed_line(text: str) -> str | None:
    """The line of the statement that Spark's ``^^^`` points at."""
    lines = text.splitlines()
    for above, line in itertools.pairwise(lines):
        if _POINTER.fullmatch(line.strip()) and above.strip():
            return f"Spark stopped reading at {'`' + above.strip()[:120] + '`'}."
    return None


def _condition(error: BaseException) -> str:
    for name in ("getCondition", "getErrorClass"):  # 4.x, 3.5
        method = getattr(error, name, None)
        if callable(method):
            try:
                return str(method() or "")
            except Exception:  # noqa: BLE001 -- it asks the JVM, which may be gone
                return ""
    return ""


def _from_ended(error: BaseException) -> bool:
    """Whether PySpark has nobody to ask: the gateway's socket is closed, or the context stopped."""
    if isinstance(error, ConnectionError):
        return _from_py4j(error)
    if isinstance(error, AttributeError):  # of `collect()`, which tells the context first
        return error.obj is None and error.name == _TOLD_FIRST
    why = error.__context__  # of `schema`, which takes any error for one of reading it
    return _UNREADABLE in str(error) and isinstance(why, ConnectionError) and _from_py4j(why)


def _from_py4j(error: BaseException) -> bool:
    """Whether a plain ConnectionError came out of the gateway's socket."""
    frame: TracebackType | None = error.__traceback__
    while frame is not None:
        if str(frame.tb_frame.f_globals.get("__name__", "")).startswith("py4j."):
            return True
        frame = frame.tb_next
    return False
