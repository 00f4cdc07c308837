"""Ray data as object refs of Arrow tables, and what is in them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from raydp_magic.bridge.arrow_values import readable
from raydp_magic.bridge.keepers import keepers, need_ray
from raydp_magic.bridge.look import ACCEPTED, Found, as_table, is_table, look_at
from raydp_magic.bridge.references import locations
from raydp_magic.bridge.schema import in_utc
from raydp_magic.errors import BridgeError, UnsupportedTypeError, UsageError

_CAST = "cast the columns to one type first, e.g. with `Dataset.map_batches`."
LAG_SECONDS = 0.5
SLICE_BYTES = 16 * 1024 * 1024
"""A local table becomes several blocks, so that Spark works on it in parallel."""


@dataclass(frozen=True)
class Block:
    """One Ray object that holds an Arrow table; its schema is in Spark's types."""

    ref: Any
    schema: Any
    rows: int
    size: int


def as_blocks(data: Any, *, truncate_timestamps: bool) -> list[Block]:
    """Object refs of any accepted data, at least one, and what is in them; local tables are put.

    Raises
    ------
    UnsupportedTypeError
        For the first column whose type or values Spark cannot keep.
    UsageError
        When it is nothing that can become a DataFrame.
    BridgeError
        When a Dataset has neither rows nor a schema.
    """
    import ray

    is_dataset = isinstance(data, ray.data.Dataset)
    is_list = isinstance(data, (list, tuple)) and bool(data)
    if not is_dataset and is_table(data):
        need_ray()
        return _put(as_table(data), truncate_timestamps=truncate_timestamps)
    need_ray()
    if is_dataset:
        refs = _dataset_refs(data)
    elif isinstance(data, ray.ObjectRef):
        refs = [data]
    elif is_list and all(isinstance(ref, ray.ObjectRef) for ref in data):
        refs = list(data)
    else:
        raise UsageError(
            f"{type(data).__name__} cannot become a Spark DataFrame", hint=f"pass {ACCEPTED}."
        )
    return _describe(refs, truncate_timestamps=truncate_timestamps)


def _dataset_refs(dataset: Any) -> list[Any]:
    import pyarrow as pa
    import ray
    from ray.data.dataset import MaterializedDataset

    if not isinstance(dataset, MaterializedDataset):
        _see_free_cpus()
    refs = list(dataset.to_arrow_refs())
    if refs:
        return refs
    schema = dataset.schema()
    if schema is None:
        raise BridgeError(
            "The Dataset is empty and has no schema",
            hint="give it one, e.g. `ray.data.from_arrow(schema.empty_table())`.",
        )
    fields = list(zip(schema.names, schema.types, strict=True))
    return [ray.put(pa.schema(fields).empty_table())]


def _see_free_cpus() -> None:
    """Wait until Ray counts a CPU as free, for as long as its count lags behind.

    It does so by a tenth of a second after a conversion's own tasks (Ray 2.60, *measured*): on a
    Ray of one CPU Ray Data would warn that the execution hangs.
    """
    import ray

    deadline = time.monotonic() + LAG_SECONDS
    while not ray.available_resources().get("CPU") and time.monotonic() < deadline:
        time.sleep(0.05)


