import { h, keyed, setText, setTextOrHide, show, type View } from "./dom";

export interface Column<Row> {
  title: string;
  numeric?: boolean;
  /** What fills one cell; a function of the row is plain text. */
  cell: ((row: Row) => string) | { create: (row: Row) => View<Row> };
}

export interface TableOptions<Row> {
  label: string;
  columns: Column<Row>[];
  key: (row: Row) => string;
  /** A full-width line below a row, "" for none. */
  note?: (row: Row) => string;
  /** Marks the row (CSS `[data-state]`). */
  state?: (row: Row) => string;
}

export interface TableContent<Row> {
  rows: readonly Row[];
  /** Said instead of a table without rows. */
  empty: string;
}

function textView<Row>(text: (row: Row) => string): View<Row> {
  const el = h("span");
  return { el, update: (row) => setText(el, text(row)) };
}

// Roles are written out because the narrow layout gives the rows another `display`, and browsers
// then forget what a table is.
export function table<Row>(options: TableOptions<Row>): View<TableContent<Row>> {
  const head = options.columns.map(({ title, numeric }) =>
    h("th", { role: "columnheader", scope: "col", class: numeric ? "raydp-number" : "raydp-word" }, title),
  );
  const grid = h(
    "table",
    { role: "table", "aria-label": options.label, class: "raydp-table" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...head)),
  );
  const scroller = h("div", { class: "raydp-scroll" }, grid);
  const empty = h("p", { class: "raydp-empty" });
  const el = h("div", {}, scroller, empty);

  const create = (first: Row): View<Row> => {
    const views = options.columns.map(({ cell }) => (typeof cell === "function" ? textView(cell) : cell.create(first)));
    const cells = views.map((view, index) => {
      const column = options.columns[index]!;
      const kind = column.numeric ? "raydp-number" : "raydp-word";
      return h("td", { role: "cell", class: kind, "data-label": column.title }, view.el);
    });
    const note = h("td", { role: "cell", class: "raydp-row-note", colspan: String(options.columns.length) });
    const noteRow = h("tr", { role: "row", class: "raydp-note-row", hidden: "" }, note);
    const group = h("tbody", { role: "rowgroup" }, h("tr", { role: "row" }, ...cells), noteRow);
    return {
      el: group,
      update(row) {
        for (const view of views) view.update(row);
        const state = options.state?.(row);
        if (state !== undefined && group.dataset["state"] !== state) group.dataset["state"] = state;
        const text = options.note?.(row) ?? "";
        setText(note, text);
        show(noteRow, text !== "");
      },
    };
  };
  const rows = keyed(grid, options.key, create);
  return {
    el,
    update({ rows: items, empty: instead }) {
      rows(items);
      show(scroller, items.length > 0);
      setTextOrHide(empty, items.length > 0 ? "" : instead);
    },
  };
}
