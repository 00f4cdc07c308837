// The sidebar: the open notebooks, and the panel of one of them.
import { Widget } from "@lumino/widgets";
import { mount, status, type MountOptions, type Store } from "../core";
import { button, h, setText, show } from "../core/dom";
import type { Cluster, Clusters } from "./clusters";
import type { KernelLink } from "./kernel_link";
import { notebookList } from "./list";
import { summary, titles } from "./summary";

export interface SidebarOptions {
  clusters: Clusters;
  /** Put code below the active cell of a notebook. */
  insert(cluster: Cluster, text: string): void;
  resolveUrl: NonNullable<MountOptions["resolveUrl"]>;
}

/** Why there is no panel, and a way on. */
function hint(cluster: Cluster | null): string {
  if (!cluster) return "Open a notebook to see its cluster here.";
  if (cluster.link.phase === "no kernel") return "This notebook has no kernel.";
  if (cluster.link.phase === "opening") return "Asking the kernel for its cluster.";
  return "raydp_magic is not loaded in this kernel.";
}

export class Sidebar extends Widget {
  readonly #clusters: Clusters;
  readonly #options: SidebarOptions;
  readonly #list = notebookList((id) => this.#choose(id));
  readonly #hint = h("p", {});
  readonly #load = button("Insert %load_ext raydp_magic", () => this.#insert("%load_ext raydp_magic"));
  readonly #none = h("div", { class: "raydp-lab-none" }, this.#hint, this.#load);
  readonly #place = h("div", { class: "raydp-lab-panel" });
  readonly #watchPage = () => this.#watch();
  /** Whose kernels send news, because their rows are in sight. */
  #watched: ReadonlySet<Store> = new Set();
  #mounted: { link: KernelLink; subshells: boolean | undefined; unmount: () => void } | null = null;

  constructor(options: SidebarOptions) {
    super();
    this.#options = options;
    this.#clusters = options.clusters;
    this.id = "raydp-magic-sidebar";
    this.addClass("raydp-lab");
    this.node.setAttribute("role", "region");
    this.node.setAttribute("aria-label", "Clusters of the open notebooks");
    this.node.append(this.#list.el, this.#none, this.#place);
    this.#clusters.changed.connect(this.#draw, this);
    document.addEventListener("visibilitychange", this.#watchPage);
    this.#draw();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    document.removeEventListener("visibilitychange", this.#watchPage);
    this.#clusters.changed.disconnect(this.#draw, this);
    this.#unmount();
    super.dispose();
    this.#watch();
  }

  protected override onAfterAttach(): void {
    this.#watch();
  }

  protected override onAfterShow(): void {
    this.#watch();
  }

  protected override onAfterHide(): void {
    this.#watch();
  }

  protected override onAfterDetach(): void {
    this.#watch();
  }

  protected override onActivateRequest(): void {
    const first = this.node.querySelector<HTMLElement>(".raydp-panel, button:not([hidden])");
    first?.focus({ preventScroll: true });
  }

  #choose(id: string): void {
    const cluster = this.#clusters.all.find(({ link }) => link.id === id);
    if (cluster) this.#clusters.choose(cluster);
  }

  #insert(text: string): void {
    const { shown } = this.#clusters;
    if (shown) this.#options.insert(shown, text);
  }

  #draw(): void {
    const { all, shown } = this.#clusters;
    const names = titles(all.map(({ panels }) => panels[0]!.context.path));
    this.#list.update(
      all.map((cluster, index) => {
        const reading = cluster.link.store.get();
        return {
          id: cluster.link.id,
          title: names[index]!,
          kernel: cluster.link.kernelName,
          summary: summary(cluster.link.phase, reading),
          problem: status(reading).problem,
          shown: cluster === shown,
        };
      }),
    );
    // What was known of a cluster stays in sight when its kernel is gone.
    const known = shown !== null && (shown.link.phase === "open" || shown.link.store.get().kind === "snapshot");
    show(this.#none, !known);
    setText(this.#hint, hint(shown));
    show(this.#load, shown?.link.phase === "unloaded");
    if (known) this.#mount(shown);
    else this.#unmount();
    this.#watch();
  }

  /** Every row is about a kernel that sends news only while somebody sees them. */
  #watch(): void {
    const seen = this.isVisible && !this.isDisposed && document.visibilityState !== "hidden";
    const now = new Set(seen ? this.#clusters.all.map(({ link }) => link.store) : []);
    const before = this.#watched;
    this.#watched = now;
    for (const store of before) if (!now.has(store)) store.setVisible?.(this, false);
    for (const store of now) if (!before.has(store)) store.setVisible?.(this, true);
  }

  #mount({ link }: Cluster): void {
    if (this.#mounted?.link === link && this.#mounted.subshells === link.subshells) return;
    this.#unmount();
    const options: MountOptions = {
      layout: "sidebar",
      insertMagic: (text) => this.#insert(text),
      resolveUrl: this.#options.resolveUrl,
    };
    if (link.subshells !== undefined) options.subshells = link.subshells;
    this.#mounted = { link, subshells: link.subshells, unmount: mount(this.#place, link.store, options) };
  }

  #unmount(): void {
    this.#mounted?.unmount();
    this.#mounted = null;
  }
}
