import type { Reading } from "../snapshot";
import { h, setText, setTextOrHide, show, type View } from "./dom";
import type { Room } from "./room";
import { startForm } from "./start_form";

type Absent = Extract<Reading, { kind: "none" }>;

/** There is no cluster in this kernel: say so, and offer one. Null: something else is shown. */
export function absent(room: Room): View<Absent | null> {
  const words = h("p", { class: "raydp-placeholder-text" });
  const ended = h("p", { class: "raydp-note" });
  const form = startForm(room);
  const el = h("div", { class: "raydp-absent" }, words, ended, form.el);
  return {
    el,
    update(reading) {
      if (!reading) return form.rest();
      setText(words, "Spark is not running in this kernel");
      setTextOrHide(ended, reading.ended ?? "");
      const actions = new Set(reading.actions);
      show(form.el, actions.has("start"));
      if (actions.has("start")) form.update({ presets: reading.presets, actions });
      else form.rest();
    },
  };
}
