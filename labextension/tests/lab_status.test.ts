import { Signal } from "@lumino/signaling";
import { describe, expect, it } from "vitest";
import type { Clusters } from "../src/lab/clusters";
import { notebookList, type Entry } from "../src/lab/list";
import { StatusItem } from "../src/lab/status_item";
import { fixture, FakeStore, visibleText } from "./fixtures";

describe("a problem is told in words, not by its colour alone", () => {
  it("in the status bar", () => {
    const store = new FakeStore(fixture("executor_lost"));
    const changed = new Signal<object, void>({});
    const item = new StatusItem({ changed, current: { link: { store } } } as unknown as Clusters, () => undefined);
    const name = () => item.node.querySelector("button")!.getAttribute("aria-label");
    expect(name()).toMatch(/^Spark on Ray: 1 executor - .*, problem$/);
    store.set(fixture("running"));
    changed.emit();
    expect(name()).toBe("Spark on Ray: 2 executors - 3/4 CPUs");
    item.dispose();
  });

  it("in the list of notebooks", () => {
    const list = notebookList(() => undefined);
    const entry: Entry = { id: "1", title: "trips.ipynb", kernel: "Python 3", summary: "1 executor", problem: true, shown: true };
    list.update([entry]);
    expect(visibleText(list.el)).toBe("trips.ipynb Python 3 1 executor , problem");
    list.update([{ ...entry, problem: false }]);
    expect(visibleText(list.el)).toBe("trips.ipynb Python 3 1 executor");
  });
});
