import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mount } from "../src/core";
import { fixture, FakeStore, visibleText } from "./fixtures";

let el: HTMLElement;
let sight: (visible: boolean) => void;
let width: (pixels: number) => void;

beforeEach(() => {
  vi.useFakeTimers({ now: new Date(2026, 0, 1, 12, 0, 0) });
  vi.stubGlobal("IntersectionObserver", class {
    constructor(call: (entries: { isIntersecting: boolean }[]) => void) {
      sight = (isIntersecting) => call([{ isIntersecting }]);
    }
    observe() {}
    disconnect() {
      sight = () => {
        throw new Error("nobody observes");
      };
    }
  });
  vi.stubGlobal("ResizeObserver", class {
    constructor(call: (entries: { contentRect: { width: number } }[]) => void) {
      width = (pixels) => call([{ contentRect: { width: pixels } }]);
    }
    observe() {}
    disconnect() {}
  });
  el = document.createElement("div");
  document.body.append(el);
});

afterEach(() => {
  el.remove();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("out of sight", () => {
  it("the kernel is told, nothing is drawn, and silence is no worry", () => {
    const store = new FakeStore(fixture("running"));
    const unmount = mount(el, store);
    expect(store.visible).toEqual([true]);
    sight(false);
    sight(false);
    expect(store.visible).toEqual([true, false]);
    store.set(fixture("executor_lost"));
    expect(visibleText(el)).not.toContain("was lost");
    vi.advanceTimersByTime(60_000);
    sight(true);
    expect(store.visible).toEqual([true, false, true]);
    expect(visibleText(el)).toContain("was lost");
    expect(visibleText(el)).not.toContain("No news");
    vi.advanceTimersByTime(12_000);
    expect(visibleText(el)).toContain("No news");
    unmount();
    expect(store.visible).toEqual([true, false, true, false]);
  });

  it("so it is when the browser's tab is hidden", () => {
    const store = new FakeStore(fixture("running"));
    const unmount = mount(el, store);
    const state = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(store.visible).toEqual([true, false]);
    state.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(store.visible).toEqual([true, false, true]);
    state.mockRestore();
    unmount();
  });
});

describe("the layout", () => {
  it("follows the width, and the rows' heights with it", () => {
    const unmount = mount(el, new FakeStore(fixture("running")));
    const root = el.querySelector<HTMLElement>(".raydp-panel")!;
    const row = el.querySelector<HTMLElement>(".raydp-grid-executors .raydp-grid-row")!;
    const wide = Number.parseInt(row.style.height);
    expect(root.dataset["layout"]).toBe("wide");
    width(400);
    expect(root.dataset["layout"]).toBe("narrow");
    expect(Number.parseInt(row.style.height)).toBeGreaterThan(wide * 2);
    width(1200);
    expect(Number.parseInt(row.style.height)).toBe(wide);
    unmount();
  });

  it("of the sidebar stays", () => {
    const unmount = mount(el, new FakeStore(fixture("running")), { layout: "sidebar", title: "trips.ipynb" });
    width(1200);
    expect(el.querySelector<HTMLElement>(".raydp-panel")!.dataset["layout"]).toBe("sidebar");
    expect(visibleText(el.querySelector("header")!)).toContain("raydp_magic trips.ipynb");
    unmount();
  });
});
