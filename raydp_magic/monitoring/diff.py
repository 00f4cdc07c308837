"""What changed between two snapshots, as the panel's wire protocol says it. Pure.

Works on the wire form (``Snapshot.to_json()``); ``apply(before, make(before, after)) == after``.
Records that are the same object in both are not looked into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Record = dict[str, Any]

KEYS: dict[str, Callable[[Record], str]] = {
    "nodes": lambda row: str(row["id"]),
    "executors": lambda row: str(row["slot"]),
    "jobs": lambda row: str(row["id"]),
    "transfers": lambda row: str(row["id"]),
    "ledger": lambda row: str(row["id"]),
    "timeline": lambda row: f"{row['kind']}:{row['id']}",
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
        ``set`` holds changed plain fields; ``lists``, for each changed list, ``put`` (records new
        or changed), ``drop`` (keys) and, only when putting and dropping leaves another order,
        ``order`` (keys). What is empty is absent.
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


def _list_change(
    before: list[Record], after: list[Record], key: Callable[[Record], str]
) -> Record | None:
    """The change of one list; None when it cannot be said by keys, for two records share one."""
    if len(before) == len(after):
        # Nearly always the same records in the same places.
        moved = [(a, b) for a, b in zip(before, after, strict=True) if a is not b and a != b]
        if not moved:
            return {}
        same_keys = all(key(a) == key(b) for a, b in moved)
        if same_keys and len({key(row) for row in before}) == len(before):
            return {"put": [b for _, b in moved]}
    old = {key(row): row for row in before}
    new = {key(row): row for row in after}
    if len(old) != len(before) or len(new) != len(after):
        return None
    out: Record = {}
    put = [row for name, row in new.items() if not _same(old.get(name), row)]
    if put:
        out["put"] = put
    drop = [name for name in old if name not in new]
    if drop:
        out["drop"] = drop
    order = list(new)
    kept = [name for name in old if name in new]
    if order != [*kept, *(name for name in order if name not in old)]:
        out["order"] = order
    return out


def _same(old: Record | None, new: Record) -> bool:
    return old is new or old == new


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
        rows = {key(row): row for row in record[name]}
        for gone in change.get("drop", ()):
            del rows[gone]
        for row in change.get("put", ()):
            rows[key(row)] = row
        out[name] = (
            [rows[name] for name in change["order"]] if "order" in change else [*rows.values()]
        )
    return out
