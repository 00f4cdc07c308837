import type { LedgerSnapshot, Snapshot } from "../snapshot";
import { section, type View } from "./dom";
import { bytes, count } from "./format";
import { table, type Column } from "./table";

const columns: Column<LedgerSnapshot>[] = [
  { title: "Name", cell: (row) => row.name },
  { title: "Direction", cell: (row) => row.direction.replace("->", "→") },
  { title: "Rows", numeric: true, cell: (row) => count(row.rows) },
  { title: "Size", numeric: true, cell: (row) => bytes(row.bytes) },
  { title: "Blocks", numeric: true, cell: (row) => count(row.blocks) },
  { title: "Nodes", numeric: true, cell: (row) => count(row.nodes) },
];

/** What the bridge holds. */
export function ledger(): View<Snapshot> {
  const { el, body } = section("Bridge", "bridge");
  const grid = table<LedgerSnapshot>({
    label: "What the bridge holds",
    columns,
    key: (row) => `${row.direction} ${row.name}`,
  });
  body.append(grid.el);
  return { el, update: (snapshot) => grid.update({ rows: snapshot.ledger, empty: "Nothing has been passed between Spark and Ray" }) };
}
