import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { readSnapshot, type ExecutorSnapshot, type NodeSnapshot, type Reading, type Snapshot } from "../src/snapshot";
import { AskError, type Action, type Details, type Store } from "../src/core";

const FOLDER = resolve(__dirname, "../../tests/fixtures/snapshots");

export const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.slice(0, -".json".length));

/** A fixture that pytest reads too, as if it was taken `age` seconds ago. */
export function fixture(name: string, age = 0): Snapshot {
  const snapshot = JSON.parse(readFileSync(resolve(FOLDER, `${name}.json`), "utf8")) as Snapshot;
  return moved(snapshot, Date.now() / 1000 - age - snapshot.taken_at) as Snapshot;
}

function moved(value: unknown, shift: number): unknown {
  if (Array.isArray(value)) return value.map((item) => moved(item, shift));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [
    key,
    key.endsWith("_at") && typeof item === "number" ? item + shift : moved(item, shift),
  ]);
  return Object.fromEntries(entries) as unknown;
}

/** A big cluster, made of the fixtures' records. */
export function crowd(nodes: number, executors: number): Snapshot {
  const base = fixture("running");
  const node = (index: number): NodeSnapshot => ({ ...base.nodes[0]!, id: `n${index}`, name: `worker-${index}`, is_head: index === 0 });
  const executor = (slot: number): ExecutorSnapshot => ({
    ...base.executors[0]!,
    slot,
    id: String(slot),
    node: `worker-${slot % nodes}`,
    completed_tasks: slot,
    message: slot % 50 === 7 ? "out of memory (exit code 137)" : "",
    state: slot % 50 === 7 ? "lost" : "up",
  });
  return {
    ...base,
    executors_wanted: executors,
    nodes: Array.from({ length: nodes }, (_, index) => node(index)),
    executors: Array.from({ length: executors }, (_, index) => executor(index)),
  };
}

export interface Asked {
  action: Action;
  details: Details;
  answer(value: unknown): void;
  refuse(message: string, hint?: string): void;
}

export class FakeStore implements Store {
  readonly listeners = new Set<() => void>();
  readonly asked: Asked[] = [];
  readonly visible: boolean[] = [];
  private reading: Reading;
  constructor(record: unknown) {
    this.reading = readSnapshot(record);
  }
  get(): Reading {
    return this.reading;
  }
  set(record: unknown): void {
    this.tell(readSnapshot(record));
  }
  tell(reading: Reading): void {
    this.reading = reading;
    for (const changed of [...this.listeners]) changed();
  }
  subscribe(changed: () => void): () => void {
    this.listeners.add(changed);
    return () => this.listeners.delete(changed);
  }
  ask(action: Action, details: Details): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.asked.push({
        action,
        details,
        answer: resolve,
        refuse: (message, hint = "") => reject(new AskError(message, hint)),
      });
    });
  }
  setVisible(_view: object, visible: boolean): void {
    this.visible.push(visible);
  }
  /** The newest question, which must be of this kind. */
  last(action: Action): Asked {
    const asked = this.asked[this.asked.length - 1];
    if (asked?.action !== action) throw new Error(`the last question is ${String(asked?.action)}, not ${action}`);
    return asked;
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

/** Let promises that are settled by now call back. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
}
