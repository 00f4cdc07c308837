import type { TimelineSnapshot } from "../snapshot";
import { button, h, section, setAttribute, setText, setTextOrHide, show, type View } from "./dom";
import { clock, plural, took } from "./format";
import { grid } from "./grid";
import { KINDS, lanes, span, type Kind, type Lane, type Span } from "./lanes";
import type { Frame, Room } from "./room";

const SVG = "http://www.w3.org/2000/svg";
// The drawing's own units: as wide as a percentage, as high as pixels.
const ROW = 9;
const GAP = 6;
const AXIS = 18;
const REDRAW_S = 5;

/** Seconds between the axis's marks, where there is room and where there is little. */
const TICKS_S: Record<Span, [wide: number, narrow: number]> = { 1: [15, 30], 2: [30, 60], 5: [60, 150], 10: [120, 300] };
const SPAN_WORDS: Record<Span, string> = { 1: "minute", 2: "two minutes", 5: "five minutes", 10: "ten minutes" };

const WORDS: Record<Kind, string> = { spark: "Spark job", ray: "Ray task", transfer: "transfer" };

function shape(tag: string, attributes: Record<string, string>): SVGElement {
  const el = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  return el;
}

const percent = (part: number) => `${(part * 100).toFixed(2)}%`;

function drawLane({ bars }: Lane, top: number): SVGElement[] {
  return bars.map(({ item, from, to, row }) => {
    const rect = shape("rect", {
      x: percent(from),
      y: String(top + row * ROW),
      width: percent(Math.max(to - from, 0.003)),
      height: String(ROW - 2),
      rx: "1.5",
      class: `raydp-span raydp-span-${item.kind}`,
      "data-state": item.state,
    });
    const title = shape("title", {});
    title.textContent = describe(item);
    rect.append(title);
    return rect;
  });
}

function describe(item: TimelineSnapshot): string {
  const length = item.ended_at === null ? "" : `, ${took(Math.max(0, item.ended_at - item.started_at))}`;
  return `${WORDS[item.kind]} ${item.label || item.id}: ${item.state}${length}, from ${clock(item.started_at)}`;
}

/** `12 Spark jobs (1 running, 2 failed), 3 transfers`. */
export function summary(items: readonly TimelineSnapshot[]): string {
  const parts = KINDS.flatMap((kind) => {
    const own = items.filter((item) => item.kind === kind);
    if (own.length === 0) return [];
    const states = (["running", "failed"] as const).flatMap((state) => {
      const number = own.filter((item) => item.state === state).length;
      return number > 0 ? [`${number} ${state}`] : [];
    });
    return [plural(own.length, WORDS[kind]) + (states.length > 0 ? ` (${states.join(", ")})` : "")];
  });
  return parts.join(", ");
}

/** What happened lately: Spark jobs, Ray tasks and transfers on one axis. */
export function timeline(room: Room): View<Frame> {
  const { el, body } = section("Timeline", "timeline");
  const picture = shape("svg", { role: "img", class: "raydp-time", width: "100%" });
  const names = h("div", { class: "raydp-lanes", "aria-hidden": "true" });
  const drawing = h("div", { class: "raydp-timeline-drawing" }, names);
  drawing.append(picture);
  const empty = h("p", { class: "raydp-empty" });
  const table = grid<TimelineSnapshot>({
    label: "The last ten minutes",
    name: "timeline",
    columns: [
      { title: "What", name: "kind", cell: (item) => WORDS[item.kind] },
      { title: "Label", name: "label", cell: (item) => item.label || item.id },
      { title: "State", name: "state", cell: (item) => item.state },
      { title: "From", name: "from", numeric: true, cell: (item) => clock(item.started_at) },
      { title: "Took", name: "took", numeric: true, cell: (item) => (item.ended_at === null ? "" : took(item.ended_at - item.started_at)) },
    ],
    key: (item) => `${item.kind}:${item.id}`,
    narrowLines: () => 2,
    isNarrow: () => room.isNarrow(),
  });
  const text = h("div", { hidden: "" }, table.el);
  let items: readonly TimelineSnapshot[] = [];
  let drawn: readonly TimelineSnapshot[] | null = null;
  let drawnAt = 0;
  let drawnNarrow = false;
  const asText = button("as a list", () => {
    show(text, text.hidden);
    setAttribute(asText, "aria-expanded", String(!text.hidden));
    list();
  });
  asText.setAttribute("aria-expanded", "false");
  asText.classList.add("raydp-as-text");
  body.append(drawing, empty, asText, text);

  function list(): void {
    setText(asText, text.hidden ? "as a list" : "hide the list");
    table.update({ rows: text.hidden ? [] : [...items].reverse(), empty: "" });
  }

  function draw(now: number): void {
    const minutes = span(items, now);
    const found = lanes(items, now, minutes);
    const parts: SVGElement[] = [];
    let top = 2;
    names.replaceChildren();
    for (const lane of found) {
      const height = Math.max(lane.rows * ROW, 16);
      const name = h("span", {}, lane.kind === "transfer" ? "transfers" : lane.kind === "ray" ? "Ray" : "Spark");
      name.style.height = `${height + GAP}px`;
      names.append(name);
      parts.push(...drawLane(lane, top));
      top += height + GAP;
    }
    drawnNarrow = room.isNarrow();
    for (let ago = 0; ago <= 60 * minutes; ago += TICKS_S[minutes][drawnNarrow ? 1 : 0]) {
      const x = percent(1 - ago / (60 * minutes));
      const anchor = ago === 60 * minutes ? "start" : ago === 0 ? "end" : "middle";
      parts.unshift(shape("line", { x1: x, x2: x, y1: "0", y2: String(top), class: "raydp-tick" }));
      const label = shape("text", { x, y: String(top + 13), "text-anchor": anchor, class: "raydp-tick-text" });
      label.textContent = ago === 0 ? "now" : ago < 100 ? `−${ago} s` : `−${ago / 60} min`;
      parts.push(label);
    }
    picture.replaceChildren(...parts);
    picture.setAttribute("height", String(top + AXIS));
    picture.setAttribute("aria-label", `The last ${SPAN_WORDS[minutes]}: ${summary(items)}`);
    drawnAt = now;
    drawn = items;
  }

  return {
    el,
    update({ snapshot, now }) {
      items = snapshot.timeline;
      const some = items.length > 0;
      show(drawing, some);
      show(asText, some);
      setTextOrHide(empty, some ? "" : "Nothing happened in the last ten minutes");
      // The axis moves a little every second; drawing that would be unrest for nothing.
      if (some && (!sameItems(items, drawn) || drawnNarrow !== room.isNarrow() || Math.abs(now - drawnAt) >= REDRAW_S)) draw(now);
      if (!some) show(text, false);
      list();
    },
  };
}

function sameItems(now: readonly TimelineSnapshot[], before: readonly TimelineSnapshot[] | null): boolean {
  return (
    before !== null &&
    now.length === before.length &&
    now.every((item, index) => {
      const old = before[index]!;
      return item === old || (item.id === old.id && item.state === old.state && item.ended_at === old.ended_at && item.started_at === old.started_at);
    })
  );
}
