"""What the bridge holds, as text."""

from __future__ import annotations

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

    name_values(variables)
    rows = tuple(
        tuple(_shown(name, getattr(record, name)) for name in _COLUMNS) for record in ledger()
    )
    if not rows:
        return "The bridge holds nothing."
    columns = tuple(Column(name, "", numeric=name not in _TEXTS) for name in _COLUMNS)
    table = render_text(Preview(columns, rows, len(rows) + 1, len(columns)))
    return "\n".join(table.splitlines()[: 2 + len(rows)])


def _shown(name: str, value: Any) -> str | None:
    """Give a field's text; of the set of nodes, how many they are."""
    from raydp_magic.panel.amounts import format_bytes

    if name == "nodes":
        return str(len(value))
    if name == "bytes":
        return format_bytes(value)
    return None if value is None else str(value)