def _put(table: Any, *, truncate_timestamps: bool) -> list[Block]:
    """Put a local table, in Spark's types (Ray itself cannot hold all of Arrow's)."""
    import pyarrow as pa
    import ray

    found = look_at(table, truncate_timestamps=truncate_timestamps)
    if found.problem is not None:
        raise found.problem
    batches = readable(table, found.schema, truncate_timestamps=truncate_timestamps)
    whole = pa.Table.from_batches(list(batches), schema=found.schema)
    rows = max(1, -(-whole.num_rows // max(1, -(-whole.nbytes // SLICE_BYTES))))
    pieces = [whole.slice(start, rows) for start in range(0, max(1, whole.num_rows), rows)]
    return [Block(ray.put(p), found.schema, p.num_rows, p.nbytes) for p in pieces]


def _describe(refs: list[Any], *, truncate_timestamps: bool) -> list[Block]:
    """Have each block looked at on its node, by the keeper there; frames become Arrow tables."""
    import ray

    actors = keepers.on_all_nodes()
    by_node = _by_node(refs, list(actors))
    asked = [
        actors[node].look.remote([refs[n] for n in numbers], truncate_timestamps)
        for node, numbers in by_node.items()
    ]
    found: dict[int, Found] = {}
    for numbers, answer in zip(by_node.values(), ray.get(asked), strict=True):
        found |= zip(numbers, answer, strict=True)
    blocks = []
    for number, ref in enumerate(refs):
        seen = found[number]
        if seen.problem is not None:
            raise seen.problem
        arrow = seen.arrow[0] if seen.arrow else ref
        blocks.append(Block(arrow, seen.schema, seen.rows, seen.size))
    return blocks


def _by_node(refs: list[Any], nodes: list[str]) -> dict[str, list[int]]:
    """Numbers of the objects by the node that looks at them: one that has them."""
    found: dict[str, list[int]] = {}
    for number, node in enumerate(home_nodes(refs, nodes)):
        found.setdefault(node, []).append(number)
    return found


def home_nodes(refs: list[Any], nodes: list[str]) -> list[str]:
    """For each object a node that has it, of these; the first one where Ray does not say."""
    if len(nodes) == 1:
        return nodes * len(refs)
    places = locations(refs)
    return [
        next((node for node in places.get(ref, {}).get("node_ids", ()) if node in nodes), nodes[0])
        for ref in refs
    ]


def unify(schemas: list[Any]) -> Any:
    """One schema for blocks that may differ; a column that some lack is nullable.

    Raises
    ------
    UnsupportedTypeError
        When two types of one column have no common one.
    BridgeError
        When their common one does not keep the values of both.
    """
    import pyarrow as pa

    schemas = [in_utc(schema) for schema in schemas]
    try:
        unified = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException:
        raise _no_common_type(schemas) from None
    for schema in schemas:
        for field in schema:
            if loses(field.type, unified.field(field.name).type):
                raise BridgeError(
                    f"Column {field.name!r} is {field.type} in one block and "
                    f"{unified.field(field.name).type} in another, which keeps not all its values",
                    hint=_CAST,
                )
    everywhere = set.intersection(*(set(schema.names) for schema in schemas))
    return pa.schema(
        [field if field.name in everywhere else field.with_nullable(True) for field in unified]
    )


def _no_common_type(schemas: list[Any]) -> BridgeError:
    """What to say when schemas do not go together: the first column at which they do not."""
    import pyarrow as pa

    seen: dict[str, Any] = {}
    for schema in schemas:
        for field in schema:
            known = seen.setdefault(field.name, field)
            try:
                both = [pa.schema([known]), pa.schema([field])]
                [seen[field.name]] = pa.unify_schemas(both, promote_options="permissive")
            except pa.ArrowException:
                types = f"{known.type} in one block and {field.type} in another"
                return UnsupportedTypeError(field.name, types, hint=_CAST)
    return BridgeError("The blocks' schemas do not go together", hint=_CAST)


def check_widened(blocks: list[Block], schema: Any, *, truncate_timestamps: bool) -> None:
    """Have keepers try blocks whose types are not the common ones yet.

    Raises
    ------
    BridgeError
        When a value does not fit; no Spark job has run.
    """
    import ray

    odd = [block.ref for block in blocks if not _has_types(block.schema, schema)]
    if not odd:
        return
    actors = keepers.on_all_nodes()
    for node, numbers in _by_node(odd, list(actors)).items():
        refs = [odd[number] for number in numbers]
        why = ray.get(actors[node].widen.remote(refs, schema, truncate_timestamps))
        if why is not None:
            raise BridgeError(f"The blocks' schemas do not go together: {why}", hint=_CAST)


def _has_types(schema: Any, common: Any) -> bool:
    return all(field.type == common.field(field.name).type for field in in_utc(schema))


def loses(source: Any, target: Any) -> bool:
    """Whether widening a type to a common one would change values without a word.

    Whole numbers that a float cannot hold are not among them: pyarrow refuses each, see
    `check_widened`.
    """
    from pyarrow import types as kind

    if source == target or kind.is_null(source):
        return False
    if kind.is_floating(target):
        return bool(kind.is_decimal(source))
    if kind.is_string(source) or kind.is_binary(source):
        return True
    if kind.is_list(source) and kind.is_list(target):
        return loses(source.value_type, target.value_type)
    if kind.is_struct(source) and kind.is_struct(target):
        return any(loses(f.type, target.field(f.name).type) for f in source)
    return False
