"""What changed between two snapshots, as the panel's wire protocol says it. Pure.

Works on the wire form (``Snapshot.to_json()``); ``apply(before, make(before, after)) == after``.
Records that are the same object in both are not looked into.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Record = dict[str, Any]

KEYS: dict[str, itemgetter[Any]] = {
    "nodes": itemgetter("id"),
    "executors": itemgetter("slot"),
    "jobs": itemgetter("id"),
    "transfers": itemgetter("id"),
    "ledger": itemgetter("id"),
    "timeline": itemgetter("kind", "id"),
}
"""The lists of records, and what tells one record of a list from another."""


def make(before: Record, after: Record) -> Record:
    """What to send to who has `before`.

    Parameters
    ----------
    before, after : dict
        Snapshots in wire form, with the same fields.

    Returns
    -------
    dict
        ``set`` holds changed plain fields; ``lists``, for each changed list, ``edit`` (by key,
        the changed fields of a record), ``put`` (new records), ``drop`` (keys) and, only when
        putting and dropping leaves another order, ``order`` (keys). What is empty is absent.
    """
    plain: Record = {}
    lists: Record = {}
    for name, value in after.items():
        old = before[name]
        if name not in KEYS:
            if old != value:
                plain[name] = value
            continue
        change = _list_change(old, value, KEYS[name])
        if change is None:
            plain[name] = value
        elif change:
            lists[name] = change
    out: Record = {}
    if plain:
        out["set"] = plain
    if lists:
        out["lists"] = lists
    return out


def _list_change(before: list[Record], after: list[Record], key: itemgetter[Any]) -> Record | None:
    """The change of one list; None when it cannot be said by keys, for two records share one."""
    if before == after:
        return {}
    keys, new_keys = [*map(key, before)], [*map(key, after)]
    same = keys == new_keys  # nearly always
    if any(len({*names}) != len(names) for names in ((keys,) if same else (keys, new_keys))):
        return None
    if same:
        return {"edit": _edits(zip(keys, before, after, strict=True))}
    old = dict(zip(keys, before, strict=True))
    new = dict(zip(new_keys, after, strict=True))
    out: Record = {}
    edit = _edits((name, row, new[name]) for name, row in old.items() if name in new)
    if edit:
        out["edit"] = edit
    put = [row for name, row in new.items() if name not in old]
    if put:
        out["put"] = put
    drop = [_word(name) for name in old if name not in new]
    if drop:
        out["drop"] = drop
    kept = [name for name in old if name in new]
    if new_keys != [*kept, *(name for name in new if name not in old)]:
        out["order"] = [*map(_word, new)]
    return out


def _edits(rows: Iterable[tuple[Any, Record, Record]]) -> dict[str, Record]:
    """Of each changed record what has changed: a few numbers out of twenty fields."""
    out: dict[str, Record] = {}
    for name, old, new in rows:
        if old is new:
            continue
        changed = {}
        for field, value in new.items():
            if old[field] != value:
                changed[field] = value  # noqa: PERF403 -- a comprehension is one call more a record
        if changed:
            out[_word(name)] = changed
    return out


def _word(key: Any) -> str:
    """A key as it is on the wire."""
    return ":".join(key) if isinstance(key, tuple) else str(key)


def apply(record: Record, diff: Record) -> Record:
    """The record after the diff; the frontend's ``apply`` is its twin.

    Raises
    ------
    KeyError
        When the diff was made for another record.
    """
    out = {**record, **diff.get("set", {})}
    for name, change in diff.get("lists", {}).items():
        key = KEYS[name]
        rows = {_word(key(row)): row for row in record[name]}
        for gone in change.get("drop", ()):
            del rows[gone]
        for changed, fields in change.get("edit", {}).items():
            rows[changed] = {**rows[changed], **fields}
        for row in change.get("put", ()):
            rows[_word(key(row))] = row
        out[name] = (
            [rows[name] for name in change["order"]] if "order" in change else [*rows.values()]
        )
    return out
