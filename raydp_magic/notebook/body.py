"""Run the Python body of a cell in the user's namespace; its last expression is the value."""

from __future__ import annotations

import ast
import io
import tokenize
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError
from raydp_magic.notebook.cell_number import cell_number
from raydp_magic.notebook.failure import (
    as_lines,
    came_of_interrupt,
    interrupted_in,
    line_of,
    read,
    with_frames_of,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_QUIET_TOKENS = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.DEDENT}
)


def run_body(shell: InteractiveShell, body: str) -> Any:
    """Run a body as IPython runs a cell: magics, AST transformers, tracebacks with source lines.

    Parameters
    ----------
    shell : InteractiveShell
        Whose namespace it runs in.
    body : str
        The cell without its first line.

    Returns
    -------
    object
        The value of the last expression; None when there is none or a semicolon ends it.

    Raises
    ------
    UsageError
        For a syntax error, with its line in the cell.
    RaydpMagicError
        For an error of Spark that :func:`~raydp_magic.engine.translate.translate` reads.
    """
    source = _transformed(shell, body)
    filename = shell.compile.cache(source, cell_number(shell), raw_code=body)
    try:
        tree = shell.transform_ast(ast.parse(source, filename))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        statements = compile(tree, filename, "exec")
        value = compile(ast.Expression(last.value), filename, "eval") if last else None
    except SyntaxError as error:
        raise _syntax_error(error, source) from None
    try:
        exec(statements, shell.user_global_ns, shell.user_ns)  # noqa: S102 -- the user's own cell
        result = None
        if value is not None:
            result = eval(value, shell.user_global_ns, shell.user_ns)  # noqa: S307 -- as above
    except (Exception, KeyboardInterrupt) as error:
        ours = read(error)
        if ours is None:
            show = interrupted_in if came_of_interrupt(error) else with_frames_of
            show(error, filename, shell)
            raise
        line = line_of(error, filename)
        where = f"Cell line {line}: " if line else ""
        raise as_lines(ours, f"{where}{ours}") from error
    return None if ends_with_semicolon(source) else result


def _transformed(shell: InteractiveShell, body: str) -> str:
    """IPython's syntax turned into Python, moved so that line numbers are the cell's."""
    lines = body.splitlines()
    blank = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    try:
        # transform_cell drops leading blank lines; line 1 of the cell is the magic itself.
        transformed: str = shell.transform_cell(body)
    except SyntaxError as error:
        raise _syntax_error(error, "\n" + body) from None
    return "\n" * (1 + blank) + transformed


def _syntax_error(error: SyntaxError, source: str) -> UsageError:
    lines = source.splitlines()
    line = error.lineno or 1
    text = (lines[line - 1] if line <= len(lines) else error.text or "").strip()
    message = error.msg or "invalid syntax"
    hint = None
    if "outside" in message and ("await" in message or "async" in message):
        hint = "put it in a cell without the magic, where `spark` is there too."
    shown = f", `{text[:80]}`" if text else ""
    return UsageError(f"Syntax error in line {line} of the cell{shown}: {message}", hint=hint)


def ends_with_semicolon(source: str) -> bool:
    """Whether the last token of a source is a semicolon, which in IPython hides the value."""
    last = None
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type not in _QUIET_TOKENS:
                last = token.string
    except (tokenize.TokenError, SyntaxError):
        return False
    return last == ";"
