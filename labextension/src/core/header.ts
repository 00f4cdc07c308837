import { hasEnded } from "../snapshot";
import { desk } from "./desk";
import { button, enable, h, setAttribute, setText, setTextOrHide, show, type View } from "./dom";
import { amount } from "./format";
import { scalePlan, stopPlan, type Plan } from "./plans";
import type { Frame, Room } from "./room";
import { tally } from "./status";

/** Name, state, how much of what was asked for is there, and what can be done with the whole. */
export function header(room: Room, title: string): View<Frame> {
  const name = h("h2", { class: "raydp-name", tabindex: "-1" });
  const state = h("span", { class: "raydp-state" });
  const executors = h("span", { class: "raydp-tally" });
  const cpus = h("span", { class: "raydp-tally" });
  const request = h("code", { class: "raydp-request" });
  const place = desk(room);
  let wanted = 0;
  let seen = 0;
  let clicks = 0;
  let actions: ReadonlySet<string> = new Set();

  /** Several clicks ask for several executors, before the first news of any. A no to the newest takes them back. */
  function scale(step: number, from: HTMLElement): void {
    const asked = Math.max(1, wanted + step);
    const newest = ++clicks;
    aim(asked);
    place.run(scalePlan(asked), from, () => {
      if (newest === clicks) aim(seen);
    });
  }

  function aim(size: number): void {
    wanted = size;
    enable(less, wanted > 1);
  }

  const less = button("−", (from) => scale(-1, from), "One executor less");
  const more = button("+", (from) => scale(1, from), "One executor more");
  const stop = button("stop", (from) => place.run(stopPlan(), from), "Stop the cluster");
  const magics = button("magics", (from) => {
    const sizes = wanted > 1 ? [wanted + 1, wanted - 1] : [wanted + 1];
    const plans: Plan[] = [...sizes.map(scalePlan), stopPlan()];
    place.explain("The same with magics", "", plans.filter(({ action }) => actions.has(action)), from);
  }, "Show the magics that do the same");
  const buttons = h("span", { class: "raydp-buttons", role: "group", "aria-label": "Cluster" }, less, more, stop, magics);
  const top = h(
    "header",
    { class: "raydp-header" },
    h("span", { class: "raydp-title" }, name, h("span", { class: "raydp-kind" }, title || "Spark on Ray")),
    state,
    executors,
    cpus,
    request,
    buttons,
  );
  const el = h("section", { class: "raydp-top", "aria-label": "Cluster" }, top, place.el);
  return {
    el,
    update({ snapshot, actions: allowed }) {
      actions = allowed;
      const { up, cpusHeld, cpusTotal } = tally(snapshot);
      if (snapshot.executors_wanted !== seen) seen = wanted = snapshot.executors_wanted;
      setText(name, snapshot.name);
      setAttribute(name, "title", snapshot.app_id ? `Spark application ${snapshot.app_id}` : null);
      setText(state, snapshot.state);
      setAttribute(state, "data-state", snapshot.state);
      // Nothing is left of an ended cluster; what it was is below.
      const ended = hasEnded(snapshot.state);
      setTextOrHide(executors, ended ? "" : `${up}/${snapshot.executors_wanted} executors`);
      setTextOrHide(cpus, cpusTotal > 0 && !ended ? `${amount(cpusHeld)}/${amount(cpusTotal)} CPUs` : "");
      setAttribute(cpus, "title", "CPUs of the live Ray nodes that are reserved, by Spark and by others");
      setTextOrHide(request, snapshot.request);
      show(less, allowed.has("scale"));
      show(more, allowed.has("scale"));
      enable(less, wanted > 1); // without executors a cluster is stopped
      show(stop, allowed.has("stop"));
      show(magics, allowed.has("scale") || allowed.has("stop"));
      place.settle(({ action }) => allowed.has(action));
      show(buttons, ["scale", "stop"].some((action) => allowed.has(action)));
    },
  };
}
