// A table of any length: only the rows in sight are in the document. One tab stop; the arrow
// keys move between rows, and to the right to a row's buttons.
import { focusedIn, h, keyed, setAttribute, setStyle, setText, setTextOrHide, show, type View } from "./dom";

export interface Column<Row> {
  title: string;
  /** Names the cell for the stylesheet, which places it in the narrow form. */
  name: string;
  numeric?: boolean;
  /** What fills one cell; a function of the row is plain text. */
  cell: ((row: Row) => string) | { create: (row: Row) => View<Row> };
}

export interface GridOptions<Row> {
  label: string;
  /** The stylesheet's name for the grid. */
  name: string;
  columns: readonly Column<Row>[];
  key(row: Row): string;
  /** Lines of a row in the narrow form. */
  narrowLines(row: Row): number;
  isNarrow(): boolean;
  /** A line of its own below the row, "" for none. */
  note?(row: Row): string;
  /** Marks the row (CSS `[data-state]`). */
  state?(row: Row): string;
}

export interface GridContent<Row> {
  rows: readonly Row[];
  /** Said instead of a grid without rows. */
  empty: string;
}

// The stylesheet's heights. Known heights make the position of the 10,000th row plain arithmetic.
const HEAD_PX = 22;
const ROW_PX = 28;
const LINE_PX = 22;
/** Below a card's last line. */
const CARD_PX = 5;
const VIEW_PX = 336;
const SPARE_PX = 120;

