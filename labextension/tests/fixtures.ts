import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Store } from "../src/core/store";
import type { Snapshot } from "../src/snapshot";

const FOLDER = resolve(__dirname, "../../tests/fixtures/snapshots");

export const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.slice(0, -".json".length));

/** A fixture that pytest reads too, as if it was taken `age` seconds ago. */
export function fixture(name: string, age = 0): Snapshot {
  const snapshot = JSON.parse(readFileSync(resolve(FOLDER, `${name}.json`), "utf8")) as Snapshot;
  return { ...snapshot, taken_at: Date.now() / 1000 - age };
}

export class FakeStore implements Store {
  readonly listeners = new Set<() => void>();
  constructor(private record: unknown) {}
  get(): unknown {
    return this.record;
  }
  set(record: unknown): void {
    this.record = record;
    for (const changed of this.listeners) changed();
  }
  subscribe(changed: () => void): () => void {
    this.listeners.add(changed);
    return () => this.listeners.delete(changed);
  }
}

/** What a person sees: the text without hidden parts. */
export function visibleText(el: Element): string {
  if (el.hasAttribute("hidden") || el.tagName === "STYLE") return "";
  return [...el.childNodes]
    .map((node) => (node.nodeType === 1 ? visibleText(node as Element) : (node.textContent ?? "")))
    .join(" ")
    .replace(/\s+/g, " ")
    .trim();
}
