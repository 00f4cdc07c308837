// The list of notebooks in the sidebar. Rows are kept, so that the focus stays where it is.
import { h, keyed, setAttribute, setText, show, type View } from "../core/dom";

export interface Entry {
  id: string;
  title: string;
  kernel: string;
  summary: string;
  problem: boolean;
  shown: boolean;
}

export function notebookList(choose: (id: string) => void): View<readonly Entry[]> {
  const list = h("ul", { class: "raydp-lab-list" });
  const el = h("nav", { class: "raydp-lab-notebooks", "aria-label": "Notebooks with a kernel" }, list);
  const rows = keyed<Entry>(
    list,
    (entry) => entry.id,
    (entry) => row(entry, choose),
  );
  return {
    el,
    update(entries) {
      show(el, entries.length > 0);
      rows(entries);
    },
  };
}

function row({ id }: Entry, choose: (id: string) => void): View<Entry> {
  const title = h("span", { class: "raydp-lab-title" });
  const kernel = h("span", { class: "raydp-lab-kernel" });
  const state = h("span", { class: "raydp-lab-summary" });
  /** What colour and weight tell the eye. */
  const problem = h("span", { class: "raydp-hidden" }, ", problem");
  const button = h("button", { type: "button", class: "raydp-lab-notebook" }, title, kernel, state, problem);
  button.addEventListener("click", () => choose(id));
  return {
    el: h("li", {}, button),
    update(entry) {
      setText(title, entry.title);
      setText(kernel, entry.kernel);
      setText(state, entry.summary);
      setAttribute(button, "aria-current", entry.shown ? "true" : null);
      setAttribute(state, "data-problem", entry.problem ? "" : null);
      show(problem, entry.problem);
    },
  };
}
