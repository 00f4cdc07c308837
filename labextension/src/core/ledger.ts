import type { LedgerSnapshot } from "../snapshot";
import { desk } from "./desk";
import { button, h, section, show, type View } from "./dom";
import { bytes, count } from "./format";
import { grid, type Column } from "./grid";
import { releasePlan } from "./plans";
import type { Frame, Room } from "./room";

/** What the bridge holds. */
export function ledger(room: Room): View<Frame> {
  const { el, body } = section("Bridge", "bridge");
  const place = desk(room);
  let actions: ReadonlySet<string> = new Set();

  function buttons(first: LedgerSnapshot): View<LedgerSnapshot> {
    let row = first;
    const name = first.name || "an unnamed block";
    const release = button("release", (from) => place.run(releasePlan(row.id, row.name), from), `Release ${name}`);
    return {
      el: h("span", { class: "raydp-buttons" }, release),
      update(next) {
        row = next;
        show(release, actions.has("release"));
      },
    };
  }

  const columns: Column<LedgerSnapshot>[] = [
    { title: "Name", name: "name", cell: (row) => row.name || "unnamed" },
    { title: "Direction", name: "direction", cell: (row) => row.direction.replace("->", "→") },
    { title: "Rows", name: "rows", numeric: true, cell: (row) => count(row.rows) },
    { title: "Size", name: "size", numeric: true, cell: (row) => bytes(row.bytes) },
    { title: "Blocks", name: "blocks", numeric: true, cell: (row) => count(row.blocks) },
    { title: "Nodes", name: "nodes", numeric: true, cell: (row) => count(row.nodes) },
    { title: "Actions", name: "actions", cell: { create: buttons } },
  ];
  const table = grid<LedgerSnapshot>({
    label: "What the bridge holds",
    name: "ledger",
    columns,
    key: (row) => row.id,
    narrowLines: () => 3,
    isNarrow: () => room.isNarrow(),
  });
  body.append(table.el, place.el);
  return {
    el,
    update(frame) {
      ({ actions } = frame);
      table.update({ rows: frame.snapshot.ledger, empty: "Nothing is held" });
      const ids = new Set<unknown>(frame.snapshot.ledger.map(({ id }) => id));
      place.settle(({ action, details }) => actions.has(action) && ids.has(details["entry"]));
    },
  };
}
