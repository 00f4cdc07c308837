"""The ledger: what the bridge has moved and what is still held."""

from __future__ import annotations

import contextlib
import gc
import itertools
import threading
import time
import weakref
from dataclasses import dataclass, field
from typing import Any

from raydp_magic.bridge.keepers import keepers
from raydp_magic.bridge.references import referred
from raydp_magic.engine import ray_session
from raydp_magic.errors import UsageError

TO_RAY = "spark -> ray"
TO_SPARK = "ray -> spark"
FREEING_SECONDS = 3.0
"""How long Ray may take to free a block after its last reference went."""

_lock = threading.Lock()
_entries: list[LedgerEntry] = []
_numbers = itertools.count(1)
_pruned_at = 0.0
_ray: str | None = None
"""The Ray that holds them, as `ray_session.identity` tells it from any other."""


@dataclass
class LedgerEntry:
    """One thing that crossed.

    Attributes
    ----------
    name : str
        The variable it is bound to when that is known, else ``"#N"``, or ``"#N:what"``.
    direction : str
        ``"spark -> ray"`` or ``"ray -> spark"``.
    rows, bytes : int or None
        Its size; bytes as Arrow.
    blocks : int
        How many Ray objects.
    nodes : frozenset of str
        Ids of the Ray nodes that hold, or are asked for, the blocks.
    transfer : str
        Internal name of the conversion.
    """

    name: str
    direction: str
    rows: int | None
    bytes: int | None
    blocks: int
    nodes: frozenset[str]
    transfer: str
    object_ids: frozenset[str] = field(repr=False, default=frozenset())
    value: weakref.ref[Any] | None = field(repr=False, default=None)
    session: weakref.ref[Any] | None = field(repr=False, default=None)
    unbound_name: str = field(repr=False, default="")
    released: bool = field(repr=False, default=False)

    @property
    def is_bound(self) -> bool:
        """Whether it goes by a name, and not by its number."""
        return not self.name.startswith("#")


def record(
    direction: str,
    *,
    transfer: str,
    rows: int | None,
    size: int | None,
    nodes: frozenset[str],
    object_ids: frozenset[str],
    value: Any = None,
    session: Any = None,
    what: str = "",
) -> LedgerEntry:
    """Note a conversion; `session` is the Spark session that reads what came from Ray.

    `what` says, in a word, what it is while no variable does.

    Of ours only its SparkContext is remembered: views outlive the Python object of a session.
    """
    global _ray
    number = f"#{next(_numbers)}" + (f":{what}" if what else "")
    entry = LedgerEntry(
        name=number,
        unbound_name=number,
        direction=direction,
        rows=rows,
        bytes=size,
        blocks=len(object_ids),
        nodes=nodes,
        transfer=transfer,
        object_ids=object_ids,
        value=_weak(value),
        session=_weak(_sc(session)),
    )
    ray = ray_session.identity()
    with _lock:
        if ray != _ray:
            _entries.clear()
        _ray = ray
        _entries.append(entry)
    return entry


def ledger(*, max_age: float = 0.0) -> list[LedgerEntry]:
    """What the bridge holds now, oldest first.

    An entry goes when the last reference to its blocks went, or it was released.

    Parameters
    ----------
    max_age : float
        Accept an answer of Ray's that is this many seconds old.

    Returns
    -------
    list of LedgerEntry
        A copy; changing it changes nothing.
    """
    prune(max_age=max_age)
    with _lock:
        return [entry for entry in _entries if not entry.released]


def name_values(variables: dict[str, Any]) -> None:
    """Call entries by the variable that holds their value (the notebook passes its namespace).

    One whose variable holds something else by now has its number again.
    """
    if not _entries:
        return
    own = {name: value for name, value in list(variables.items()) if not name.startswith("_")}
    names: dict[int, str] = {}
    for name, value in own.items():
        names.setdefault(id(value), name)  # the first of several variables
    first_refs = {
        value[0].hex(): name
        for name, value in own.items()
        if isinstance(value, list) and value and type(value[0]).__name__ == "ObjectRef"
    }
    with _lock:
        for entry in _entries:
            value = entry.value() if entry.value is not None else None
            by_ref = entry.object_ids & first_refs.keys() if value is None else ()
            if value is not None and id(value) in names:
                entry.name = names[id(value)]
            else:
                entry.name = first_refs[min(by_ref)] if by_ref else entry.unbound_name


def entry_of(value: Any) -> LedgerEntry | None:
    """The entry of a DataFrame or Dataset that crossed; None when there is none."""
    with _lock:
        return next((e for e in _entries if not e.released and _is(e, value)), None)


def give_name(value: Any, name: str) -> None:
    """Call the entry of something that crossed by a name that is no variable's of its own."""
    entry = entry_of(value)
    if entry is not None:
        entry.name = entry.unbound_name = name


def holders(entry: LedgerEntry, variables: dict[str, Any]) -> list[str]:
    """The variables that hold an entry's value, or a list of refs to its blocks."""
    value = entry.value() if entry.value is not None else None
    return [
        name
        for name, held in list(variables.items())  # a running cell may change them
        if (value is not None and held is value) or _refers(held, entry.object_ids)
    ]


