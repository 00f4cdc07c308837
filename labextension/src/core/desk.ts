// Where a section's actions are asked about, waited for and answered: below what they act on.
import { button, focusedIn, h, show } from "./dom";
import { magicLine } from "./magic";
import type { Plan } from "./plans";
import type { Room } from "./room";
import { AskError } from "./store";

const PATIENCE_MS = 2000;
const WAITING =
  " – the kernel has not answered yet. While a cell runs, a kernel without subshells " +
  "(ipykernel before 7, JupyterLab before 4.5) answers when the cell ends.";

export interface Desk {
  readonly el: HTMLElement;
  /** Do it, after asking where that is due; `refused` hears of a no, also when something else is asked by then. */
  run(plan: Plan, from: HTMLElement, refused?: () => void): void;
  /** Show all that can be done here with the magics that do the same. */
  explain(title: string, text: string, plans: readonly Plan[], from: HTMLElement): void;
  /** What is asked goes with its object, and when nobody would do it; `can` tells of each that is offered. */
  settle(can: (plan: Plan) => boolean): void;
}

export function desk(room: Room): Desk {
  const el = h("div", { class: "raydp-desk", hidden: "" });
  /** Only failures are read out. */
  const alert = h("div", { class: "raydp-failure", role: "alert" });
  const body = h("div", {});
  el.append(body, alert);
  let back: HTMLElement | null = null;
  let turn = 0;
  /** What can be chosen now. */
  let offered: readonly Plan[] = [];

  function fill(...children: Node[]): void {
    offered = [];
    body.replaceChildren(...children);
    alert.replaceChildren();
    show(el, true);
  }

  function close(): void {
    turn++;
    offered = [];
    const hadFocus = focusedIn(el) !== null;
    body.replaceChildren();
    alert.replaceChildren();
    show(el, false);
    if (hadFocus) restore();
  }

  /** A row may be gone by now; then its section's heading is where a person goes on. */
  function restore(): void {
    const target = back?.isConnected ? back : el.closest("section")?.querySelector<HTMLElement>("h3");
    target?.focus({ preventScroll: true });
  }

  function ask(plan: Plan, refused?: () => void): void {
    const keep = button("Keep", close, "Keep everything as it is");
    const go = button(plan.label, () => perform(plan, refused), plan.name);
    go.classList.add("raydp-danger");
    const line = magicLine(room.insertMagic);
    line.update(plan.magic);
    const question = h("p", { class: "raydp-question" }, plan.confirm ?? "");
    fill(h("div", { role: "group", "aria-label": plan.confirm ?? plan.name, class: "raydp-ask" }, question, go, keep, line.el));
    offered = [plan];
    keep.focus({ preventScroll: true });
  }

  function perform(plan: Plan, refused?: () => void): void {
    const mine = ++turn;
    const hadFocus = focusedIn(el) !== null;
    const text = h("p", { class: "raydp-note" }, `${plan.doing} …`);
    fill(text);
    if (hadFocus) restore();
    const slow = setTimeout(() => {
      if (mine === turn) text.textContent = plan.doing + WAITING;
    }, PATIENCE_MS);
    const answer = room.store.ask?.(plan.action, plan.details) ?? Promise.reject(new AskError("Nobody listens here"));
    answer
      .then(
        () => {
          if (mine === turn) close();
        },
        (error: unknown) => {
          refused?.();
          if (mine === turn) fail(plan, error);
        },
      )
      .finally(() => clearTimeout(slow));
  }

  function fail(plan: Plan, error: unknown): void {
    fill();
    alert.append(...failure(`${plan.name} failed`, error), button("Dismiss", close, `Dismiss: ${plan.name} failed`));
  }

  function explain(title: string, text: string, plans: readonly Plan[], from: HTMLElement): void {
    back = from;
    turn++;
    const lines = plans.map((plan) => {
      const line = magicLine(room.insertMagic);
      line.update(plan.magic);
      return h("li", {}, button(plan.label, () => run(plan, from), plan.name), line.el);
    });
    const head = h("p", { class: "raydp-question" }, title);
    const words = text ? [h("p", { class: "raydp-desk-text" }, text)] : [];
    const shut = button("Close", close);
    fill(h("div", { role: "group", "aria-label": title, class: "raydp-ask" }, head, ...words, h("ul", { class: "raydp-plans" }, ...lines), shut));
    offered = plans;
    (focusable(body) ?? shut).focus({ preventScroll: true });
  }

  function run(plan: Plan, from: HTMLElement, refused?: () => void): void {
    back = from;
    turn++; // what was asked before goes on, but no longer speaks here
    if (plan.confirm) ask(plan, refused);
    else perform(plan, refused);
  }

  function settle(can: (plan: Plan) => boolean): void {
    if (offered.length > 0 && !offered.some(can)) close();
  }

  el.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  });
  return { el, run, explain, settle };
}

function focusable(el: HTMLElement): HTMLElement | null {
  return el.querySelector<HTMLElement>("button");
}

/** An error as a person reads it: what, and what to do. */
export function failure(what: string, error: unknown): HTMLElement[] {
  const message = error instanceof Error ? error.message : String(error);
  const found = [h("p", { class: "raydp-bad" }, what ? `${what}: ${message}` : message)];
  const hint = error instanceof AskError ? error.hint : "";
  if (hint) found.push(h("p", { class: "raydp-hint" }, `Hint: ${hint}`));
  return found;
}
