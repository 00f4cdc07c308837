"""A trained estimator as a folder: `write` and `restore`."""

from __future__ import annotations

import json
import re
import shutil
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError

if TYPE_CHECKING:
    from raydp_magic.train.estimator import Estimator

RECORD = "estimator.json"
ARGUMENTS = "arguments.pkl"
CHECKPOINT = "checkpoint"
FORMAT = 1


def write(estimator: Estimator, path: str | Path, checkpoint: str) -> None:
    """Write an estimator; see :meth:`Estimator.save`.

    Parameters
    ----------
    estimator : Estimator
        A trained one.
    path : str or Path
        Where.
    checkpoint : str
        The folder of its checkpoint.

    Raises
    ------
    UsageError
        When the path is no folder's, or the folder holds something else.
    """
    from ray import cloudpickle

    target = _local(path)
    if target.exists() and not (target / RECORD).is_file() and _holds_something(target):
        raise UsageError(
            f"{path} holds something that is no saved estimator", hint="choose an empty folder."
        )
    kind = type(estimator)
    record = {
        "format": FORMAT,
        "module": kind.__module__,
        "class": kind.__qualname__,
        "history": estimator.history,
    }
    state = {"features": _names(estimator)} | estimator._describe()
    # Made before anything is touched: what is there stays whole when one of them cannot be.
    pickled = cloudpickle.dumps((estimator._arguments(), state))
    text = json.dumps(record, indent=1)
    target.mkdir(parents=True, exist_ok=True)
    fresh = target / f"{CHECKPOINT}-new"  # the old one may be what is copied
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(checkpoint, fresh)
    shutil.rmtree(target / CHECKPOINT, ignore_errors=True)
    fresh.rename(target / CHECKPOINT)
    _put(target / ARGUMENTS, pickled)
    _put(target / RECORD, text.encode())


def restore(path: str | Path, wanted: type[Estimator] | None = None) -> Estimator:
    """Read an estimator of any kind; see :meth:`Estimator.restore`.

    Parameters
    ----------
    path : str or Path
        The folder.
    wanted : type, optional
        The kind that it must be.

    Raises
    ------
    UsageError
        When there is none, or one of another kind.
    """
    import pickle

    source = _local(path)
    if not (source / RECORD).is_file():
        raise UsageError(
            f"There is no saved estimator in {path}",
            hint="`estimator.save(path)` writes one.",
        )
    record = json.loads((source / RECORD).read_text())
    if record["format"] > FORMAT:
        raise UsageError(
            f"{path} was saved by a newer raydp-magic",
            hint="upgrade: `pip install -U raydp-magic`.",
        )
    kind: type[Any] = getattr(import_module(record["module"]), record["class"])
    if wanted is not None and not issubclass(kind, wanted):
        raise UsageError(
            f"{path} holds {_one(kind)}, not {_one(wanted)}",
            hint=f"use `{kind.__name__}.restore(path)`.",
        )
    # Written by `save`; the docstring of `restore` says to trust the folder.
    arguments, state = pickle.loads((source / ARGUMENTS).read_bytes())  # noqa: S301
    estimator: Estimator = kind(**arguments)
    estimator._restored(str((source / CHECKPOINT).resolve()), record["history"], state)
    return estimator


def _local(path: str | Path) -> Path:
    """A folder's path; ``Path("s3://b")`` has lost a slash."""
    if re.match(r"[A-Za-z][\w+.-]*:/", str(path)):
        raise UsageError(
            f"{path} is an address, and estimators are saved in folders of this machine",
            hint="save it in a folder, and copy that.",
        )
    return Path(path)


def _one(kind: type) -> str:
    """``a TorchEstimator``, ``an XGBoostEstimator``."""
    return f"{'an' if kind.__name__[0] in 'AEIOX' else 'a'} {kind.__name__}"


def _put(path: Path, content: bytes) -> None:
    """Write a file, or leave the one that is there."""
    fresh = path.with_name(f"{path.name}-new")
    fresh.write_bytes(content)
    fresh.replace(path)


def _names(estimator: Estimator) -> list[list[str]] | None:
    used = estimator._used
    return None if used is None else [list(group) for group in used.groups]


def _holds_something(path: Path) -> bool:
    return not path.is_dir() or any(path.iterdir())
