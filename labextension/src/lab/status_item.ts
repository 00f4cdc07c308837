// The current notebook's cluster in the status bar.
import { Signal, type ISignal } from "@lumino/signaling";
import { Widget } from "@lumino/widgets";
import { status, type Store } from "../core";
import { h, setAttribute, setText } from "../core/dom";
import type { Clusters } from "./clusters";

export class StatusItem extends Widget {
  readonly #clusters: Clusters;
  readonly #activity = new Signal<this, void>(this);
  readonly #button: HTMLElement;
  readonly #watchPage = () => this.#draw();
  #watched: Store | null = null;
  #on = true;
  #active = false;

  constructor(clusters: Clusters, click: () => void) {
    super();
    this.#clusters = clusters;
    this.addClass("raydp-lab-status");
    this.#button = h("button", { type: "button", class: "jp-StatusItem-button" });
    this.#button.addEventListener("click", click);
    this.node.append(this.#button);
    clusters.changed.connect(this.#draw, this);
    document.addEventListener("visibilitychange", this.#watchPage);
    this.#draw();
  }

  /** There is something to show. */
  get active(): boolean {
    return this.#active;
  }

  get activity(): ISignal<this, void> {
    return this.#activity;
  }

  /** The user's setting. */
  setOn(on: boolean): void {
    this.#on = on;
    this.#draw();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    document.removeEventListener("visibilitychange", this.#watchPage);
    this.#clusters.changed.disconnect(this.#draw, this);
    this.#watch(null);
    super.dispose();
  }

  #draw(): void {
    const store = this.#on ? (this.#clusters.current?.link.store ?? null) : null;
    this.#watch(document.visibilityState === "hidden" ? null : store);
    const { text, title, problem } = store ? status(store.get()) : { text: "", title: "", problem: false };
    setText(this.#button, text);
    setAttribute(this.#button, "title", title);
    setAttribute(this.#button, "aria-label", text === "" ? null : `Spark on Ray: ${text}${problem ? ", problem" : ""}`);
    setAttribute(this.#button, "data-problem", problem ? "" : null);
    if (this.#active === (text !== "")) return;
    this.#active = text !== "";
    this.#activity.emit();
  }

  /** The kernel sends news while somebody sees them. */
  #watch(store: Store | null): void {
    if (store === this.#watched) return;
    const before = this.#watched;
    this.#watched = store;
    before?.setVisible?.(this, false);
    store?.setVisible?.(this, true);
  }
}
