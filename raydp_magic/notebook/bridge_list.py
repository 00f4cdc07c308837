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


def give_back(variables: dict[str, Any], wanted: str) -> str:
    """Release an entry; returns a line about it.

    What Ray got lives while something refers to it: the variables that hold it go, too.

    Parameters
    ----------
    variables : dict
        The user's namespace.
    wanted : str
        Its name as the list shows it, any variable that holds it, or its transfer.

    Raises
    ------
    UsageError
        When the bridge holds nothing of that name.
    """
    from raydp_magic.bridge.ledger import TO_RAY, entry_of, holders, ledger, name_values, release

    name_values(variables)
    held = variables.get(wanted)
    entry = None if held is None else entry_of(held)
    if entry is None:  # a list of refs, or a name that is no variable's
        entry = next((known for known in ledger() if wanted in (known.transfer, known.name)), None)
    release(entry or wanted)
    if entry is None:
        return f"{wanted} is given back."
    gone = holders(entry, variables) if entry.direction == TO_RAY else []
    for name in gone:
        variables.pop(name, None)
    said = f"{entry.name} is given back"
    names = ", ".join(name for name in gone if not name.startswith("_"))
    if names:
        said += f": unbound {names}; Ray frees the blocks that nothing else refers to"
    return f"{said}."


def _shown(name: str, value: Any) -> str | None:
    """Give a field's text; of the set of nodes, how many they are."""
    from raydp_magic.panel.amounts import format_bytes, format_count

    if name == "nodes":
        return str(len(value))
    if name == "bytes" or value is None:  # rows that nobody has counted: the same dash
        return format_bytes(value)
    return format_count(value) if isinstance(value, int) else value
