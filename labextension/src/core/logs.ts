// The log of an executor or of the driver: its end, what is added, and where a word stands in it.
// An executor has two, its standard output and its standard error; a driver's are one.
import { hasExecutor, ownExecutors } from "../snapshot";
import { failure } from "./desk";
import { button, freshId, h, keepKeys, section, setAttribute, setText, setTextOrHide, show, type View } from "./dom";
import { clock, count, plural } from "./format";
import { magicLine } from "./magic";
import { logsMagic } from "./plans";
import type { Frame, Room } from "./room";

const TAIL = 500;
const KEPT = 2000;
const POLL_MS = 1500;
const SOURCES = 200;
const DRIVER = "driver";
/** Of Ray on Spark: what its nodes say on the driver's machine. Spark's executors are not ours there. */
const RAY = "ray";
/** What has one log, and no executor's two. */
const ONE_LOG: readonly string[] = [DRIVER, RAY];
const STREAMS = ["stdout", "stderr"] as const;
const CHOICES = ["both", ...STREAMS];

export interface Logs extends View<Frame> {
  open(source: string, from: HTMLElement): void;
  /** Whether a person can see it: what nobody sees is not read. */
  setVisible(visible: boolean): void;
  dispose(): void;
}

/** An executor that is no more, whose log can still be read. */
interface Past {
  executor: string;
  why: string;
  at: number;
}

interface Answer {
  lines: string[];
  next: number;
  past?: Past[];
}

