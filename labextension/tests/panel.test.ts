import { describe, expect, it, vi } from "vitest";
import { resolveWith } from "../src/core";
import { thisPage } from "../src/core/links";
import type { Snapshot } from "../src/snapshot";
import { fixture, NAMES, visibleText } from "./fixtures";
import { el, mountedPanels, open, press, unmount } from "./mounted";

mountedPanels();

/** Also of what is hidden: that it is, is looked at. */
function find(selector: string): HTMLElement {
  const found = el.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`nothing matches ${selector}`);
  return found;
}

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
    expect(visibleText(find(".raydp-jobs"))).toContain("cell [7] job 7");
    expect(visibleText(find(".raydp-nodes"))).toContain("Spark 2 CPU · others 1 CPU · 1 Ray task");
    expect(visibleText(find(".raydp-footer"))).toContain("Spark UI Ray dashboard driver log");
  });

  it("gives bars a role, a name and a value", () => {
    open(fixture("running"));
    const memory = find("[aria-label='Memory of node head']");
    expect(memory.getAttribute("role")).toBe("meter");
    expect(memory.getAttribute("aria-valuenow")).toBe("32");
    expect(memory.getAttribute("aria-valuetext")).toMatch(/^5.2 of 16 GiB used; .* reserved, .* by Spark$/);
    expect(find("[aria-label='CPU of node head']").getAttribute("aria-valuetext")).toContain("3 of 4 CPUs reserved, 2 by Spark");
    const tasks = find("[role='progressbar']");
    expect(tasks.getAttribute("aria-valuetext")).toBe("34 of 60 tasks");
  });

  it("names its sections", () => {
    open(fixture("running"));
    for (const section of el.querySelectorAll("section[aria-labelledby]")) {
      const id = section.getAttribute("aria-labelledby")!;
      expect(document.getElementById(id)?.tagName).toBe("H3");
    }
    expect(find("[role='region']").getAttribute("aria-label")).toBe("Spark on Ray: raydp_magic");
  });

  it("announces problems only, and politely", () => {
    open(fixture("executor_lost"));
    const live = [...el.querySelectorAll("[aria-live]")];
    expect(live).toHaveLength(1);
    for (const alert of el.querySelectorAll("[role=alert]")) expect(alert.textContent).toBe("");
    expect(live[0]!.getAttribute("aria-live")).toBe("polite");
    expect(visibleText(live[0]!)).toContain("Executor 1 on worker-2 was lost");
  });

  it("links only to web addresses", () => {
    open(fixture("hostile_text"));
    expect(el.querySelectorAll("a[href]")).toHaveLength(0);
    unmount();
    open(fixture("running"));
    expect([...el.querySelectorAll("a[href]")].map((a) => a.getAttribute("href"))).toEqual([
      "http://127.0.0.1:4040",
      "http://127.0.0.1:8265",
    ]);
  });

  it("opens what is proxied through the server's own address", () => {
    const links = { spark_ui: "proxy:4040/jobs/", ray_dashboard: "proxy:8265/\"><script>" };
    open({ ...fixture("running"), links }, { resolveUrl: resolveWith("/user/ann") });
    expect([...el.querySelectorAll("a[href]")].map((a) => a.getAttribute("href"))).toEqual(["/user/ann/proxy/4040/jobs/"]);
  });
});

describe("a page from another machine than the kernel's", () => {
  const there = (proxy: boolean) => resolveWith("/user/ann/", { remote: true, proxy });

  it.each([
    ["http://127.0.0.1:4040/jobs/?a=1#b", "/user/ann/proxy/4040/jobs/?a=1#b"],
    ["http://localhost:8265", "/user/ann/proxy/8265/"],
    ["http://[::1]:4040/jobs/", "/user/ann/proxy/4040/jobs/"],
    ["http://10.0.0.7:4040/jobs/", "http://10.0.0.7:4040/jobs/"],
    ["http://localhost.example.org/", "http://localhost.example.org/"],
    ["https://127.0.0.1:8443/", null],
    ["http://127.0.0.1:99999999/", "http://127.0.0.1:99999999/"],
    ["javascript:alert(1)", null],
  ])("opens %s through the server's proxy", (url, expected) => {
    expect(there(true)(url)).toBe(expected);
  });

  it("without a proxy shows the address, and what would make it a link", () => {
    open(fixture("running"), { resolveUrl: there(false) });
    expect(el.querySelectorAll("a[href]")).toHaveLength(0);
    const footer = visibleText(find(".raydp-footer"));
    expect(footer).toContain("Spark UI: http://127.0.0.1:4040 (on the kernel's machine");
    expect(footer).toContain("Ray dashboard: http://127.0.0.1:8265 (");
    expect(footer).toContain("RAYDP_MAGIC_PROXY=1");
  });

  it("shows nothing of what is no web address, or of a cluster that has ended", () => {
    open(fixture("hostile_text"), { resolveUrl: there(false) });
    expect(visibleText(find(".raydp-footer"))).not.toContain("on the kernel's machine");
    unmount();
    open(fixture("stopped"), { resolveUrl: there(false) });
    expect(visibleText(find(".raydp-footer"))).not.toContain("on the kernel's machine");
  });

  it("is told by its address, and its server's proxy by what the server tells", () => {
    const config = document.createElement("script");
    config.id = "jupyter-config-data";
    config.type = "application/json";
    config.textContent = JSON.stringify({ baseUrl: "/user/ann/", federated_extensions: [{ name: "@jupyterhub/jupyter-server-proxy" }] });
    for (const [address, remote] of [
      ["https://hub.example.org/user/ann/lab", true],
      ["http://localhost:8888/lab", false],
      ["http://127.0.0.1:8888/lab", false],
      ["vscode-webview://abc/index.html", false],
    ] as const) {
      const { protocol, hostname } = new URL(address);
      vi.stubGlobal("location", { protocol, hostname });
      expect(thisPage()).toEqual({ remote, proxy: false });
    }
    document.head.append(config);
    expect(thisPage().proxy).toBe(true);
    config.textContent = "{";
    expect(thisPage().proxy).toBe(false);
    config.remove();
    vi.unstubAllGlobals();
  });
});

