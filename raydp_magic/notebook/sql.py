"""The one statement of a SQL body. Pure."""

from __future__ import annotations

import re

from raydp_magic.errors import UsageError

_TOKEN = re.compile(
    r"""
      --[^\n]*                      # comment to the end of the line
    | /\*.*?(?:\*/|\Z)              # bracketed comment
    | (?<!\w)[rR](?:'[^']*'|"[^"]*")  # raw string: a backslash is only a backslash
    | '(?:\\.|[^'\\])*'
    | "(?:\\.|[^"\\])*"
    | `[^`]*`
    | ;
    | \s+
    | .
    """,
    re.DOTALL | re.VERBOSE,
)
_SCRIPT = re.compile(r"(?:\w+\s*:\s*)?BEGIN\b", re.IGNORECASE)


def single_statement(body: str, first_line: int | None = None) -> str:
    """The statement of a body, without a semicolon behind it.

    Spark's ``BEGIN ... END`` scripts hold semicolons of their own and pass as they are.

    Parameters
    ----------
    body : str
        SQL text, comments included.
    first_line : int, optional
        The line of the cell that it begins in, when that is known.

    Returns
    -------
    str
        What ``spark.sql`` is given. Leading blank lines are kept, so that the line numbers in
        Spark's messages are those of the body.

    Raises
    ------
    UsageError
        When it holds no statement, or more than one.
    """
    first: int | None = None
    end: int | None = None
    for token in _TOKEN.finditer(body):
        text = token[0]
        if text.isspace() or text.startswith(("--", "/*")):
            continue
        if text == ";":
            if end is None and first is not None:
                end = token.start()
            continue
        if first is None:
            first = token.start()
            if _SCRIPT.match(body, first):
                return body
        if end is not None:
            line = body.count("\n", 0, token.start()) + (first_line or 1)
            where = f" in line {line} of the cell," if first_line else ""
            start = body[token.start() :].splitlines()[0].strip()
            raise UsageError(
                f"One statement at a time: another begins{where} `{start[:60]}`",
                hint="give each statement a cell of its own.",
            )
    if first is None:
        raise UsageError("The SQL cell holds no statement", hint="write one, such as `SELECT 1`.")
    return body if end is None else body[:end]