export function grid<Row>(options: GridOptions<Row>): View<GridContent<Row>> {
  const { columns, key } = options;
  const head = h(
    "div",
    { role: "row", class: "raydp-grid-head", "aria-rowindex": "1" },
    ...columns.map((column) => h("span", { role: "columnheader", class: classOf(column) }, column.title)),
  );
  const body = h("div", { role: "rowgroup", class: "raydp-grid-body" });
  const scroller = h(
    "div",
    { role: "grid", "aria-label": options.label, class: `raydp-grid raydp-grid-${options.name}` },
    h("div", { role: "rowgroup", class: "raydp-grid-top" }, head),
    body,
  );
  scroller.style.maxHeight = `${HEAD_PX + VIEW_PX}px`;
  const empty = h("p", { class: "raydp-empty" });
  const el = h("div", {}, scroller, empty);

  let items: readonly Row[] = [];
  let tops: number[] = [0]; // tops[i] is where row i begins, tops[n] the whole height
  let narrow = false;
  let active = 0;
  let activeKey: string | null = null;

  const height = (row: Row): number =>
    ROW_PX + (narrow ? (options.narrowLines(row) - 1) * LINE_PX + CARD_PX : 0) + (options.note?.(row) ? LINE_PX : 0);

  const rows = keyed<{ row: Row; index: number }>(body, ({ row }) => key(row), ({ row: first }) => {
    const views = columns.map(({ cell }) => (typeof cell === "function" ? textView(cell) : cell.create(first)));
    const note = h("span", { role: "gridcell", class: "raydp-grid-note", hidden: "" });
    const line = h(
      "div",
      { role: "row", class: "raydp-grid-row" },
      ...views.map((view, index) => {
        const column = columns[index]!;
        return h("span", { role: "gridcell", class: classOf(column), "data-label": column.title }, view.el);
      }),
      note,
    );
    return {
      el: line,
      update({ row, index }) {
        for (const view of views) view.update(row);
        setStyle(line, "top", `${tops[index]!}px`);
        setStyle(line, "height", `${height(row)}px`);
        setAttribute(line, "aria-rowindex", String(index + 2));
        setAttribute(line, "tabindex", index === active ? "0" : "-1");
        setAttribute(line, "data-state", options.state?.(row) ?? null);
        const text = options.note?.(row) ?? "";
        setTextOrHide(note, text);
        setAttribute(note, "title", text || null);
        for (const control of line.querySelectorAll("button")) setAttribute(control, "tabindex", "-1");
      },
    };
  });

  /** The first row that reaches below `y`. */
  function rowAt(y: number): number {
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tops[middle + 1]! <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function draw(): void {
    const from = Math.max(0, scroller.scrollTop - SPARE_PX);
    const to = scroller.scrollTop + VIEW_PX + SPARE_PX;
    const seen: { row: Row; index: number }[] = [];
    for (let index = rowAt(from); index < items.length && tops[index]! < to; index++) seen.push({ row: items[index]!, index });
    // The tab stop stays in the document wherever one scrolls, and so does the focus.
    const row = items[active];
    if (row !== undefined && !seen.some(({ index }) => index === active)) {
      const place = { row, index: active };
      if (seen[0] && seen[0].index > active) seen.unshift(place);
      else seen.push(place);
    }
    rows(seen);
  }

  function go(index: number): void {
    active = Math.min(items.length - 1, Math.max(0, index));
    const row = items[active];
    if (row === undefined) return;
    activeKey = key(row);
    const top = tops[active]!;
    const bottom = tops[active + 1]!;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (bottom > scroller.scrollTop + VIEW_PX) scroller.scrollTop = bottom - VIEW_PX;
    draw();
    lineOf(active)?.focus({ preventScroll: true });
  }

  function lineOf(index: number): HTMLElement | null {
    return body.querySelector<HTMLElement>(`[aria-rowindex="${index + 2}"]`);
  }

  function sideways(step: number): void {
    const line = lineOf(active);
    const held = focusedIn(scroller);
    if (!line || !held) return;
    const stops = [line, ...[...line.querySelectorAll<HTMLElement>("button")].filter((control) => !control.hidden)];
    stops[Math.min(stops.length - 1, Math.max(0, stops.indexOf(held) + step))]?.focus({ preventScroll: true });
  }

  const page = () => Math.max(1, Math.floor(VIEW_PX / ROW_PX) - 1);
  const moves: Record<string, () => void> = {
    ArrowDown: () => go(active + 1),
    ArrowUp: () => go(active - 1),
    PageDown: () => go(active + page()),
    PageUp: () => go(active - page()),
    Home: () => go(0),
    End: () => go(items.length - 1),
    ArrowRight: () => sideways(1),
    ArrowLeft: () => sideways(-1),
  };
  scroller.addEventListener("keydown", (event) => {
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  });
  scroller.addEventListener("focusin", (event) => {
    const line = (event.target as HTMLElement).closest<HTMLElement>(".raydp-grid-row");
    const index = line ? Number(line.getAttribute("aria-rowindex")) - 2 : active;
    const row = items[index];
    if (row === undefined || index === active) return;
    active = index;
    activeKey = key(row);
    draw();
  });
  scroller.addEventListener("scroll", draw, { passive: true });

  return {
    el,
    update({ rows: next, empty: instead }) {
      const hadFocus = focusedIn(body) !== null;
      items = next;
      narrow = options.isNarrow();
      tops = new Array<number>(items.length + 1);
      tops[0] = 0;
      for (let index = 0; index < items.length; index++) tops[index + 1] = tops[index]! + height(items[index]!);
      // The active row keeps its record; when that is gone, its place.
      if (activeKey !== null && (items[active] === undefined || key(items[active]!) !== activeKey)) {
        const found = items.findIndex((row) => key(row) === activeKey);
        active = found >= 0 ? found : Math.max(0, Math.min(active, items.length - 1));
        activeKey = items[active] === undefined ? null : key(items[active]!);
      }
      const total = tops[items.length]!;
      setAttribute(scroller, "aria-rowcount", String(items.length + 1));
      setStyle(body, "height", `${total}px`);
      show(scroller, items.length > 0);
      setTextOrHide(empty, items.length > 0 ? "" : instead);
      draw();
      if (hadFocus && focusedIn(body) === null) lineOf(active)?.focus({ preventScroll: true });
    },
  };
}

function classOf<Row>({ name, numeric }: Column<Row>): string {
  return `raydp-c-${name}${numeric ? " raydp-number" : ""}`;
}

function textView<Row>(text: (row: Row) => string): View<Row> {
  const el = h("span");
  return {
    el,
    update(row) {
      const now = text(row);
      setText(el, now);
      setAttribute(el, "title", now.length > 12 ? now : null);
    },
  };
}
