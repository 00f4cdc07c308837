import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mount } from "../src/core";
import { crowd, FakeStore, fixture, visibleText } from "./fixtures";

let el: HTMLElement;
let unmount: () => void;
let store: FakeStore;

beforeEach(() => {
  el = document.createElement("div");
  document.body.append(el);
});

afterEach(() => {
  unmount();
  el.remove();
});

function open(record: unknown): void {
  store = new FakeStore(record);
  unmount = mount(el, store);
}

const grid = (name: string) => el.querySelector<HTMLElement>(`.raydp-grid-${name}`)!;
const rows = (name: string) => [...grid(name).querySelectorAll<HTMLElement>(".raydp-grid-row")];
const indices = (name: string) => rows(name).map((row) => Number(row.getAttribute("aria-rowindex")));

function key(name: string): void {
  document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
}

function scroll(name: string, top: number): void {
  grid(name).scrollTop = top;
  grid(name).dispatchEvent(new Event("scroll"));
}

describe("1,000 nodes and 10,000 executors", () => {
  it("are a document of a few screens' elements, wherever one scrolls", () => {
    open(crowd(1000, 10_000));
    const sizes = [0, 10_000, 150_000, 10_000_000].map((top) => {
      scroll("executors", top);
      return el.querySelectorAll("*").length;
    });
    expect(Math.max(...sizes)).toBeLessThan(2_000);
    expect(rows("executors").length).toBeLessThan(30);
    expect(grid("executors").getAttribute("aria-rowcount")).toBe("10001");
    expect(grid("nodes").getAttribute("aria-rowcount")).toBe("1001");
  });

  it("are counted by state", () => {
    open(crowd(10, 10_000));
    expect(visibleText(el.querySelector(".raydp-states")!)).toBe("9,800 up · 200 lost");
  });

  it("are drawn anew by changing what is there", () => {
    const before = crowd(1000, 10_000);
    open(before);
    const executors = before.executors.map((row) => (row.slot % 100 === 0 ? { ...row, completed_tasks: 7 } : row));
    const drawn = rows("executors");
    store.set({ ...before, executors });
    expect(rows("executors")).toEqual(drawn);
    expect(visibleText(rows("executors")[0]!)).toContain("7");
  });

  it("stand where their heights put them", () => {
    open(crowd(1, 100));
    const tops = rows("executors").map((row) => Number.parseInt(row.style.top));
    const heights = rows("executors").map((row) => Number.parseInt(row.style.height));
    for (let index = 1; index < tops.length; index++) expect(tops[index]).toBe(tops[index - 1]! + heights[index - 1]!);
    expect(heights[7]).toBeGreaterThan(heights[6]!); // it says why it was lost
  });
});

describe("the keyboard", () => {
  it("has one tab stop, and reaches every row", () => {
    open(crowd(1, 10_000));
    expect(rows("executors").filter((row) => row.tabIndex === 0)).toHaveLength(1);
    rows("executors")[0]!.focus();
    key("ArrowDown");
    expect(document.activeElement?.getAttribute("aria-rowindex")).toBe("3");
    key("End");
    expect(document.activeElement?.getAttribute("aria-rowindex")).toBe("10001");
    expect(grid("executors").scrollTop).toBeGreaterThan(200_000);
    key("PageUp");
    expect(Number(document.activeElement?.getAttribute("aria-rowindex"))).toBeLessThan(10_000);
    key("Home");
    expect(document.activeElement?.getAttribute("aria-rowindex")).toBe("2");
    expect(grid("executors").scrollTop).toBe(0);
    expect(el.querySelectorAll(".raydp-grid-executors [tabindex='0']")).toHaveLength(1);
  });

  it("goes to a row's buttons with the arrows", () => {
    open(fixture("running"));
    rows("executors")[1]!.focus();
    key("ArrowRight");
    expect(document.activeElement?.getAttribute("aria-label")).toBe("Logs of executor 1");
    key("ArrowRight");
    expect(document.activeElement?.getAttribute("aria-label")).toBe("Restart executor 1");
    key("ArrowUp");
    expect(document.activeElement).toBe(rows("executors")[0]);
  });

  it("keeps the focused row while one scrolls away, in its place among the rows", () => {
    open(crowd(1, 10_000));
    const row = rows("executors")[3]!;
    row.focus();
    scroll("executors", 100_000);
    expect(document.activeElement).toBe(row);
    expect(indices("executors")[0]).toBe(5);
    expect(indices("executors")[1]).toBeGreaterThan(1000);
    store.set(crowd(1, 10_000));
    expect(document.activeElement).toBe(row);
  });

  it("stays with its row when rows before it go", () => {
    const before = fixture("busy_multi_node");
    open(before);
    const row = rows("executors")[4]!;
    row.focus();
    store.set({ ...before, executors: before.executors.slice(2) });
    expect(document.activeElement).toBe(row);
    expect(row.getAttribute("aria-rowindex")).toBe("4");
    expect(rows("executors").filter(({ tabIndex }) => tabIndex === 0)).toEqual([row]);
  });
});
