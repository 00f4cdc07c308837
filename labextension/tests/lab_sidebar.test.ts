import { Signal } from "@lumino/signaling";
import { Widget } from "@lumino/widgets";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Clusters } from "../src/lab/clusters";
import { Sidebar } from "../src/lab/sidebar";
import { fixture, FakeStore } from "./fixtures";

/** One open notebook, connected to its kernel. */
function notebook(name: string) {
  const store = new FakeStore(fixture("running"));
  const link = { id: name, store, phase: "open", kernelName: "Python 3", subshells: true };
  return { link, panels: [{ context: { path: `${name}.ipynb` } }], seen: () => store.visible[store.visible.length - 1] ?? false };
}

class FakeClusters {
  readonly changed = new Signal<this, void>(this);
  all: ReturnType<typeof notebook>[] = [];
  get shown() {
    return this.all[0] ?? null;
  }
}

let clusters: FakeClusters;
let sidebar: Sidebar;

beforeEach(() => {
  clusters = new FakeClusters();
  clusters.all = [notebook("current"), notebook("other")];
  sidebar = new Sidebar({ clusters: clusters as unknown as Clusters, insert: () => undefined, resolveUrl: (url) => url });
});

afterEach(() => {
  sidebar.dispose();
  vi.restoreAllMocks();
});

describe("the list of notebooks", () => {
  const other = () => clusters.all[1]!;

  it("has news of every kernel while it is in sight, and of none when it is not", () => {
    expect(other().seen()).toBe(false);
    Widget.attach(sidebar, document.body);
    expect(other().seen()).toBe(true);
    sidebar.hide();
    expect(other().seen()).toBe(false);
    sidebar.show();
    expect(other().seen()).toBe(true);
    Widget.detach(sidebar);
    expect(other().seen()).toBe(false);
  });

  it("is told once, however much news there is", () => {
    Widget.attach(sidebar, document.body);
    clusters.changed.emit();
    clusters.changed.emit();
    expect(other().link.store.visible).toEqual([true]);
  });

  it("takes in a notebook that is opened, and lets go of one that is closed", () => {
    Widget.attach(sidebar, document.body);
    const third = notebook("third");
    const closed = other();
    clusters.all = [clusters.all[0]!, third];
    clusters.changed.emit();
    expect(third.seen()).toBe(true);
    expect(closed.seen()).toBe(false);
  });

  it("is out of sight when the page is", () => {
    Widget.attach(sidebar, document.body);
    const state = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(other().seen()).toBe(false);
    state.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(other().seen()).toBe(true);
  });

  it("says so when it is closed", () => {
    Widget.attach(sidebar, document.body);
    sidebar.dispose();
    expect(other().seen()).toBe(false);
  });
});
