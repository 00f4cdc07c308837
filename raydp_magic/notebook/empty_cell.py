"""Let a ``%%raydp_...`` cell without a body reach its magic, so that it can answer. Pure.

IPython refuses such a cell with an error of its own, ``%%raydp_spark -h`` among them.
"""

from __future__ import annotations

import re

_OURS = re.compile(r"\s*%%raydp_(spark|sql)\b")


def with_body(lines: list[str]) -> list[str]:
    """Input transformer: add an empty line to a cell of ours that has only its first line."""
    text = [line for line in lines if line.strip()]
    if len(text) == 1 and not text[0].rstrip().endswith("?") and _OURS.match(text[0]):
        return [text[0].strip() + "\n", "\n"]
    return lines
