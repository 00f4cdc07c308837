import { readSnapshot, type Snapshot } from "../snapshot";
import { h, setAttribute, show, type View } from "./dom";
import { executors } from "./executors";
import { header } from "./header";
import { jobs } from "./jobs";
import { ledger } from "./ledger";
import { links } from "./links";
import { nodes } from "./nodes";
import { banner, placeholder, problems } from "./notices";
import { Silence } from "./silence";
import type { Store } from "./store";

const TICK_MS = 1000;

/**
 * Show the cluster in `el`, and keep showing it as `store` changes.
 *
 * Returns how to take the panel away again.
 */
export function mount(el: HTMLElement, store: Store): () => void {
  const top = header();
  const why = banner();
  const sections: View<Snapshot>[] = [problems(), jobs(), nodes(), executors(), ledger(), links()];
  const waiting = placeholder();
  const body = h("div", { class: "raydp-body", hidden: "" }, top.el, why.el, ...sections.map((view) => view.el));
  const root = h("div", { class: "raydp-panel", role: "region", "aria-label": "Spark on Ray" }, waiting.el, body);
  const silence = new Silence();

  function update(): void {
    const reading = readSnapshot(store.get());
    show(body, reading.kind === "snapshot");
    show(waiting.el, reading.kind !== "snapshot");
    if (reading.kind !== "snapshot") {
      waiting.update(reading.kind === "none" ? "Waiting for the first news from the cluster" : reading.reason);
      return;
    }
    const { snapshot } = reading;
    silence.heard(snapshot, Date.now() / 1000);
    setAttribute(root, "aria-label", `Spark on Ray: ${snapshot.name}`);
    setAttribute(root, "data-state", snapshot.state);
    top.update(snapshot);
    for (const view of sections) view.update(snapshot);
    tick();
  }

  function tick(): void {
    const reading = readSnapshot(store.get());
    if (reading.kind !== "snapshot") return;
    const news = { snapshot: reading.snapshot, silence: silence.worry(reading.snapshot, Date.now() / 1000) };
    why.update(news);
    setAttribute(root, "data-silent", news.silence === null ? null : "");
  }

  update();
  el.append(root);
  const unsubscribe = store.subscribe(update);
  const timer = setInterval(tick, TICK_MS);
  return () => {
    clearInterval(timer);
    unsubscribe();
    root.remove();
  };
}
