import { hasEnded, hasExecutor, isRetrying, ownExecutors, type ExecutorSnapshot } from "../snapshot";
import { bar, fraction } from "./bar";
import { desk } from "./desk";
import { button, h, section, setAttribute, setText, setTextOrHide, show, type View } from "./dom";
import { bytes, bytesOf, count, duration, plural, UNKNOWN } from "./format";
import { grid, type Column } from "./grid";
import { removePlan, restartPlan, type Plan } from "./plans";
import type { Frame, Room } from "./room";

/** Above this share of what is reserved for it, Ray or the machine may kill an executor. */
const MEMORY_HIGH = 0.95;

function stateCell(): View<ExecutorSnapshot> {
  const state = h("span", { class: "raydp-state" });
  const tries = h("span", { class: "raydp-note" });
  return {
    el: h("span", {}, state, " ", tries),
    update(executor) {
      setText(state, executor.state);
      setAttribute(state, "data-state", executor.state);
      setTextOrHide(tries, isRetrying(executor) ? `try ${executor.tries} of ${executor.max_tries}` : "");
    },
  };
}

function failedCell(): View<ExecutorSnapshot> {
  const el = h("span");
  return {
    el,
    update({ failed_tasks: failed }) {
      setText(el, count(failed));
      setAttribute(el, "class", failed > 0 ? "raydp-bad" : null);
    },
  };
}

function memoryCell(first: ExecutorSnapshot): View<ExecutorSnapshot> {
  const label = (executor: ExecutorSnapshot) => `Memory of ${nameOf(executor)}`;
  const view = bar("meter", label(first));
  return {
    el: view.el,
    update(executor) {
      const { memory_used: used, memory_total: total } = executor;
      const part = fraction(used, total);
      view.update({ label: label(executor), fraction: part, text: bytesOf(used, total), high: part !== null && part >= MEMORY_HIGH });
    },
  };
}

function cachedCell(): View<ExecutorSnapshot> {
  const amount = h("span");
  const blocks = h("span", { class: "raydp-note" });
  return {
    el: h("span", {}, amount, " ", blocks),
    update({ storage_used: used, storage_total: total, cached_blocks: number }) {
      const none = used === 0 && number === 0;
      setText(amount, none ? UNKNOWN : bytes(used));
      setTextOrHide(blocks, number > 0 ? `in ${count(number)}` : "");
      setAttribute(amount, "title", none ? null : `${plural(number, "cached block")}, ${bytesOf(used, total)}`);
    },
  };
}

function why(executor: ExecutorSnapshot, now: number): string {
  if (!executor.message) return "";
  const since = executor.lost_at === null ? "" : ` – ${duration(Math.max(0, now - executor.lost_at))} ago`;
  return executor.message.replace(/\s+/g, " ") + since;
}

/** `executor 4`, or `slot 3` where there is none. */
function nameOf(executor: ExecutorSnapshot): string {
  return hasExecutor(executor) ? `executor ${executor.id}` : executor.id;
}

/** Spark's executors, one Ray actor each. */
export function executors(room: Room): View<Frame> {
  const { el, body } = section("Executors", "executors");
  const place = desk(room);
  const tally = h("p", { class: "raydp-note raydp-states" });
  let now = 0;
  let actions: ReadonlySet<string> = new Set();
  let own = true;

  const plans = (executor: ExecutorSnapshot): Plan[] =>
    hasExecutor(executor) ? [restartPlan(executor.id), removePlan(executor.id)].filter(({ action }) => actions.has(action)) : [];

  const readable = (executor: ExecutorSnapshot) => own && actions.has("logs") && hasExecutor(executor);
  const offered = (executor: ExecutorSnapshot) => plans(executor).length > 0 || executor.message !== "";

  function buttonsCell(first: ExecutorSnapshot): View<ExecutorSnapshot> {
    let row = first;
    const logs = button("logs", (from) => room.openLogs(row.id, from), `Logs of ${nameOf(first)}`);
    const restart = button("restart", (from) => place.run(restartPlan(row.id), from), `Restart ${nameOf(first)}`);
    restart.classList.add("raydp-spare"); // where there is no room, `…` has it
    const more = button(
      "…",
      (from) => place.explain(`${nameOf(row).replace(/^./, (letter) => letter.toUpperCase())}, ${row.state}`, row.message, plans(row), from),
      `More about ${nameOf(first)}`,
    );
    return {
      el: h("span", { class: "raydp-buttons" }, logs, restart, more),
      update(executor) {
        if (executor.id !== row.id) {
          // The slot has a new executor.
          for (const [control, name] of [[logs, "Logs of"], [restart, "Restart"], [more, "More about"]] as const) {
            setAttribute(control, "aria-label", `${name} ${nameOf(executor)}`);
            setAttribute(control, "title", `${name} ${nameOf(executor)}`);
          }
        }
        row = executor;
        show(logs, readable(executor));
        show(restart, actions.has("restart") && hasExecutor(executor));
        show(more, offered(executor));
      },
    };
  }

  const columns: Column<ExecutorSnapshot>[] = [
    { title: "Id", name: "id", cell: (executor) => (hasExecutor(executor) ? executor.id : UNKNOWN) },
    { title: "State", name: "state", cell: { create: stateCell } },
    { title: "Node", name: "node", cell: (executor) => executor.node ?? UNKNOWN },
    { title: "Tasks", name: "tasks", numeric: true, cell: (executor) => `${executor.active_tasks}/${executor.cores}` },
    { title: "Done", name: "done", numeric: true, cell: (executor) => count(executor.completed_tasks) },
    { title: "Failed", name: "failed", numeric: true, cell: { create: failedCell } },
    { title: "Memory", name: "memory", cell: { create: memoryCell } },
    { title: "Cached", name: "cached", numeric: true, cell: { create: cachedCell } },
    { title: "Shuffle in", name: "in", numeric: true, cell: (executor) => bytes(executor.shuffle_read) },
    { title: "Shuffle out", name: "out", numeric: true, cell: (executor) => bytes(executor.shuffle_write) },
    { title: "Actions", name: "actions", cell: { create: buttonsCell } },
  ];
  const table = grid<ExecutorSnapshot>({
    label: "Spark executors",
    name: "executors",
    columns,
    key: (executor) => String(executor.slot),
    note: (executor) => why(executor, now),
    state: (executor) => executor.state,
    narrowLines: (executor) => (readable(executor) || offered(executor) ? 6 : 5),
    isNarrow: () => room.isNarrow(),
  });
  body.append(tally, table.el, place.el);
  return {
    el,
    update(frame) {
      ({ now, actions } = frame);
      own = ownExecutors(frame.snapshot, actions);
      const { executors: rows, state } = frame.snapshot;
      setTextOrHide(tally, rows.length > MANY ? byState(rows) : "");
      table.update({ rows, empty: hasEnded(state) ? "No executor is left" : "No executor is there yet" });
      const ids = new Set<unknown>(rows.map(({ id }) => id));
      place.settle(({ action, details }) => actions.has(action) && ids.has(details["executor"]));
    },
  };
}

const MANY = 12;

/** `9,990 up · 10 lost`: more than fit on the screen are also counted. */
function byState(rows: readonly ExecutorSnapshot[]): string {
  const counts = new Map<string, number>();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, number]) => `${count(number)} ${state}`).join(" · ");
}
