import { hasEnded, type Snapshot } from "../snapshot";
import { h, setAttribute, setText, setTextOrHide, type View } from "./dom";
import { amount } from "./format";

/** Name, state, and how much of what was asked for is there. */
export function header(): View<Snapshot> {
  const name = h("h2", { class: "raydp-name" });
  const state = h("span", { class: "raydp-state" });
  const executors = h("span", { class: "raydp-tally" });
  const cores = h("span", { class: "raydp-tally" });
  const request = h("code", { class: "raydp-request" });
  const el = h(
    "header",
    { class: "raydp-header" },
    h("span", { class: "raydp-title" }, name, h("span", { class: "raydp-kind" }, "Spark on Ray")),
    state,
    executors,
    cores,
    request,
  );
  return {
    el,
    update(snapshot) {
      const up = snapshot.executors.filter((executor) => executor.state === "up").length;
      const alive = snapshot.nodes.filter((node) => node.alive);
      const sum = (key: "cpu_total" | "cpu_reserved") => amount(alive.reduce((total, node) => total + node[key], 0));
      setText(name, snapshot.name);
      setAttribute(name, "title", snapshot.app_id ? `Spark application ${snapshot.app_id}` : null);
      setText(state, snapshot.state);
      setAttribute(state, "data-state", snapshot.state);
      // Nothing is left of an ended cluster; what it was is below.
      const ended = hasEnded(snapshot.state);
      setTextOrHide(executors, ended ? "" : `${up}/${snapshot.executors_wanted} executors`);
      setTextOrHide(cores, alive.length > 0 && !ended ? `${sum("cpu_reserved")}/${sum("cpu_total")} CPUs` : "");
      setAttribute(cores, "title", "CPUs of the live Ray nodes that are reserved, by Spark and by others");
      setTextOrHide(request, snapshot.request);
    },
  };
}
