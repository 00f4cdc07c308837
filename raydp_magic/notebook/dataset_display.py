"""How Ray Datasets, and the Arrow and pandas tables that cells give, are displayed.

Ray's own display of a Dataset runs it, and logs half a dozen lines above the result. Here one is
shown by what is known of it, and with its first rows only where they are in memory: nothing runs.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from raydp_magic.engine.quiet_logger import quiet_logger
from raydp_magic.notebook.display import bundle
from raydp_magic.notebook.local_table import columns_of, local_preview
from raydp_magic.notebook.table import MAX_COLUMNS, MAX_SCHEMA, Preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

LOGGER = "ray.data"
ROWS = 20
MOST_BYTES = 64 * 2**20
"""Of the blocks that are fetched for the first rows: from other nodes they cross the network."""
MOST_BLOCKS = 8
WAIT_SECONDS = 5.0
_GONE = "; its rows are gone with the Ray that held them, which has ended"
_DATASETS = (("ray.data.dataset", "Dataset"), ("ray.data.dataset", "MaterializedDataset"))
_TABLES = (
    ("pandas.core.frame", "DataFrame"),
    ("pandas", "DataFrame"),
    ("pyarrow.lib", "Table"),
)

_results: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def install(shell: InteractiveShell) -> None:
    """Have a shell display Datasets through this module; imports nothing of Ray."""
    for kind in _DATASETS:
        mimebundles(shell).for_type_by_name(*kind, _dataset_bundle)
    for kind in _TABLES:  # a way of the user's own stays
        mimebundles(shell).deferred_printers.setdefault(kind, _result_bundle)


def remove(shell: InteractiveShell) -> None:
    """Take it out again."""
    remove_printers(mimebundles(shell), _dataset_bundle, _result_bundle)
    _results.clear()


def mimebundles(shell: InteractiveShell) -> Any:
    """A shell's formatter of whole bundles: asked first."""
    assert shell.display_formatter is not None
    return shell.display_formatter.mimebundle_formatter


def remove_printers(formatter: Any, *ours: Any) -> None:
    """Take these printers out of a formatter, for whichever types they stand."""
    for printers in (formatter.deferred_printers, formatter.type_printers):
        for kind, printer in list(printers.items()):
            if printer in ours:
                del printers[kind]


def as_result(value: Any) -> Any:
    """A cell's value; tables among them are displayed as results of Spark's are."""
    if any(_named(kind) in _TABLES for kind in type(value).__mro__):
        _results[id(value)] = value
    return value


def _named(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__name__


def _result_bundle(table: Any) -> Any:
    if _results.get(id(table)) is not table:
        return None  # made by the user: displayed as ever
    title = f"{type(table).__module__.split('.')[0]} {type(table).__name__}"
    return bundle(local_preview(table, ROWS, title))


def _dataset_bundle(dataset: Any) -> Any:
    with quiet_logger(LOGGER):
        return _quietly(lambda: bundle(dataset_preview(dataset)))


def dataset_preview(dataset: Any) -> Preview:
    """What is known of a Dataset without running it.

    Parameters
    ----------
    dataset : ray.data.Dataset
        Any; first rows are taken of one whose blocks are in memory, when the first is small.
    """
    title = " ".join(["Ray Dataset", *_name(dataset)])
    count = _quietly(lambda: dataset._meta_count())  # noqa: SLF001, PLW0108 -- count() runs it
    gone = bool(_quietly(lambda: _outlived(dataset)))
    tables: list[Preview] | None = _quietly(
        lambda: [] if gone else [local_preview(b, ROWS, title) for b in _first_blocks(dataset)]
    )
    if tables:
        alike = [t.rows for t in tables if _names(t) == _names(tables[0])]
        rows = tuple(row for rows in alike for row in rows)[:ROWS]
        more = "" if count is not None and len(rows) >= count else "More: `.take(100)`."
        return replace(tables[0], rows=rows, rows_total=count, hint=more)
    schema = dataset.schema(fetch_if_missing=False)
    names, types = ([], []) if schema is None else (schema.names, schema.types)
    known = columns_of(names[:MAX_SCHEMA], types[:MAX_SCHEMA])
    state = _GONE if gone else "" if tables is not None else "; it has not run"
    hint = "Rows: `.take(20)` runs what they need, `.materialize()` all of it."
    return Preview(
        known[:MAX_COLUMNS],
        (),
        0,
        len(names),
        _note(count, None if schema is None else len(names)) + state,
        known[MAX_COLUMNS:],
        _quietly(lambda: dataset._logical_plan.dag.dag_str) or "",  # noqa: SLF001 -- explain() prints
        title,
        hint="Make it again." if gone else "" if count == 0 else hint,
    )


def _quietly(read: Callable[[], Any]) -> Any:
    """What Ray's internals tell; nothing where another Ray has them elsewhere."""
    with contextlib.suppress(Exception):
        return read()
    return None


def _name(dataset: Any) -> list[str]:
    ledger = sys.modules.get("raydp_magic.bridge.ledger")
    entry = None if ledger is None else ledger.entry_of(dataset)
    name = _quietly(lambda: dataset.name) if entry is None else entry.name
    return [name] if name else []


def _note(rows: int | None, columns: int | None) -> str:
    from raydp_magic.panel.amounts import plural

    size = "rows not counted" if rows is None else plural(rows, "row")
    width = "columns not known" if columns is None else plural(columns, "column")
    return f"{size}, {width}"


def _names(table: Preview) -> list[str]:
    return [column.name for column in table.columns]


def _outlived(dataset: Any) -> bool:
    """Whether it is made from blocks of a Ray that this kernel has left; fetches nothing."""
    import ray

    todo = [dataset._logical_plan.dag]  # noqa: SLF001 -- no public way runs nothing
    refs: set[Any] = set()
    while todo:
        step = todo.pop()
        todo += getattr(step, "input_dependencies", ())
        held = getattr(step, "input_data", None) or []
        refs.update(ref for bundle in held[:1] for ref in bundle.block_refs[:1])
    if not refs or not ray.is_initialized():  # wait() would start one
        return bool(refs)
    try:
        ray.wait(list(refs), num_returns=1, timeout=0, fetch_local=False)
    except ValueError:  # an owner that this Ray does not know
        return True
    return False


def _first_blocks(dataset: Any) -> list[Any]:
    """Blocks with the first rows, when they are in memory and small."""
    import ray

    refs: list[Any] = []
    rows, room = 0, MOST_BYTES
    for held in dataset._logical_plan.dag.input_data:  # noqa: SLF001 -- asking for them runs it
        if any(part is not None for part in held.slices or ()):
            break
        for ref, about in zip(held.block_refs, held.metadata, strict=True):
            room -= MOST_BYTES + 1 if about.size_bytes is None else about.size_bytes
            if rows >= ROWS or room < 0 or len(refs) == MOST_BLOCKS:
                break
            if about.num_rows != 0:
                refs.append(ref)
                rows += about.num_rows or ROWS
    if not refs or not ray.is_initialized():  # get() would start one
        return []
    return list(ray.get(refs, timeout=WAIT_SECONDS))
