import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mount } from "../src/core/mount";
import type { Snapshot } from "../src/snapshot";
import { fixture, FakeStore, NAMES, visibleText } from "./fixtures";

let el: HTMLElement;
let unmount: () => void;

function open(record: unknown): FakeStore {
  const store = new FakeStore(record);
  unmount = mount(el, store);
  return store;
}

function find(selector: string): HTMLElement {
  const found = el.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`nothing matches ${selector}`);
  return found;
}

beforeEach(() => {
  vi.useFakeTimers({ now: new Date(2026, 0, 1, 12, 0, 0) });
  el = document.createElement("div");
  document.body.append(el);
});

afterEach(() => {
  unmount();
  expect(el.childElementCount).toBe(0);
  el.remove();
  vi.useRealTimers();
});

describe("every situation", () => {
  it.each(NAMES)("%s renders, and a second time changes nothing", async (name) => {
    const snapshot = fixture(name);
    const store = open(snapshot);
    expect(visibleText(el)).toContain(snapshot.state);
    const seen: MutationRecord[] = [];
    const observer = new MutationObserver((records) => seen.push(...records));
    observer.observe(el, { childList: true, attributes: true, characterData: true, subtree: true });
    store.set(structuredClone(snapshot));
    seen.push(...observer.takeRecords());
    observer.disconnect();
    expect(seen).toHaveLength(0);
  });
});

describe("a running cluster", () => {
  it("tells how much is there", () => {
    open(fixture("running"));
    expect(visibleText(find("header"))).toContain("2/2 executors 3/4 CPUs");
    expect(visibleText(find(".raydp-jobs"))).toContain("SELECT zone, avg(fare) AS fare FROM rides GROUP BY zone");
    expect(visibleText(find(".raydp-jobs"))).toContain("stage 2/3");
    expect(visibleText(find(".raydp-bridge"))).toContain("spark → ray");
    expect(visibleText(find("footer"))).toContain("%raydp_cluster stop");
    expect(visibleText(find("footer"))).toContain("%raydp_cluster scale 3");
  });

  it("gives bars a role, a name and a value", () => {
    open(fixture("running"));
    const memory = find("[aria-label='Memory of node head']");
    expect(memory.getAttribute("role")).toBe("meter");
    expect(memory.getAttribute("aria-valuenow")).toBe("32");
    expect(memory.getAttribute("aria-valuetext")).toBe("5.2 of 16 GiB");
    const tasks = find("[role='progressbar']");
    expect(tasks.getAttribute("aria-valuetext")).toBe("34 of 60 tasks");
  });

  it("names its sections", () => {
    open(fixture("running"));
    for (const section of el.querySelectorAll("section")) {
      const id = section.getAttribute("aria-labelledby")!;
      expect(document.getElementById(id)?.tagName).toBe("H3");
    }
    expect(find("[role='region']").getAttribute("aria-label")).toBe("Spark on Ray: raydp_magic");
  });

  it("announces problems only, and politely", () => {
    open(fixture("executor_lost"));
    const live = [...el.querySelectorAll("[aria-live]")];
    expect(live).toHaveLength(1);
    expect(live[0]!.getAttribute("aria-live")).toBe("polite");
    expect(visibleText(live[0]!)).toContain("Executor 1 on worker-2 was lost");
  });

  it("links only to web addresses", () => {
    open(fixture("hostile_text"));
    const addresses = [...el.querySelectorAll("a[href]")].map((a) => a.getAttribute("href")!);
    expect(addresses).toHaveLength(1);
    expect(addresses[0]).toMatch(/^http:/);
  });
});

