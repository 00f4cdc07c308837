import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mount } from "../src/core";
import { fixture, FakeStore, NAMES } from "./fixtures";

let el: HTMLElement;
let unmount: () => void;

beforeEach(() => {
  document.documentElement.lang = "en";
  document.head.innerHTML = "<style>[hidden] { display: none !important }</style>"; // as in panel.css
  el = document.createElement("div");
  document.body.append(el);
});

afterEach(() => {
  unmount();
  el.remove();
});

/** What needs real pixels (contrast, sizes) is checked in a browser. */
async function violations(): Promise<string[]> {
  const { violations: found } = await axe.run(el, {
    rules: { "color-contrast": { enabled: false }, "target-size": { enabled: false }, region: { enabled: false } },
  });
  return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

describe("axe finds nothing", () => {
  it.each(NAMES)("%s", async (name) => {
    unmount = mount(el, new FakeStore(fixture(name)));
    expect(await violations()).toEqual([]);
  });

  it("with everything open", async () => {
    unmount = mount(el, new FakeStore(fixture("running")), { insertMagic: () => undefined, layout: "sidebar" });
    for (const label of ["Logs of executor 0", "More about executor 1", "Stop the cluster", "Cancel job 7"]) {
      el.querySelector<HTMLElement>(`[aria-label="${label}"]`)!.click();
    }
    el.querySelector<HTMLElement>(".raydp-as-text")!.click();
    el.querySelector<HTMLElement>(".raydp-job-stages")!.click();
    expect(await violations()).toEqual([]);
  });

  it("without a cluster", async () => {
    const store = new FakeStore({});
    unmount = mount(el, store);
    store.tell({ kind: "none", ended: null, presets: fixture("running").presets, actions: ["start", "fit"], versions: {} });
    expect(await violations()).toEqual([]);
  });
});
