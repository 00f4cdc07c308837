// Small DOM building blocks. Data only ever becomes text nodes and attributes, never markup,
// and the DOM is touched only where a value changed: focus, selection and scroll survive.

/** A piece of the panel: built once, then updated in place. */
export interface View<T> {
  readonly el: HTMLElement;
  update(value: T): void;
}

type Attributes = Record<string, string>;

/** Make an element. */
export function h(tag: string, attributes: Attributes = {}, ...children: (Node | string)[]): HTMLElement {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}

export function setText(el: HTMLElement, text: string): void {
  if (el.textContent !== text) el.textContent = text;
}

/** Set an attribute, or take it away with null. */
export function setAttribute(el: HTMLElement, name: string, value: string | null): void {
  if (value === null) {
    if (el.hasAttribute(name)) el.removeAttribute(name);
  } else if (el.getAttribute(name) !== value) {
    el.setAttribute(name, value);
  }
}

export function show(el: HTMLElement, visible: boolean): void {
  setAttribute(el, "hidden", visible ? null : "");
}

/** Set a text and hide the element when there is none. */
export function setTextOrHide(el: HTMLElement, text: string): void {
  setText(el, text);
  show(el, text !== "");
}

/**
 * Keep `parent`'s children in step with `items`: one view for each key, moving only what moved.
 * Children that are there before (a table's head) stay first.
 */
export function keyed<T>(
  parent: HTMLElement,
  key: (item: T) => string,
  create: (item: T) => View<T>,
): (items: readonly T[]) => void {
  const views = new Map<string, View<T>>();
  const fixed = parent.childElementCount;
  return (items) => {
    const ids = distinct(items.map(key));
    const wanted = new Set(ids);
    for (const [id, view] of views) {
      if (!wanted.has(id)) {
        view.el.remove();
        views.delete(id);
      }
    }
    let next = parent.children[fixed] ?? null;
    for (const [index, item] of items.entries()) {
      const id = ids[index]!;
      const view = views.get(id) ?? create(item);
      views.set(id, view);
      view.update(item);
      if (view.el === next) next = next.nextElementSibling;
      else parent.insertBefore(view.el, next);
    }
  };
}

/** Two rows may share a key (two nameless blocks of the bridge): the second gets a number. */
function distinct(keys: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return keys.map((key) => {
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    return times === 1 ? key : `${key}\u0000${times}`;
  });
}

let headings = 0;

/** A labelled part of the panel; returns the section and the place for its content. */
export function section(title: string, name: string): { el: HTMLElement; body: HTMLElement } {
  const id = `raydp-heading-${++headings}`;
  const body = h("div", { class: "raydp-section-body" });
  const el = h(
    "section",
    { class: `raydp-section raydp-${name}`, "aria-labelledby": id },
    h("h3", { id, class: "raydp-heading" }, title),
    body,
  );
  return { el, body };
}
