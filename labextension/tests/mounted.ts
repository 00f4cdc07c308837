import { afterEach, beforeEach, expect, vi } from "vitest";
import { mount, type MountOptions } from "../src/core";
import { FakeStore } from "./fixtures";

/** Where the test's panel is; a new one for each test. */
export let el: HTMLElement;
export let unmount: () => void = () => undefined;

/** Give each test of a file an empty element and a clock of its own; what is left of a panel fails it. */
export function mountedPanels(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: new Date(2026, 0, 1, 12, 0, 0) });
    el = document.createElement("div");
    document.body.append(el);
    unmount = () => undefined;
  });
  afterEach(() => {
    unmount();
    expect(el.childElementCount).toBe(0);
    el.remove();
    vi.useRealTimers();
  });
}

/** Mount a panel that shows a snapshot. */
export function open(record: unknown, options?: MountOptions): FakeStore {
  const store = new FakeStore(record);
  unmount = mount(el, store, options);
  return store;
}

/** The first of what matches that is to be seen. */
export function find<T extends HTMLElement>(selector: string): T {
  const found = [...el.querySelectorAll<T>(selector)].find((node) => !node.closest("[hidden]"));
  if (!found) throw new Error(`nothing to see matches ${selector}`);
  return found;
}

/** Click a button that can be seen, by its name. */
export function press(label: string): HTMLElement {
  const found = [...el.querySelectorAll<HTMLElement>("button")].find(
    (button) => !button.closest("[hidden]") && (button.getAttribute("aria-label") ?? button.textContent) === label,
  );
  if (!found) throw new Error(`no button ${label}`);
  found.focus();
  found.click();
  return found;
}

/** Put text into a field, as a person does. */
export function type(input: HTMLInputElement, value: string): void {
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}