def _refers(value: Any, object_ids: frozenset[str]) -> bool:
    refs = value if isinstance(value, list) else ()
    return bool(refs) and all(
        type(ref).__name__ == "ObjectRef" and ref.hex() in object_ids for ref in refs
    )


def release(x: Any) -> None:
    """Give back what the bridge holds for something that crossed.

    A DataFrame made by :func:`to_spark` can be computed no more after this. Blocks that
    :func:`to_ray` and :func:`to_refs` gave to Ray belong to whoever holds a reference: they are
    freed when the last one goes; this only strikes them from the ledger.

    Parameters
    ----------
    x : DataFrame, Dataset, LedgerEntry or str
        The value, its entry, or its name in the ledger.

    Raises
    ------
    UsageError
        When the bridge holds nothing for it.
    """
    with _lock:
        found = [entry for entry in _entries if not entry.released and _is(entry, x)]
        for entry in found:
            entry.released = True  # not removed: its keepers must live while its blocks do
        names = ", ".join(e.name for e in _entries if not e.released) or "nothing"
    if not found:
        what = x if isinstance(x, str) else type(x).__name__
        raise UsageError(f"The bridge holds nothing for {what!r}", hint=f"it holds: {names}.")
    for entry in found:
        for actor in keepers.known().values():
            actor.drop.remote(entry.transfer)


def prune(*, max_age: float = 0.0, timeout: int = 5) -> None:
    """Strike entries whose blocks are gone; looks at most every `max_age` seconds."""
    global _pruned_at
    with _lock:
        if not _entries or time.monotonic() - _pruned_at < max_age:
            return
        _pruned_at = time.monotonic()
        known = list(_entries)
    if ray_session.identity() != _ray:
        with _lock:
            _entries.clear()
        return
    _drop([entry for entry in _reading() if _ended(entry)])
    try:
        in_use, here = keepers.in_use(timeout), referred()
    except Exception:  # noqa: BLE001 - an answer that fails must not lose entries
        return
    gone = [entry for entry in known if not _stays(entry, in_use, here)]
    with _lock:
        _entries[:] = [entry for entry in _entries if entry not in gone]


def _stays(entry: LedgerEntry, in_use: set[str], here: set[str]) -> bool:
    """Whether something of an entry is left.

    Parameters
    ----------
    in_use : set of str
        Transfers of which somebody refers to a keeper's block.
    here : set of str
        Ids of objects that this process knows of: the block of an empty DataFrame is its own.
    """
    if entry.direction == TO_SPARK:
        return not entry.released
    return entry.transfer in in_use or not entry.object_ids.isdisjoint(here)


def still_held() -> list[LedgerEntry]:
    """Results that Spark gave to Ray and somebody still refers to, released ones too."""
    with _lock:
        return [entry for entry in _entries if entry.direction == TO_RAY]


def end_session(session: Any) -> None:
    """A Spark session has ended: drop what it read; end keepers that have nothing left to do."""
    same = [entry for entry in _reading() if _ended(entry) or _reader(entry) is _sc(session)]
    _drop(same)
    if not keepers.known():
        return
    gc.collect()  # what is only garbage is not in use: a Dataset's parts refer to each other
    deadline = time.monotonic() + FREEING_SECONDS
    prune(timeout=20)
    while _unsure() and time.monotonic() < deadline:
        time.sleep(0.2)
        prune(timeout=20)
    if not still_held() and not _reading():
        keepers.end_all()


def _reading() -> list[LedgerEntry]:
    """Entries of DataFrames that may still be computed."""
    with _lock:
        return [entry for entry in _entries if entry.direction == TO_SPARK]


def _drop(entries: list[LedgerEntry]) -> None:
    """Strike entries and have the keepers let go of their blocks, before anybody looks."""
    import ray

    if not entries:
        return
    with _lock:
        _entries[:] = [entry for entry in _entries if entry not in entries]
    actors = keepers.known().values()
    drops = [actor.drop.remote(entry.transfer) for entry in entries for actor in actors]
    if drops:
        with contextlib.suppress(ray.exceptions.RayError):
            ray.wait(drops, num_returns=len(drops), timeout=FREEING_SECONDS)


def _ended(entry: LedgerEntry) -> bool:
    """Whether the session that reads an entry's blocks can do so no more."""
    reader = _reader(entry)
    if reader is None or getattr(reader, "is_stopped", False):  # Spark Connect's
        return True
    return getattr(reader, "_jsc", reader) is None


def _reader(entry: LedgerEntry) -> Any:
    return entry.session() if entry.session is not None else None


def _sc(session: Any) -> Any:
    """The SparkContext, which sessions of one application share; Connect's have none."""
    return getattr(session, "_sc", session)


def _unsure() -> bool:
    """Whether Ray still counts blocks of values that are gone here: it needs a moment to free."""
    with _lock:
        return any(entry.value is not None and entry.value() is None for entry in _entries)


def _is(entry: LedgerEntry, x: Any) -> bool:
    if isinstance(x, str):
        return x in (entry.name, entry.name.partition(":")[0])
    if isinstance(x, LedgerEntry):
        return entry is x
    return entry.value is not None and entry.value() is x


def _weak(value: Any) -> weakref.ref[Any] | None:
    if value is None:
        return None
    try:
        return weakref.ref(value)
    except TypeError:
        return None
