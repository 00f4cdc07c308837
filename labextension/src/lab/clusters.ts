// The kernels of all open notebooks, and which of them a person looks at.
import type { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import { Signal, type ISignal } from "@lumino/signaling";
import { KernelLink } from "./kernel_link";
import { mentions } from "./mentions";

export interface Cluster {
  readonly link: KernelLink;
  /** The views of one notebook; the first is the one to go to. */
  readonly panels: NotebookPanel[];
}

export class Clusters {
  readonly #tracker: INotebookTracker;
  readonly #open = new Map<unknown, Cluster>();
  readonly #changed = new Signal<this, void>(this);
  #chosen: Cluster | null = null;
  #follow = true;

  constructor(tracker: INotebookTracker) {
    this.#tracker = tracker;
    tracker.forEach((panel) => this.#add(panel));
    tracker.widgetAdded.connect((_, panel) => this.#add(panel));
    tracker.currentChanged.connect(() => {
      if (this.#follow) this.#chosen = null;
      this.#changed.emit();
    });
  }

  /** Which notebooks there are, the current or the chosen one, a kernel or its cluster. */
  get changed(): ISignal<this, void> {
    return this.#changed;
  }

  get all(): Cluster[] {
    return [...this.#open.values()];
  }

  /** That of the notebook a person works in. */
  get current(): Cluster | null {
    const panel = this.#tracker.currentWidget;
    return panel ? (this.#open.get(panel.sessionContext) ?? null) : null;
  }

  /** The one to show: chosen in the list, else the current one. */
  get shown(): Cluster | null {
    return this.#chosen ?? this.current ?? this.all[0] ?? null;
  }

  choose(cluster: Cluster): void {
    this.#chosen = cluster;
    this.#changed.emit();
  }

  /** Off: stay with what is shown now. */
  setFollow(follow: boolean): void {
    this.#follow = follow;
    this.#chosen = follow ? null : this.shown;
    this.#changed.emit();
  }

  /** Look into every kernel, also of notebooks that do not speak of raydp_magic. */
  async refresh(): Promise<void> {
    await Promise.all(this.all.map(({ link }) => link.refresh()));
  }

  #add(panel: NotebookPanel): void {
    const key = panel.sessionContext;
    panel.disposed.connect(() => this.#remove(key, panel));
    panel.title.changed.connect(() => this.#changed.emit());
    const known = this.#open.get(key);
    if (known) {
      known.panels.push(panel);
      return;
    }
    const tell = () => this.#changed.emit();
    const link = new KernelLink(panel.sessionContext, () => mentions(textOf(panel)));
    link.changed.connect(tell);
    link.store.subscribe(tell);
    this.#open.set(key, { link, panels: [panel] });
    if (!this.#follow) this.#chosen ??= this.shown;
    this.#changed.emit();
  }

  #remove(key: unknown, panel: NotebookPanel): void {
    const cluster = this.#open.get(key);
    if (!cluster) return;
    cluster.panels.splice(cluster.panels.indexOf(panel), 1);
    if (cluster.panels.length === 0) {
      this.#open.delete(key);
      cluster.link.dispose();
      if (this.#chosen === cluster) this.#chosen = null;
    }
    this.#changed.emit();
  }
}

function textOf(panel: NotebookPanel): string {
  const cells = panel.content.model?.sharedModel.cells ?? [];
  return cells.map((cell) => (cell.cell_type === "code" ? cell.getSource() : "")).join("\n");
}