export function logs(room: Room): Logs {
  const { el, body } = section("Log", "logs");
  show(el, false);
  const source = h("select", { class: "raydp-input", "aria-label": "Whose log" }) as HTMLSelectElement;
  const stream = h("select", { class: "raydp-input", "aria-label": "Which output" }, ...CHOICES.map((value) => h("option", { value }, value))) as HTMLSelectElement;
  const follow = h("input", { type: "checkbox", id: freshId("follow"), checked: "" }) as HTMLInputElement;
  const search = h("input", { type: "search", class: "raydp-input", "aria-label": "Search the log", placeholder: "Search", autocomplete: "off", spellcheck: "false" }) as HTMLInputElement;
  const hits = h("span", { class: "raydp-note", role: "status" });
  const trouble = h("div", { class: "raydp-failure", role: "alert" });
  const text = h("pre", { class: "raydp-log", tabindex: "0", role: "region", "aria-label": "Log lines" });
  const state = h("p", { class: "raydp-note" });
  /** Why the executor is no more. */
  const fate = h("p", { class: "raydp-note", hidden: "" });
  const line = magicLine(room.insertMagic);
  const close = button("close", shut, "Close the log");
  const bar = h(
    "div",
    { class: "raydp-log-bar" },
    source,
    stream,
    h("span", { class: "raydp-field" }, follow, h("label", { for: follow.id }, "follow")),
    search,
    button("↑", () => step(-1), "Previous hit"),
    button("↓", () => step(1), "Next hit"),
    hits,
    close,
  );
  keepKeys(search);
  keepKeys(source);
  keepKeys(stream);
  body.append(bar, fate, trouble, text, state, line.el);

  let current = DRIVER;
  /** Where each stream goes on. */
  let after: Record<string, number> = {};
  let turn = 0;
  let asking = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let back: HTMLElement | null = null;
  let hit = -1;
  let found: HTMLElement[] = [];
  let live: readonly string[] = [];
  let past: readonly Past[] = [];
  let ids = "";
  /** Somebody answers. */
  let alive = true;
  let visible = true;
  /** The application whose lines these are, "" while it has no name yet. */
  let app = "";
  let said = "";

  function open(which: string, from: HTMLElement): void {
    back = from;
    show(el, true);
    turnTo(which);
    source.focus({ preventScroll: true });
    el.scrollIntoView?.({ block: "nearest" });
  }

  function shut(): void {
    turn++;
    clearTimeout(timer);
    show(el, false);
    text.replaceChildren();
    if (back?.isConnected) back.focus({ preventScroll: true });
  }

  function turnTo(which: string): void {
    current = which;
    after = {};
    asking = false;
    turn++;
    text.replaceChildren();
    complain([]);
    show(stream, !ONE_LOG.includes(which));
    line.update(logsMagic(which, ONE_LOG.includes(which) || stream.value === "both" ? "" : stream.value));
    fill();
    setText(state, "Reading the log …");
    show(state, true);
    void read();
  }

  async function read(): Promise<void> {
    clearTimeout(timer);
    if (asking || el.hidden || !alive || !visible || !room.store.ask) return;
    asking = true;
    const mine = turn;
    try {
      const parts = await Promise.all(wanted().map(ask));
      if (mine !== turn) return;
      complain([]);
      past = parts[0]![1].past ?? [];
      fill();
      for (const [name, { lines, next }] of parts) {
        after[name] = next;
        add(lines, parts.length > 1 ? name : null);
      }
    } catch (error) {
      if (mine !== turn) return;
      setTextOrHide(state, "");
      complain(failure("", error));
    }
    asking = false;
    if (follow.checked && alive && visible) timer = setTimeout(() => void read(), POLL_MS);
  }

  /** Go on after a pause; without `follow` only with what was never read. */
  function resume(): void {
    if (follow.checked || Object.keys(after).length === 0) void read();
  }

  /** Read out once, however often it is tried. */
  function complain(lines: HTMLElement[]): void {
    const words = lines.map(({ textContent }) => textContent).join("\n");
    if (words !== said) trouble.replaceChildren(...lines);
    said = words;
  }

  /** The streams to read; "" is the one log of a driver. */
  function wanted(): readonly string[] {
    if (ONE_LOG.includes(current)) return [""];
    return stream.value === "both" ? STREAMS : [stream.value];
  }

  async function ask(name: string): Promise<[string, Answer]> {
    const of = { executor: current, lines: TAIL, after: after[name] ?? null };
    return [name, (await room.store.ask!("logs", name ? { ...of, stream: name } : of)) as Answer];
  }

  /** `from` is told where several streams are mixed, in the order in which they were read. */
  function add(lines: readonly string[], from: string | null): void {
    const atEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 4;
    const needle = search.value.toLowerCase();
    for (const content of lines) {
      const row = mark(h("div", {}, content || "\u200b"), content, needle);
      setAttribute(row, "data-stream", from);
      text.append(row);
    }
    while (text.childElementCount > KEPT) text.firstElementChild!.remove();
    setTextOrHide(state, text.childElementCount === 0 ? "The log is empty" : "");
    if (lines.length > 0) tally();
    if (follow.checked && atEnd) text.scrollTop = text.scrollHeight;
  }

  /** Mark where the word stands, as elements made of text only. */
  function mark(row: HTMLElement, content: string, needle: string): HTMLElement {
    const at = needle ? content.toLowerCase().indexOf(needle) : -1;
    setAttribute(row, "data-hit", at < 0 ? null : "");
    if (at < 0) {
      if (row.firstElementChild) row.replaceChildren(content || "\u200b");
      return row;
    }
    const end = at + needle.length;
    row.replaceChildren(content.slice(0, at), h("mark", {}, content.slice(at, end)), content.slice(end));
    return row;
  }

  function look(): void {
    const needle = search.value.toLowerCase();
    for (const row of text.children) mark(row as HTMLElement, (row.textContent ?? "").replace(/^\u200b$/, ""), needle);
    hit = -1;
    tally();
    if (found.length > 0) step(-1);
  }

  function tally(): void {
    found = search.value ? [...text.querySelectorAll<HTMLElement>("[data-hit]")] : [];
    hit = found.findIndex((row) => row.hasAttribute("data-here"));
    setText(hits, search.value ? (found.length === 0 ? "no hit" : `${hit < 0 ? "" : `${count(hit + 1)} of `}${plural(found.length, "hit")}`) : "");
  }

  function step(by: number): void {
    if (found.length === 0) return;
    text.querySelector("[data-here]")?.removeAttribute("data-here");
    hit = hit < 0 ? (by < 0 ? found.length - 1 : 0) : (hit + by + found.length) % found.length;
    const row = found[hit]!;
    row.setAttribute("data-here", "");
    text.scrollTop = row.offsetTop - text.clientHeight / 2;
    // Who looks for something does not want it to run away.
    follow.checked = false;
    tally();
  }

  search.addEventListener("input", look);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    if (event.key === "Escape" && search.value) event.stopPropagation(); // the browser clears it
  });
  source.addEventListener("change", () => turnTo(source.value));
  stream.addEventListener("change", () => turnTo(current));
  follow.addEventListener("change", () => {
    if (follow.checked) {
      text.scrollTop = text.scrollHeight;
      void read();
    } else clearTimeout(timer);
  });

  function option(value: string): HTMLElement {
    return h("option", { value }, ONE_LOG.includes(value) ? value : `executor ${value}`);
  }

  /** Whose logs there are: those that run, and those that did. */
  function fill(): void {
    const gone = past.filter(({ executor }) => !live.includes(executor));
    const known = [DRIVER, ...live.slice(0, SOURCES)];
    if (!known.includes(current) && !gone.some(({ executor }) => executor === current)) known.push(current);
    const why = gone.find(({ executor }) => executor === current);
    setTextOrHide(fate, why ? `Executor ${current} ran until ${clock(why.at)}: ${why.why}` : "");
    const now = [...known, "", ...gone.map(({ executor }) => executor)].join("\n");
    if (ids !== now) {
      ids = now;
      const before = gone.map(({ executor, at }) => h("option", { value: executor }, `executor ${executor}, until ${clock(at)}`));
      const group = before.length > 0 ? [h("optgroup", { label: "Past executors" }, ...before)] : [];
      source.replaceChildren(...known.map(option), ...group);
    }
    source.value = current;
  }

  return {
    el,
    open,
    dispose() {
      alive = false;
      turn++;
      clearTimeout(timer);
    },
    setVisible(now) {
      const before = visible;
      visible = now;
      if (!now) clearTimeout(timer);
      else if (!before) resume();
    },
    update({ snapshot, actions }) {
      const [could, other] = [alive, app !== "" && snapshot.app_id !== app];
      alive = actions.has("logs");
      app = snapshot.app_id;
      live = ownExecutors(snapshot, actions) ? snapshot.executors.filter(hasExecutor).map(({ id }) => id) : [RAY];
      if (other) past = [];
      if (el.hidden) return;
      if (!alive) clearTimeout(timer);
      // Another cluster's executors have the same names, and are others; a driver each has.
      if (other) turnTo(DRIVER);
      else fill();
      if (alive && !could) resume();
    },
  };
}
