import type { Reading } from "../snapshot";
import { absent } from "./absent";
import { again } from "./again";
import { focusedIn, h, keepSingleKeys, setAttribute, show, type View } from "./dom";
import { lastState } from "./ended";
import { executors } from "./executors";
import { header } from "./header";
import { jobs } from "./jobs";
import { ledger } from "./ledger";
import { links, pageBaseUrl, resolveWith } from "./links";
import { logs } from "./logs";
import { nodes } from "./nodes";
import { banner, placeholder, problems } from "./notices";
import type { Frame, Room } from "./room";
import { Silence } from "./silence";
import type { Store } from "./store";
import { timeline } from "./timeline";
import { watchVisible, watchWidth } from "./watch";

const TICK_MS = 1000;
/** Below this width a row becomes a card. */
const NARROW_PX = 760;
const NOTHING: ReadonlySet<string> = new Set();

export interface MountOptions {
  /** "wide" becomes narrow by itself where there is no room; "sidebar" always stacks. */
  layout?: "wide" | "sidebar";
  /** Shown beside the cluster's name, as the notebook's name. */
  title?: string;
  /** Put a magic into the notebook; absent: magics can only be copied. */
  insertMagic?: (text: string) => void;
  /** Addresses as this page can open them, null for those it cannot. */
  resolveUrl?: (url: string) => string | null;
  /** false: say that actions wait while a cell runs. */
  subshells?: boolean;
}

/**
 * Show the cluster in `el`, and keep showing it as `store` changes.
 *
 * Returns how to take the panel away again.
 */
export function mount(el: HTMLElement, store: Store, options: MountOptions = {}): () => void {
  const sidebar = options.layout === "sidebar";
  let narrow = sidebar;
  const room: Room = {
    store,
    insertMagic: options.insertMagic,
    resolveUrl: options.resolveUrl ?? resolveWith(pageBaseUrl()),
    openLogs(source, from) {
      log.open(source, from);
      update();
    },
    isNarrow: () => narrow,
  };
  const log = logs(room);
  const top = header(room, options.title ?? "");
  const why = banner();
  const waits = h("p", { class: "raydp-waits", hidden: "" }, "While a cell runs, actions wait for its end: this kernel has no subshells (ipykernel 7 has).");
  const none = absent(room);
  const waiting = placeholder();
  const sections: View<Frame>[] = [
    top,
    again(room),
    problems(),
    jobs(room),
    nodes(room),
    executors(room),
    log,
    ledger(room),
    timeline(room),
    links(room),
  ];
  const [first, ...rest] = sections;
  const body = h("div", { class: "raydp-body", hidden: "" }, first!.el, why.el, waits, ...rest.map((view) => view.el));
  const root = h("div", { class: "raydp-panel", role: "region", "aria-label": "Spark on Ray", tabindex: "-1" }, waiting.el, none.el, body);
  const silence = new Silence();
  let visible = true;
  let unseen = false;

  function update(): void {
    // What nobody sees need not be drawn; it is when it comes into sight.
    if (!visible) return;
    const reading = store.get();
    const held = focusedIn(root);
    const home = held?.closest("section")?.querySelector<HTMLElement>("h2, h3");
    draw(reading);
    // An update may take away what had the focus; then its section's heading is next to it.
    if (held && (!held.isConnected || held.closest("[hidden]"))) {
      if (focusedIn(root) === null || focusedIn(root)?.closest("[hidden]")) {
        (home?.isConnected && !home.closest("[hidden]") ? home : root).focus({ preventScroll: true });
      }
    }
  }

  function draw(reading: Reading): void {
    show(body, reading.kind === "snapshot");
    show(none.el, reading.kind === "none");
    show(waiting.el, reading.kind === "waiting" || reading.kind === "unreadable");
    setAttribute(root, "data-state", reading.kind === "snapshot" ? lastState(reading).state : reading.kind);
    if (reading.kind === "waiting") waiting.update("Waiting for the first news from the cluster");
    else if (reading.kind === "unreadable") waiting.update(reading.reason);
    none.update(reading.kind === "none" ? reading : null);
    if (reading.kind !== "snapshot") return log.setVisible(false);
    const { snapshot, gone } = reading;
    const now = Date.now() / 1000;
    silence.heard(snapshot, now);
    const actions = gone === null && store.ask ? new Set(snapshot.actions) : NOTHING;
    setAttribute(root, "aria-label", `Spark on Ray: ${snapshot.name}`);
    show(waits, options.subshells === false && actions.size > 0);
    const frame: Frame = { snapshot: lastState(reading), actions, now: silence.kernelTime(snapshot, now) };
    for (const view of sections) view.update(frame);
    log.setVisible(true);
    tick();
  }

  /** Only what a clock changes. */
  function tick(): void {
    const reading = store.get();
    if (reading.kind !== "snapshot" || !visible) return;
    const { snapshot, gone } = reading;
    const now = Date.now() / 1000;
    const worry = gone === null ? silence.worry(snapshot, now) : null;
    why.update({ snapshot, gone, silence: worry, now: silence.kernelTime(snapshot, now) });
    setAttribute(root, "data-silent", worry === null && gone === null && snapshot.ray_lost_at === null ? null : "");
  }

  function lay(): void {
    setAttribute(root, "data-layout", sidebar ? "sidebar" : narrow ? "narrow" : "wide");
  }

  lay();
  update();
  el.append(root);
  const giveKeysBack = keepSingleKeys(root);
  const unsubscribe = store.subscribe(update);
  const timer = setInterval(tick, TICK_MS);
  const stopWidth = watchWidth(root, (width) => {
    const now = sidebar || width < NARROW_PX;
    if (now === narrow) return;
    narrow = now;
    lay();
    update();
  });
  const stopVisible = watchVisible(root, (now) => {
    visible = now;
    store.setVisible?.(root, now);
    if (!now) log.setVisible(false);
    if (now && unseen) {
      silence.resume(Date.now() / 1000);
      update();
    }
    unseen = !now;
  });
  return () => {
    clearInterval(timer);
    giveKeysBack();
    stopWidth();
    stopVisible();
    unsubscribe();
    store.setVisible?.(root, false);
    log.dispose();
    root.remove();
  };
}