describe("honest words", () => {
  it("no job", () => {
    open({ ...fixture("running"), jobs: [] });
    expect(visibleText(find(".raydp-jobs"))).toContain("No job is running");
  });

  it("nothing at all yet", () => {
    open({});
    expect(visibleText(el)).toBe("Waiting for the first news from the cluster");
  });

  it("not known is not zero", () => {
    open(fixture("unknown_values"));
    expect(find("[aria-label='Memory of node head']").getAttribute("aria-valuetext")).toBe("not known");
    expect(visibleText(find(".raydp-bridge"))).toContain("–");
  });

  it("a lost executor says why, with words", () => {
    open(fixture("executor_lost"));
    const text = visibleText(find(".raydp-executors"));
    expect(text).toContain("lost try 2 of 6");
    expect(text).toContain("out of memory");
  });

  it("an executor that came back is like any other", () => {
    const snapshot = fixture("executor_lost");
    open({ ...snapshot, executors: snapshot.executors.map((row) => ({ ...row, state: "up", message: "" })) });
    expect(visibleText(find(".raydp-executors"))).not.toContain("try");
  });

  it("more jobs than fit are counted", () => {
    const snapshot = fixture("running");
    const jobs = Array.from({ length: 9 }, (_, id) => ({ ...snapshot.jobs[0]!, id }));
    open({ ...snapshot, jobs });
    expect(visibleText(find(".raydp-jobs"))).toContain("and 3 more jobs");
  });

  it.each([2, undefined, "1"])("a snapshot of schema %s is not guessed at", (schema) => {
    open({ ...fixture("running"), schema });
    expect(visibleText(el)).toContain(`schema ${String(schema)}, this panel reads 1`);
  });
});

describe("the past", () => {
  it.each(["stopped", "failed"])("%s says so, with the time", (state) => {
    open(fixture(state));
    expect(visibleText(find(".raydp-banner"))).toBe(`The cluster has ${state} – last known state, 12:00:00`);
    expect(el.querySelectorAll("a[href]")).toHaveLength(0);
    expect(visibleText(find("header"))).not.toMatch(/\d\/\d (executors|CPUs)/);
    vi.advanceTimersByTime(60_000);
    expect(visibleText(find(".raydp-banner"))).not.toContain("No news");
  });

  it("silence is told after ten seconds, and ends with the next news", () => {
    const store = open(fixture("running"));
    vi.advanceTimersByTime(9_000);
    expect(visibleText(find(".raydp-banner"))).toBe("");
    vi.advanceTimersByTime(3_000);
    expect(visibleText(find(".raydp-banner"))).toBe("No news for 12 s – showing the last known state, 12:00:00");
    store.set(fixture("running"));
    expect(visibleText(find(".raydp-banner"))).toBe("");
  });

  it("a kernel whose clock is half a minute off is not silent", () => {
    open(fixture("running", 30));
    expect(visibleText(find(".raydp-banner"))).toBe("");
  });

  it("a reopened notebook's state is old from the start", () => {
    open(fixture("running", 7200));
    expect(visibleText(find(".raydp-banner"))).toContain("No news for 2 h");
  });
});

describe("hostile text", () => {
  it("stays text", () => {
    const snapshot = fixture("hostile_text");
    open(snapshot);
    expect(el.querySelectorAll("script, img, b, i")).toHaveLength(0);
    expect(find(".raydp-executors .raydp-row-note").textContent).toContain("<script>window.hacked=1</script>");
    expect(find(".raydp-name").textContent).toBe(snapshot.name);
  });
});

describe("updates in place", () => {
  function rows(): Element[] {
    return [...find(".raydp-executors table").querySelectorAll("tbody")];
  }

  it("keeps the elements of what stayed, in the kernel's order", () => {
    const before = fixture("busy_multi_node");
    const store = open(before);
    const [first, second, third] = rows();
    const executors = [before.executors[2]!, { ...before.executors[0]!, completed_tasks: 99 }];
    store.set({ ...before, executors } satisfies Snapshot);
    expect(rows()).toEqual([third, first]);
    expect(second!.isConnected).toBe(false);
    expect(visibleText(first!)).toContain("99");
  });

  it("keeps the focus", () => {
    const store = open(fixture("running"));
    const link = find("footer a");
    link.focus();
    store.set(fixture("executor_lost"));
    expect(document.activeElement).toBe(link);
  });

  it("shows two rows of one name", () => {
    const before = fixture("running");
    const store = open({ ...before, ledger: [before.ledger[0], { ...before.ledger[0]!, blocks: 77 }] });
    expect(visibleText(find(".raydp-bridge"))).toContain("77");
    expect(el.querySelectorAll(".raydp-bridge tbody")).toHaveLength(2);
    store.set(before);
    expect(el.querySelectorAll(".raydp-bridge tbody")).toHaveLength(1);
  });

  it("stops listening when taken away", () => {
    const store = open(fixture("running"));
    unmount();
    expect(store.listeners.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
