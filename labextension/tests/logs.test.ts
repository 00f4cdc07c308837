import { describe, expect, it, vi } from "vitest";
import { fixture, type FakeStore, settle, visibleText } from "./fixtures";
import { el, find, mountedPanels, open, press, type } from "./mounted";

mountedPanels();

describe("logs", () => {
  const lines = () => [...el.querySelectorAll(".raydp-log > div")].map((line) => line.textContent);

  async function opened(): Promise<FakeStore> {
    const store = open(fixture("running"));
    press("Logs of executor 1");
    answer(store, [], 0, { lines: ["one <b>x</b>", "two ERROR", "", "four error"], next: 40 });
    await settle();
    return store;
  }

  /** What the newest two questions, one a stream, are answered. */
  function answer(store: FakeStore, out: string[], next: number, err: { lines: string[]; next: number }): void {
    const [stdout, stderr] = store.asked.slice(-2);
    expect([stdout!, stderr!].map(({ details }) => details["stream"])).toEqual(["stdout", "stderr"]);
    stdout!.answer({ lines: out, next });
    stderr!.answer(err);
  }

  function choose(label: string, value: string): void {
    const select = find<HTMLSelectElement>(`.raydp-log-bar [aria-label="${label}"]`);
    select.value = value;
    select.dispatchEvent(new Event("change"));
  }

  it("show the tail as text, and follow from where it ended", async () => {
    const store = await opened();
    expect(store.asked[0]!.details).toEqual({ executor: "1", lines: 500, after: null, stream: "stdout" });
    expect(lines()).toEqual(["one <b>x</b>", "two ERROR", "\u200b", "four error"]);
    expect(visibleText(find(".raydp-logs"))).toContain("%raydp_cluster logs 1");
    vi.advanceTimersByTime(1_600);
    expect(store.last("logs").details).toEqual({ executor: "1", lines: 500, after: 40, stream: "stderr" });
    answer(store, ["out"], 4, { lines: ["five"], next: 45 });
    await settle();
    expect(lines().slice(4)).toEqual(["out", "five"]);
    expect(el.querySelectorAll(".raydp-log [data-stream=stdout]")).toHaveLength(1);
  });

  it("are those of one stream when a person chooses one", async () => {
    const store = await opened();
    choose("Which output", "stdout");
    expect(store.asked).toHaveLength(3);
    expect(store.last("logs").details).toEqual({ executor: "1", lines: 500, after: null, stream: "stdout" });
    store.last("logs").answer({ lines: ["out"], next: 4 });
    await settle();
    expect(lines()).toEqual(["out"]);
    expect(el.querySelector(".raydp-log [data-stream]")).toBeNull(); // the choice says it
    expect(visibleText(find(".raydp-logs"))).toContain("%raydp_cluster logs 1 --stream stdout");
    choose("Whose log", "driver");
    expect(store.last("logs").details).toEqual({ executor: "driver", lines: 500, after: null });
    expect(visibleText(find(".raydp-logs"))).not.toContain("stdout"); // a driver's are one
  });

  it("of Ray on Spark are the driver's and Ray's: the executors are Spark's", async () => {
    const store = open({ ...fixture("running"), actions: ["cancel", "release", "stop", "logs"] });
    expect([...el.querySelectorAll(".raydp-executors button")].filter((b) => !b.closest("[hidden]")).map(visibleText)).not.toContain("logs");
    press("driver log");
    await settle();
    expect([...el.querySelectorAll('[aria-label="Whose log"] option')].map((one) => one.textContent)).toEqual(["driver", "ray"]);
    choose("Whose log", "ray");
    expect(store.last("logs").details).toEqual({ executor: "ray", lines: 500, after: null });
  });

  it("are searched", async () => {
    await opened();
    type(find<HTMLInputElement>(".raydp-log-bar [type=search]"), "error");
    expect([...el.querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual(["ERROR", "error"]);
    expect(visibleText(find(".raydp-log-bar"))).toContain("2 of 2 hits");
    press("Next hit");
    expect(visibleText(find(".raydp-log-bar"))).toContain("1 of 2 hits");
    expect(el.querySelector("[data-here]")!.textContent).toBe("two ERROR");
    type(find<HTMLInputElement>(".raydp-log-bar [type=search]"), "");
    expect(el.querySelectorAll("mark")).toHaveLength(0);
    expect(lines()[0]).toBe("one <b>x</b>");
  });

  it("keep the newest lines only", async () => {
    const store = await opened();
    for (let turn = 0; turn < 6; turn++) {
      vi.advanceTimersByTime(1_600);
      answer(store, [], 0, { lines: Array.from({ length: 500 }, (_, index) => `${turn}.${index}`), next: 100 + turn });
      await settle();
    }
    expect(lines()).toHaveLength(2000);
    expect(lines()[1999]).toBe("5.499");
  });

  it("of another executor replace these, and an old answer does not mix in", async () => {
    const store = await opened();
    vi.advanceTimersByTime(1_600);
    const old = store.last("logs");
    choose("Whose log", "driver");
    store.last("logs").answer({ lines: ["driver says"], next: 1 });
    old.answer({ lines: ["late"], next: 50 });
    await settle();
    expect(lines()).toEqual(["driver says"]);
  });

  it("of executors that are no more can be chosen, and say why they ended", async () => {
    const store = open(fixture("running"));
    press("driver log");
    const at = Date.now() / 1000;
    const past = [
      { executor: "5", why: "killed (signal 9) <b>", at },
      { executor: "0", why: "lost, and shown in its row", at },
    ];
    store.last("logs").answer({ lines: ["driver says"], next: 1, past });
    await settle();
    const source = find<HTMLSelectElement>(".raydp-log-bar select");
    const group = source.querySelector("optgroup")!;
    expect([...group.querySelectorAll("option")].map(({ value }) => value)).toEqual(["5"]);
    source.value = "5";
    source.dispatchEvent(new Event("change"));
    expect(store.last("logs").details["executor"]).toBe("5");
    expect(visibleText(find(".raydp-logs"))).toContain("Executor 5 ran until 12:00:00: killed (signal 9) <b>");
    const [stdout, stderr] = store.asked.slice(-2);
    stdout!.answer({ lines: ["out of memory"], next: 4, past });
    stderr!.answer({ lines: ["last words"], next: 9, past });
    await settle();
    expect(lines()).toEqual(["out of memory", "last words"]);
    choose("Which output", "stdout");
    expect(store.last("logs").details).toEqual({ executor: "5", lines: 500, after: null, stream: "stdout" });
    store.last("logs").answer({ lines: ["out of memory"], next: 4, past });
    await settle();
    expect(lines()).toEqual(["out of memory"]);
    store.set(fixture("running"));
    expect(source.value).toBe("5");
    expect(visibleText(find(".raydp-logs"))).toContain("Executor 5 ran until");
    expect(visibleText(find(".raydp-logs"))).toContain("%raydp_cluster logs 5 --stream stdout");
  });

  it("that cannot be read say why, and are tried again", async () => {
    const store = open(fixture("running"));
    press("driver log");
    store.last("logs").refuse("There is no log yet", "Wait");
    await settle();
    expect(visibleText(find(".raydp-logs [role=alert]"))).toBe("There is no log yet Hint: Wait");
    vi.advanceTimersByTime(1_600);
    expect(store.asked).toHaveLength(2);
  });

  it("that cannot be read for long are read out once", async () => {
    const store = open(fixture("running"));
    press("driver log");
    const alert = find(".raydp-logs [role=alert]");
    const fail = async (message: string) => {
      store.last("logs").refuse(message);
      await settle();
      vi.advanceTimersByTime(1_600);
    };
    await fail("There is no log yet");
    const first = alert.firstElementChild;
    await fail("There is no log yet");
    expect(alert.firstElementChild).toBe(first);
    await fail("The disk is full");
    expect(visibleText(alert)).toBe("The disk is full");
    store.last("logs").answer({ lines: ["at last"], next: 1 });
    await settle();
    expect(alert.textContent).toBe("");
    vi.advanceTimersByTime(1_600);
    await fail("The disk is full");
    expect(visibleText(alert)).toBe("The disk is full");
  });

  it("go on where they were when a lost connection is back", async () => {
    const store = await opened();
    vi.advanceTimersByTime(1_600);
    store.tell({ kind: "snapshot", snapshot: fixture("running"), gone: "The connection to the kernel was lost" });
    for (const asked of store.asked.slice(-2)) asked.refuse("The connection to the kernel was lost");
    await settle();
    const before = store.asked.length;
    vi.advanceTimersByTime(60_000);
    expect(store.asked).toHaveLength(before);
    store.set(fixture("running"));
    expect(store.last("logs").details).toEqual({ executor: "1", lines: 500, after: 40, stream: "stderr" });
    answer(store, [], 0, { lines: ["five"], next: 45 });
    await settle();
    expect(lines().slice(3)).toEqual(["four error", "five"]);
    expect(el.querySelector(".raydp-logs [role=alert]")!.textContent).toBe("");
    vi.advanceTimersByTime(1_600);
    expect(store.last("logs").details["after"]).toBe(45);
  });

  it("of a cluster that has ended stay, until the next one's driver has some", async () => {
    const store = await opened();
    store.set({ ...fixture("stopped"), actions: ["start", "fit"] });
    expect(lines()).toHaveLength(4);
    const before = store.asked.length;
    store.set(fixture("starting")); // has no name yet
    expect(lines()).toEqual([]);
    store.set({ ...fixture("running"), app_id: "app-2" });
    expect(store.asked).toHaveLength(before + 1);
    expect(store.last("logs").details).toEqual({ executor: "driver", lines: 500, after: null });
    store.last("logs").answer({ lines: ["driver says"], next: 7, past: [] });
    await settle();
    expect(lines()).toEqual(["driver says"]);
    expect(find<HTMLSelectElement>(".raydp-log-bar select").value).toBe("driver");
    vi.advanceTimersByTime(1_600);
    expect(store.last("logs").details["after"]).toBe(7);
  });

  it("are not asked for while nobody sees them, and at once when somebody does", async () => {
    const store = await opened();
    const before = store.asked.length;
    const state = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    vi.advanceTimersByTime(60_000);
    expect(store.asked).toHaveLength(before);
    state.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(store.last("logs").details["after"]).toBe(40);
    state.mockRestore();
  });

  it("are not asked for where no cluster is shown", async () => {
    const store = await opened();
    store.tell({ kind: "none", ended: "The cluster was stopped", presets: [], actions: [], versions: {} });
    const before = store.asked.length;
    vi.advanceTimersByTime(60_000);
    expect(store.asked).toHaveLength(before);
  });

  it("that a person does not follow stay as they are after a pause", async () => {
    const store = await opened();
    find<HTMLInputElement>(".raydp-logs [type=checkbox]").click();
    const before = store.asked.length;
    store.tell({ kind: "snapshot", snapshot: fixture("running"), gone: "The connection to the kernel was lost" });
    store.set(fixture("running"));
    vi.advanceTimersByTime(60_000);
    expect(store.asked).toHaveLength(before);
    expect(lines()).toHaveLength(4);
  });

  it("stop being asked for when closed, and the focus goes back", async () => {
    const store = await opened();
    press("Close the log");
    expect(document.activeElement?.getAttribute("aria-label")).toBe("Logs of executor 1");
    const before = store.asked.length;
    vi.advanceTimersByTime(10_000);
    expect(store.asked).toHaveLength(before);
  });
});
