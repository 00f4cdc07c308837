"""What the bridge holds, as text, and giving it back by the name of a variable."""

from __future__ import annotations

import gc
from typing import Any

from raydp_magic.notebook.table import Column, Preview, render_text

_COLUMNS = ("name", "direction", "rows", "bytes", "blocks", "nodes")
_TEXTS = ("name", "direction")


def ledger_text(variables: dict[str, Any]) -> str:
    """Draw the ledger as a table, or say that it is empty.

    Parameters
    ----------
    variables : dict
        The user's namespace: entries are called by the variable that holds them.
    """
    from raydp_magic.bridge.ledger import ledger, name_values

    # What ran a Dataset refers to itself, and to the blocks, until the next collection (Ray Data
    # 2.60, *measured*); ipykernel keeps it 10 s longer.
    gc.collect()
    name_values(variables)
    rows = tuple(
        tuple(_shown(name, getattr(record, name)) for name in _COLUMNS) for record in ledger()
    )
    if not rows:
        return "The bridge holds nothing."
    columns = tuple(Column(name, "", numeric=name not in _TEXTS) for name in _COLUMNS)
    table = render_text(Preview(columns, rows, len(rows) + 1, len(columns)))
    return "\n".join(table.splitlines()[: 2 + len(rows)])


def give_back(variables: dict[str, Any], name: str) -> str:
    """Release an entry by its name, or by any variable that holds it; returns a line about it.

    What Ray got lives while something refers to it: the variables that hold it go, too.

    Parameters
    ----------
    variables : dict
        The user's namespace.
    name : str
        As the list shows it.

    Raises
    ------
    UsageError
        When the bridge holds nothing of that name.
    """
    from raydp_magic.bridge.ledger import TO_RAY, entry_of, ledger, name_values, release

    name_values(variables)
    held = variables.get(name)
    entry = None if held is None else entry_of(held)
    if entry is None:  # a list of refs, or a name that is no variable's
        entry = next((known for known in ledger() if known.name == name), None)
    in_ray = entry is not None and entry.direction == TO_RAY
    release(entry or name)
    if not in_ray or name not in variables:
        return f"{name} is given back."
    value = variables[name]
    gone = [other for other, held in variables.items() if held is value]
    for other in gone:
        del variables[other]
    names = ", ".join(other for other in gone if not other.startswith("_"))
    return (
        f"{name} is given back: unbound {names}; Ray frees the blocks that nothing else refers to."
    )


def _shown(name: str, value: Any) -> str | None:
    """Give a field's text; of the set of nodes, how many they are."""
    from raydp_magic.panel.amounts import format_bytes, format_count

    if name == "nodes":
        return str(len(value))
    if name == "bytes":
        return format_bytes(value)
    return format_count(value) if isinstance(value, int) else value