describe("honest words", () => {
  it("no job", () => {
    open({ ...fixture("running"), jobs: [] });
    expect(visibleText(find(".raydp-jobs"))).toContain("No job is running");
  });

  it("jobs that nobody tells of", () => {
    open({ ...fixture("running"), jobs: [], spark_ui_url: null });
    expect(visibleText(find(".raydp-jobs"))).toContain("Spark's UI is off: its jobs are not known");
  });

  it("no cluster in this kernel, and a form to start one", () => {
    const store = open({});
    store.tell({ kind: "none", ended: "The kernel was restarted", presets: [], actions: ["start", "fit"], versions: {} });
    expect(visibleText(el)).toContain("Spark is not running in this kernel The kernel was restarted");
    expect(find("form").hidden).toBe(false);
  });

  it("actions that wait for a running cell, when the adapter knows so", () => {
    open(fixture("running"), { subshells: false });
    expect(visibleText(find(".raydp-waits"))).toContain("actions wait");
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

  it("more Ray tasks than are listed", () => {
    const store = open({ ...fixture("running"), ray_more: ["tasks"] });
    expect(visibleText(find(".raydp-nodes"))).toContain("Ray has 1,000+ tasks; by node are counted the first 1,000 that it lists");
    store.set(fixture("running"));
    expect(visibleText(find(".raydp-nodes"))).not.toContain("1,000");
  });

  it("a lost executor says why, with words", () => {
    open(fixture("executor_lost"));
    const text = visibleText(find(".raydp-executors"));
    expect(text).toContain("lost try 2 of 6");
    expect(text).toContain("out of memory");
  });

  it("a dead node says since when, and why", () => {
    open(fixture("busy_multi_node"));
    const text = visibleText(find(".raydp-nodes"));
    expect(text).toContain("ip-10-0-3-117.eu-central-1.compute.internal dead");
    expect(text).toContain("died 42 s ago: Unexpected termination: health check failed");
    expect(text.match(/died/g)).toHaveLength(1);
  });

  it("an executor that came back is like any other", () => {
    const snapshot = fixture("executor_lost");
    open({ ...snapshot, executors: snapshot.executors.map((row) => ({ ...row, state: "up", message: "" })) });
    expect(visibleText(find(".raydp-executors"))).not.toContain("try");
  });

  it("more jobs than fit are counted, and fold out with their buttons", () => {
    const snapshot = fixture("running");
    const many = (length: number) => ({ ...snapshot, jobs: Array.from({ length }, (_, id) => ({ ...snapshot.jobs[0]!, id })) });
    const store = open(many(9));
    const last = () => el.querySelector("[aria-label='Cancel job 8']");
    expect(visibleText(find(".raydp-jobs"))).toContain("and 3 more jobs");
    expect(last()).toBeNull();
    press("and 3 more jobs");
    expect(last()).not.toBeNull();
    store.set(many(9));
    expect(last()).not.toBeNull(); // news do not fold them in
    store.set(many(130));
    expect(el.querySelectorAll(".raydp-jobs [aria-label^='Cancel job']")).toHaveLength(100);
    expect(visibleText(find(".raydp-jobs"))).toContain("and 30 more jobs; %raydp_cluster cancel ID ends any job");
    press("fewer");
    expect(visibleText(find(".raydp-jobs"))).toContain("and 124 more jobs");
    expect(last()).toBeNull();
    store.set(many(2));
    expect(visibleText(find(".raydp-jobs"))).not.toContain("more job");
  });

  it.each([1, undefined, "2"])("a snapshot of schema %s is not guessed at", (schema) => {
    open({ ...fixture("running"), schema });
    expect(visibleText(el)).toContain(`schema ${String(schema)}, this panel reads 3`);
  });
});

describe("the past", () => {
  it.each(["stopped", "failed"])("%s says so, with the time", (state) => {
    open(fixture(state));
    expect(visibleText(find(".raydp-banner"))).toBe(`The cluster has ${state} – last known state, 12:00:00`);
    expect(el.querySelectorAll("a[href]")).toHaveLength(0);
    expect(visibleText(find("header"))).not.toMatch(/\d\/\d (executors|cores)/);
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

  it("a kernel that says that nothing has changed is not silent", () => {
    const snapshot = fixture("running");
    const store = open(snapshot);
    for (let turn = 0; turn < 5; turn++) {
      vi.advanceTimersByTime(5_000);
      store.set({ ...snapshot });
    }
    expect(visibleText(find(".raydp-banner"))).toBe("");
    vi.advanceTimersByTime(11_000);
    expect(visibleText(find(".raydp-banner"))).toContain("No news for 11 s");
  });

  it("Ray that went away", () => {
    const snapshot = fixture("running");
    open({ ...snapshot, ray_lost_at: snapshot.taken_at - 12 });
    expect(visibleText(find(".raydp-banner"))).toBe("Ray went away 12 s ago – showing the last known state");
    vi.advanceTimersByTime(5_000);
    expect(visibleText(find(".raydp-banner"))).toBe("Ray went away 17 s ago – showing the last known state");
  });

  it("a kernel that was restarted took its cluster along, and nothing can be asked of it", () => {
    const snapshot = fixture("running");
    const store = open(snapshot);
    store.tell({ kind: "snapshot", snapshot, gone: "The kernel was restarted" });
    expect(visibleText(find(".raydp-banner"))).toBe("The kernel was restarted – last known state, 12:00:00");
    expect(visibleText(find(".raydp-state"))).toBe("stopped");
    expect(find(".raydp-panel").dataset.state).toBe("stopped");
    expect([...el.querySelectorAll<HTMLElement>(".raydp-c-state .raydp-state")].map(({ dataset }) => dataset.state)).toEqual(["ended", "ended"]);
    expect([...el.querySelectorAll("button")].filter((button) => !button.closest("[hidden]")).map(visibleText)).toEqual(["stage 2/3", "as a list"]);
    vi.advanceTimersByTime(60_000);
    expect(visibleText(find(".raydp-banner"))).not.toContain("No news");
  });

  it("a kernel whose clock is half a minute off is not silent", () => {
    open(fixture("running", 30));
    expect(visibleText(find(".raydp-banner"))).toBe("");
  });

  it("a reopened notebook's state is old once a kernel has had the time to answer", () => {
    open(fixture("running", 7200));
    expect(visibleText(find(".raydp-banner"))).toBe("");
    vi.advanceTimersByTime(4_000);
    expect(visibleText(find(".raydp-banner"))).toContain("No news for 2 h");
  });

  it("a reloaded page does not worry about the kernel's first answer, which is its last picture", () => {
    const store = open({});
    store.set(fixture("running", 3600));
    vi.advanceTimersByTime(2_000);
    expect(visibleText(find(".raydp-banner"))).toBe("");
    store.set(fixture("running"));
    vi.advanceTimersByTime(5_000);
    expect(visibleText(find(".raydp-banner"))).toBe("");
  });
});

describe("hostile text", () => {
  it("stays text", () => {
    const snapshot = fixture("hostile_text");
    open(snapshot);
    expect(el.querySelectorAll("script, img, b, i")).toHaveLength(0);
    expect(find(".raydp-executors .raydp-grid-note").textContent).toContain("<script>window.hacked=1</script>");
    expect(find(".raydp-name").textContent).toBe(snapshot.name);
  });
});

describe("updates in place", () => {
  function rows(): Element[] {
    return [...find(".raydp-executors").querySelectorAll(".raydp-grid-row")];
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
    const link = find(".raydp-footer a");
    link.focus();
    store.set(fixture("executor_lost"));
    expect(document.activeElement).toBe(link);
  });

  it("gives the focus to the next row when its own goes away, and to the heading when no row is left", () => {
    const before = fixture("busy_multi_node");
    const store = open(before);
    const [, second, third] = rows() as HTMLElement[];
    second!.focus();
    store.set({ ...before, executors: before.executors.filter(({ slot }) => slot !== 1) });
    expect(document.activeElement).toBe(third);
    store.set({ ...before, executors: [] });
    expect((document.activeElement as HTMLElement).textContent).toBe("Executors");
  });

  it("keeps the focus on a button whose row moves", () => {
    const before = fixture("busy_multi_node");
    const store = open(before);
    const button = find("[aria-label='Logs of executor 0']");
    button.focus();
    store.set({ ...before, executors: [...before.executors].reverse() });
    expect(document.activeElement).toBe(button);
  });

  it("stops listening when taken away", () => {
    const store = open(fixture("running"));
    unmount();
    expect(store.listeners.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
