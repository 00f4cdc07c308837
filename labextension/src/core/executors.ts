import { hasEnded, isRetrying, type ExecutorSnapshot, type Snapshot } from "../snapshot";
import { h, section, setAttribute, setText, setTextOrHide, type View } from "./dom";
import { bytes, bytesOf, count, UNKNOWN } from "./format";
import { table, type Column } from "./table";

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

const columns: Column<ExecutorSnapshot>[] = [
  { title: "Id", cell: (executor) => executor.id },
  { title: "State", cell: { create: stateCell } },
  { title: "Node", cell: (executor) => executor.node ?? UNKNOWN },
  { title: "Tasks", numeric: true, cell: (executor) => `${executor.active_tasks}/${executor.cores}` },
  { title: "Done", numeric: true, cell: (executor) => count(executor.completed_tasks) },
  { title: "Failed", numeric: true, cell: { create: failedCell } },
  {
    title: "Cached",
    numeric: true,
    cell: ({ storage_used: used, storage_total: total }) => (total > 0 ? bytesOf(used, total) : bytes(used)),
  },
  { title: "Shuffle in", numeric: true, cell: (executor) => bytes(executor.shuffle_read) },
  { title: "Shuffle out", numeric: true, cell: (executor) => bytes(executor.shuffle_write) },
];

/** Spark's executors, one Ray actor each. */
export function executors(): View<Snapshot> {
  const { el, body } = section("Executors", "executors");
  const grid = table<ExecutorSnapshot>({
    label: "Spark executors",
    columns,
    key: (executor) => executor.id,
    note: (executor) => executor.message,
    state: (executor) => executor.state,
  });
  body.append(grid.el);
  return {
    el,
    update(snapshot) {
      const empty = hasEnded(snapshot.state) ? "No executor is left" : "No executor is there yet";
      grid.update({ rows: snapshot.executors, empty });
    },
  };
}
