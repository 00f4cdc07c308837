import { CommandRegistry } from "@lumino/commands";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mount } from "../src/core";
import { FakeStore, fixture } from "./fixtures";

let done: string[];
let commands: CommandRegistry;
let el: HTMLElement;
let unmount: () => void;

const hear = (event: KeyboardEvent) => commands.processKeydownEvent(event);

/** What a key would do in a notebook around the panel. */
function press(key: string, more: KeyboardEventInit = {}): string[] {
  done = [];
  const code = key.length === 1 ? key.toUpperCase().charCodeAt(0) : { ArrowDown: 40, Enter: 13, Escape: 27 }[key]!;
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  Object.defineProperty(event, "keyCode", { value: code });
  document.activeElement!.dispatchEvent(event);
  return done;
}

const focus = (selector: string) => el.querySelector<HTMLElement>(selector)!.focus();

// JupyterLab hears keys on their way up from what has the focus, Notebook 7 on their way down to it.
describe.each([
  ["JupyterLab", false],
  ["Notebook 7", true],
])("in a cell of %s", (_, capture) => {
  beforeEach(() => {
    commands = new CommandRegistry();
    for (const keys of ["X", "ArrowDown", "Ctrl S", "Shift Enter"]) {
      commands.addCommand(keys, { execute: () => void done.push(keys) });
      // As JupyterLab's: of the notebook's own keys, which fit what has the focus, and of others.
      const selector = keys.length > 2 && keys.includes(" ") ? ".notebook" : ".notebook :focus:not(input)";
      commands.addKeyBinding({ command: keys, keys: [keys], selector });
    }
    document.addEventListener("keydown", hear, capture);
    el = document.createElement("div");
    el.className = "notebook";
    document.body.append(el);
    unmount = mount(el, new FakeStore(fixture("running")));
  });

  afterEach(() => {
    unmount();
    document.removeEventListener("keydown", hear, capture);
    el.remove();
  });

  it("the notebook's single keys are not for what has the focus in the panel", () => {
    el.querySelector<HTMLElement>("[aria-label='Logs of executor 1']")!.click();
    const held = ["[aria-label='Stop the cluster']", ".raydp-log", ".raydp-grid-executors .raydp-grid-row", ".raydp-logs select", ".raydp-logs [type=checkbox]"];
    for (const selector of held) {
      focus(selector);
      expect([selector, press("x"), press("ArrowDown")]).toEqual([selector, [], []]);
    }
  });

  it("saving and running are not taken away by a click on a button", () => {
    focus("[aria-label='Stop the cluster']");
    expect(press("s", { ctrlKey: true })).toEqual(["Ctrl S"]);
    expect(press("Enter", { shiftKey: true })).toEqual(["Shift Enter"]);
    expect(press("x")).toEqual([]);
  });

  it("Escape gives the keys back, after it has closed a question", () => {
    const stop = el.querySelector<HTMLElement>("[aria-label='Stop the cluster']")!;
    stop.click();
    press("Escape");
    expect(document.activeElement).toBe(stop);
    press("Escape");
    expect(document.activeElement).toBe(el.querySelector(".raydp-panel"));
    expect(press("x")).toEqual(["X"]);
  });

  it("a field keeps every key but Escape, which a search takes first to be emptied", () => {
    el.querySelector<HTMLElement>("[aria-label='Logs of executor 1']")!.click();
    const search = el.querySelector<HTMLInputElement>(".raydp-logs [type=search]")!;
    search.focus();
    search.value = "error";
    expect([press("x"), press("s", { ctrlKey: true }), press("Escape")]).toEqual([[], [], []]);
    expect(document.activeElement).toBe(search);
    search.value = "";
    press("Escape");
    expect(document.activeElement).toBe(el.querySelector(".raydp-panel"));
  });

  it("a panel that is taken away leaves nothing", () => {
    focus("[aria-label='Stop the cluster']");
    press("x");
    const root = el.querySelector<HTMLElement>(".raydp-panel")!;
    unmount();
    const before = root.outerHTML;
    document.body.focus();
    press("s", { ctrlKey: true });
    expect(root.outerHTML).toBe(before);
  });
});
