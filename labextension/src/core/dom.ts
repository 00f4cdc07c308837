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

export function setStyle(el: HTMLElement, name: "width" | "left" | "top" | "height", value: string): void {
  if (el.style[name] !== value) el.style[name] = value;
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
    const held = focusedIn(parent);
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
    // A moved element loses the focus.
    if (held?.isConnected && focusedIn(parent) !== held) held.focus({ preventScroll: true });
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

/** What has the focus inside `el`, also inside a shadow root. */
export function focusedIn(el: HTMLElement): HTMLElement | null {
  const active = (el.getRootNode() as Partial<DocumentOrShadowRoot>).activeElement ?? null;
  return active !== null && active !== el && el.contains(active) ? (active as HTMLElement) : null;
}

/** A button: `label` is seen, `name` is said where many buttons have one label. */
export function button(label: string, click: (el: HTMLElement) => void, name?: string): HTMLElement {
  const el = h("button", { type: "button", class: "raydp-button" }, label);
  if (name !== undefined) {
    el.setAttribute("aria-label", name);
    el.setAttribute("title", name);
  }
  el.addEventListener("click", () => {
    if (el.getAttribute("aria-disabled") !== "true") click(el);
  });
  return el;
}

/** Switch a button off without taking the focus from it. */
export function enable(el: HTMLElement, on: boolean): void {
  setAttribute(el, "aria-disabled", on ? null : "true");
}

/** JupyterLab's word for: no shortcut acts on what is inside. */
const NO_SHORTCUTS = "data-lm-suppress-shortcuts";
/** Ours for: nor do those with Ctrl, Alt or Cmd. */
const KEEPS = "data-raydp-keeps-keys";

/** No key of the notebook's is for what one types in here; Escape leaves it. */
export function keepKeys(el: HTMLElement): void {
  el.setAttribute(NO_SHORTCUTS, "true");
  el.setAttribute(KEEPS, "");
  el.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") event.stopPropagation();
  });
}

/**
 * The notebook's single keys (`x` cuts a cell, the arrows choose one) are not for what has the focus inside `el`. Those
 * with Ctrl, Alt or Cmd still are, as is Shift+Enter: a click on a button must not take saving and running away.
 * On `el` itself, where Escape goes, all keys are the notebook's. Returns how to stop.
 */
export function keepSingleKeys(el: HTMLElement): () => void {
  const mark = (event: KeyboardEvent) => {
    const { target } = event;
    if (!(target instanceof HTMLElement) || target === el || !el.contains(target)) return;
    const free = event.ctrlKey || event.altKey || event.metaKey || (event.shiftKey && event.key === "Enter");
    const theirs = free && !target.closest(`[${KEEPS}]`);
    // On what has the focus: JupyterLab looks no further where its selector fits that (`… :focus`).
    setAttribute(target, NO_SHORTCUTS, theirs ? null : "true");
  };
  // JupyterLab looks for the mark when the key has come to the document, in Notebook 7 before it comes to `el`.
  window.addEventListener("keydown", mark, true);
  el.addEventListener("keydown", (event) => {
    if (event.key === "Escape") el.focus({ preventScroll: true });
  });
  return () => window.removeEventListener("keydown", mark, true);
}

let ids = 0;

/** An id that no other element of the page has. */
export function freshId(stem: string): string {
  return `raydp-${stem}-${++ids}`;
}

/** A labelled part of the panel; returns the section and the place for its content. */
export function section(title: string, name: string): { el: HTMLElement; body: HTMLElement } {
  const id = freshId("heading");
  const body = h("div", { class: "raydp-section-body" });
  const el = h(
    "section",
    { class: `raydp-section raydp-${name}`, "aria-labelledby": id },
    h("h3", { id, class: "raydp-heading", tabindex: "-1" }, title),
    body,
  );
  return { el, body };
}
