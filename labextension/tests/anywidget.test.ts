import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import adapter from "../src/anywidget";
import { fixture, visibleText } from "./fixtures";

class FakeModel {
  readonly listeners = new Map<string, Set<() => void>>();
  constructor(readonly traits: Record<string, unknown>) {}
  get(name: string): unknown {
    return this.traits[name];
  }
  on(event: string, callback: () => void): void {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(callback));
  }
  off(event: string, callback: () => void): void {
    this.listeners.get(event)?.delete(callback);
  }
}

describe("the anywidget adapter", () => {
  it("shows the model's snapshot, follows it, and lets go", () => {
    const model = new FakeModel({ snapshot: {}, panel_id: "0123456789abcdef" });
    const el = document.createElement("div");
    const unmount = adapter.render({ model, el });
    expect(visibleText(el)).toContain("Waiting");
    model.traits["snapshot"] = fixture("running");
    model.listeners.get("change:snapshot")!.forEach((changed) => changed());
    expect(visibleText(el)).toContain("running");
    unmount();
    expect(el.childNodes).toHaveLength(0);
    expect(model.listeners.get("change:snapshot")!.size).toBe(0);
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
    expect(gzipSync(readFileSync(join(out, "panel.js"))).length).toBeLessThan(15_000);
    expect(gzipSync(readFileSync(join(out, "panel.css"))).length).toBeLessThan(6_000);
  });

  it("fetches nothing and has the default export that anywidget wants", async () => {
    const code = readFileSync(join(out, "panel.js"), "utf8");
    expect(code).not.toMatch(/https?:\/\/[a-z]|\bfetch\(|innerHTML|\bimport\b/);
    const url = `data:text/javascript;base64,${Buffer.from(code).toString("base64")}`;
    const module = (await import(/* @vite-ignore */ url)) as { default: { render: unknown } };
    expect(module.default.render).toBeTypeOf("function");
  });
});
