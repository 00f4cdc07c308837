"""Ask a module of ours that may not be there yet. Imports nothing."""

from __future__ import annotations

import sys
from typing import Any


def ask(module: str, function: str) -> Any:
    """Call a function without arguments; None when its module was not imported to the end yet.

    Another thread may be importing it right now: then it is there without some of its names.

    Parameters
    ----------
    module : str
        Its full name.
    function : str
        The function's name.
    """
    found = getattr(sys.modules.get(module), function, None)
    return None if found is None else found()
