import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import adapter from "../src/anywidget";
import { grantInsertions, type ViewMessage } from "../src/core";
import { fixture, visibleText } from "./fixtures";

class FakeModel {
  readonly listeners = new Map<string, Set<(message?: unknown) => void>>();
  readonly sent: ViewMessage[] = [];
  constructor(readonly traits: Record<string, unknown>) {}
  get(name: string): unknown {
    return this.traits[name];
  }
  send(message: ViewMessage): void {
    this.sent.push(message);
  }
  on(event: string, callback: (message?: unknown) => void): void {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(callback));
  }
  off(event: string, callback: (message?: unknown) => void): void {
    this.listeners.get(event)?.delete(callback);
  }
  trigger(event: string, message?: unknown): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(message);
  }
}

describe("the anywidget adapter", () => {
  it("speaks the protocol over the widget's messages, and lets go", () => {
    const model = new FakeModel({ snapshot: {}, panel_id: "0123456789abcdef" });
    const el = document.createElement("div");
    const unmount = adapter.render({ model, el });
    expect(visibleText(el)).toContain("Waiting");
    expect(model.sent).toEqual([{ type: "hello", schema: 3, visible: true }]);
    model.trigger("msg:custom", { type: "snapshot", seq: 1, snapshot: fixture("running") });
    expect(visibleText(el)).toContain("2/2 executors");
    el.querySelector<HTMLElement>("[aria-label='One executor more']")!.click();
    expect(model.sent[1]).toEqual({ type: "ask", id: expect.any(Number), do: "scale", with: { executors: 3 } });
    unmount();
    expect(el.childNodes).toHaveLength(0);
    expect([...model.listeners.values()].every((listeners) => listeners.size === 0)).toBe(true);
    expect(model.sent[2]).toEqual({ type: "visible", visible: false });
  });

  it("puts magics into the notebook where the extension does that", () => {
    const model = new FakeModel({ snapshot: fixture("running"), panel_id: "" });
    const open = () => {
      const el = document.body.appendChild(document.createElement("div"));
      adapter.render({ model, el });
      [...el.querySelectorAll("button")].find(({ textContent }) => textContent === "magics")!.click();
      return el;
    };
    expect(open().querySelector("[aria-label^='Insert ']")).toBeNull();
    const wishes: [Node, string][] = [];
    grantInsertions((...wish) => wishes.push(wish));
    const el = open();
    el.querySelector<HTMLElement>("[aria-label^='Insert %raydp_cluster scale']")!.click();
    expect(wishes).toEqual([[el, expect.stringMatching(/^%raydp_cluster scale/)]]);
    document.body.replaceChildren();
    delete document.documentElement.dataset["raydpMagicInserts"];
  });

  it("shows the state that was saved with the widget until the kernel speaks", () => {
    const el = document.createElement("div");
    const unmount = adapter.render({ model: new FakeModel({ snapshot: fixture("stopped"), panel_id: "" }), el });
    expect(visibleText(el)).toContain("The cluster has stopped");
    unmount();
  });

  it("says that the kernel is gone, and takes it back when it answers", () => {
    const model = new FakeModel({ snapshot: {}, panel_id: "" });
    const el = document.createElement("div");
    const unmount = adapter.render({ model, el });
    model.trigger("msg:custom", { type: "snapshot", seq: 1, snapshot: fixture("running") });
    model.trigger("comm_live_update");
    expect(visibleText(el)).toContain("The kernel has ended or was restarted – last known state");
    expect(model.sent[model.sent.length - 1]!.type).toBe("hello");
    model.trigger("msg:custom", { type: "snapshot", seq: 1, snapshot: fixture("running") });
    expect(visibleText(el)).not.toContain("The kernel has ended");
    unmount();
  });

  it("hides the static copy of its own panel only, and never trusts the id", () => {
    const el = document.createElement("div");
    adapter.render({ model: new FakeModel({ snapshot: {}, panel_id: "0123456789abcdef" }), el })();
    const render = (panel_id: unknown) => {
      const host = document.createElement("div");
      const unmount = adapter.render({ model: new FakeModel({ snapshot: {}, panel_id }), el: host });
      const css = host.querySelector("style")?.textContent ?? null;
      unmount();
      return css;
    };
    expect(render("0123456789abcdef")).toContain(".raydp-static-0123456789abcdef");
    expect(render("a}*{display:none")).toBeNull();
    expect(render(undefined)).toBeNull();
  });
});

describe("the bundle", () => {
  let out: string;
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), "raydp-panel-"));
    execFileSync("node", [resolve(__dirname, "../scripts/build.mjs")], { env: { ...process.env, PANEL_OUTDIR: out } });
  });
  afterAll(() => rmSync(out, { recursive: true }));

  it("is small: anywidget sends it with each panel", () => {
    const sizes = ["panel.js", "panel.css"].map((name) => gzipSync(readFileSync(join(out, name))).length);
    expect(sizes[0]! + sizes[1]!).toBeLessThan(60_000);
  });

  it("fetches nothing and has the default export that anywidget wants", async () => {
    const code = readFileSync(join(out, "panel.js"), "utf8");
    // The one address is the name of SVG's elements, which nobody opens.
    expect(code.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\/[a-z]|\bfetch\(|innerHTML|\bimport\b/);
    const url = `data:text/javascript;base64,${Buffer.from(code).toString("base64")}`;
    const module = (await import(/* @vite-ignore */ url)) as { default: { render: unknown } };
    expect(module.default.render).toBeTypeOf("function");
  });
});
