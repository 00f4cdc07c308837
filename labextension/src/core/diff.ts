// What changed between two snapshots, as the kernel sends it. Records that did not change stay
// the same objects, so that a view may skip them by identity.
import { KEYS } from "../snapshot";

type Item = Record<string, unknown>;

export interface ListDiff {
  /** The keys in their new order, absent when it is as before. */
  order?: string[];
  /** By key, the changed fields of a record. */
  edit?: Record<string, Item>;
  /** New records. */
  put?: Item[];
  drop?: string[];
}

export interface Diff {
  set?: Item;
  lists?: Record<string, ListDiff>;
}

/** The record after the diff, or null when the diff does not fit the record. */
export function apply(record: Item, diff: Diff): Item | null {
  const next: Item = { ...record, ...diff.set };
  for (const [name, change] of Object.entries(diff.lists ?? {})) {
    const list = record[name];
    const key = KEYS[name];
    const changed = key && Array.isArray(list) ? applyList(list as Item[], change, key) : null;
    if (changed === null) return null;
    next[name] = changed;
  }
  return next;
}

function applyList(list: Item[], { order, edit, put, drop }: ListDiff, key: (item: Item) => string): Item[] | null {
  const items = new Map<string, Item>();
  for (const item of list) items.set(key(item), item);
  for (const name of drop ?? []) items.delete(String(name));
  // A Map keeps a changed record's place and appends new ones.
  for (const [name, fields] of Object.entries(edit ?? {})) {
    const item = items.get(name);
    if (!item) return null;
    items.set(name, { ...item, ...fields });
  }
  for (const item of put ?? []) items.set(key(item), item);
  if (!order) return [...items.values()];
  const sorted = order.map((name) => items.get(String(name)));
  return sorted.length === items.size && sorted.every((item) => item !== undefined) ? (sorted as Item[]) : null;
}
