import { describe, expect, it } from "vitest";
import { lanes, MAX_ROWS, span } from "../src/core/lanes";
import { summary } from "../src/core/timeline";
import type { TimelineSnapshot } from "../src/snapshot";
import { fixture, visibleText } from "./fixtures";
import { el, mountedPanels, open } from "./mounted";

const NOW = 10_000;

function item(kind: TimelineSnapshot["kind"], ago: number, took: number | null, id = `${ago}`): TimelineSnapshot {
  const from = NOW - ago;
  return { kind, id, label: `thing ${id}`, started_at: from, ended_at: took === null ? null : from + took, state: took === null ? "running" : "done" };
}

describe("where the bars stand", () => {
  it("is on one axis of ten minutes, cut at its start", () => {
    const [lane] = lanes([item("spark", 900, 600), item("spark", 150, 30), item("spark", 60, null)], NOW);
    expect(lane!.bars.map(({ from, to }) => [from, to])).toEqual([[0, 0.5], [0.75, 0.8], [0.9, 1]]);
  });

  it("is a lane for each kind that is there, without what is over long since", () => {
    expect(lanes([item("transfer", 10, 1), item("spark", 5, null), item("ray", 900, 10)], NOW).map(({ kind }) => kind)).toEqual(["spark", "transfer"]);
  });

  it("reaches back to what is to be seen, at most ten minutes", () => {
    const spans = [[item("spark", 20, 5)], [item("spark", 61, 5), item("ray", 2, null)], [item("spark", 280, 5)], [item("spark", 301, 5)], [item("spark", 900, 400)], [item("spark", 900, 100), item("ray", 5, 1)], []];
    expect(spans.map((items) => span(items, NOW))).toEqual([1, 2, 5, 10, 10, 1, 1]);
    const [lane] = lanes([item("spark", 30, 15)], NOW, 1);
    expect(lane!.bars.map(({ from, to }) => [from, to])).toEqual([[0.5, 0.75]]);
  });

  it("puts what overlaps into rows, a few of them", () => {
    const together = Array.from({ length: 9 }, (_, index) => item("ray", 100 - index, 50, `${index}`));
    const [lane] = lanes(together, NOW);
    expect(lane!.rows).toBe(MAX_ROWS);
    expect(lane!.bars.slice(0, 3).map(({ row }) => row)).toEqual([0, 1, 2]);
    const [apart] = lanes([item("spark", 100, 10), item("spark", 80, 10)], NOW);
    expect(apart!.rows).toBe(1);
  });
});

describe("the timeline", () => {
  mountedPanels();

  it("has a text for who cannot see it", () => {
    const snapshot = fixture("timeline");
    open(snapshot);
    const picture = el.querySelector(".raydp-time")!;
    expect(picture.getAttribute("role")).toBe("img");
    expect(picture.getAttribute("aria-label")).toBe(`The last ten minutes: ${summary(snapshot.timeline)}`);
    const button = el.querySelector<HTMLElement>(".raydp-as-text")!;
    button.click();
    expect(button.getAttribute("aria-expanded")).toBe("true");
    const newest = snapshot.timeline[snapshot.timeline.length - 1]!;
    expect(visibleText(el.querySelector(".raydp-grid-timeline .raydp-grid-row")!)).toContain(newest.label || newest.id);
    expect(el.querySelector(".raydp-grid-timeline")!.getAttribute("aria-rowcount")).toBe(String(snapshot.timeline.length + 1));
  });

  it("has an axis that is as long as what there is", () => {
    const snapshot = fixture("timeline");
    const at = snapshot.taken_at;
    const event = (ago: number): TimelineSnapshot => ({ kind: "spark", id: "1", label: "count", started_at: at - ago, ended_at: at - ago + 0.3, state: "done" });
    const store = open({ ...snapshot, timeline: [event(20)] });
    const axis = () => [...el.querySelectorAll(".raydp-tick-text")].map(({ textContent }) => textContent);
    expect(axis()).toEqual(["now", "−15 s", "−30 s", "−45 s", "−60 s"]);
    expect(el.querySelector(".raydp-time")!.getAttribute("aria-label")).toBe("The last minute: 1 Spark job");
    expect(el.querySelector(".raydp-span title")!.textContent).toMatch(/^Spark job count: done, 0\.3 s, from /);
    store.set({ ...snapshot, timeline: [event(100)] });
    expect(axis()).toEqual(["now", "−30 s", "−60 s", "−90 s", "−2 min"]);
    store.set({ ...snapshot, timeline: [event(500)] });
    expect(axis()).toEqual(["now", "−2 min", "−4 min", "−6 min", "−8 min", "−10 min"]);
  });

  it("counts in words", () => {
    const failed = { ...item("spark", 50, 5), state: "failed" as const };
    expect(summary([item("spark", 60, null), failed, item("transfer", 5, 1)])).toBe("2 Spark jobs (1 running, 1 failed), 1 transfer");
  });

  it("is quiet: it is drawn anew for news, or every few seconds", () => {
    const snapshot = fixture("timeline");
    const store = open(snapshot);
    const first = el.querySelector(".raydp-span");
    store.set({ ...snapshot, taken_at: snapshot.taken_at + 1 });
    expect(el.querySelector(".raydp-span")).toBe(first);
    store.set({ ...snapshot, taken_at: snapshot.taken_at + 6 });
    expect(el.querySelector(".raydp-span")).not.toBe(first);
  });
});
