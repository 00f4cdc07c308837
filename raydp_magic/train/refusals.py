"""What XGBoost and LightGBM refuse, in their essential sentence. Pure."""

from __future__ import annotations

import re
from difflib import get_close_matches

from raydp_magic.errors import UsageError

_LIBRARIES = {"XGBoostError": "XGBoost", "LightGBMError": "LightGBM"}
_PERSONS = re.compile(
    r"unknown (objective|metric|gbm|boosting)|parameter|invalid input: |\blabels?\b|base_score"
    r"|num_class|number of classes|config_auto",
    re.IGNORECASE,
)
"""What these libraries say of parameters and labels, and never of a worker that has died."""
_QUOTED = re.compile(r"[`'\"]([^`'\"]+)[`'\"]")


def is_tree_error(error: BaseException) -> bool:
    """Whether one of the libraries has raised it; looks at its name, and imports neither."""
    return type(error).__name__ in _LIBRARIES


def refusal(error: BaseException) -> UsageError | None:
    """What to raise when a library refuses parameters, metrics or labels; None for all else.

    Parameters
    ----------
    error : BaseException
        Any.
    """
    text = str(error)
    if not is_tree_error(error) or not _PERSONS.search(text.partition("Stack trace:")[0]):
        return None
    return UsageError(f"{_LIBRARIES[type(error).__name__]}: {essential(text)}", hint=_hint(text))


def essential(text: str) -> str:
    """A library's first sentence, without times, places in its sources and its stack.

    Parameters
    ----------
    text : str
        Such as ``[04:03:58] /src/metric.cc:49: Unknown metric function acc``.
    """
    said = re.split(r"\n?Stack trace:|\n\w+ candidate: ", text)[0]
    said = re.sub(r"^(\[[\d:]+\] )?(\S+\.(cc|cu|h|cuh|cpp):\d+: )?", "", said)
    said = re.sub(r" at \S+\.\w+, line \d+ ?\.?", "", said)
    said = re.sub(r"^Check failed: [^:]*: (?=\S)", "", said)
    return " ".join(said.split()).rstrip(".")


def same(text: str) -> str:
    """An error's text without what differs when it comes again: times and addresses."""
    return re.sub(r"\b\d\d:\d\d:\d\d\b|\b0x[0-9a-fA-F]+\b", "*", text)


def _hint(text: str) -> str:
    candidates = re.findall(r"candidate: (\S+)", text)
    named = _QUOTED.search(text)
    near = get_close_matches(named[1], candidates, 1) if named else []
    if near:
        return f"did you mean {near[0]!r}?"
    if candidates:
        return f"it knows {', '.join(sorted(candidates))}."
    if "base_score" in text or re.search(r"\blabels?\b", text):
        return "the objective does not take each value of the label column."
    return "look at the parameters and at `metrics`."
