// The only loud part: what is wrong, and why the panel no longer moves.
import { hasEnded, type Snapshot } from "../snapshot";
import { h, setAttribute, setText, setTextOrHide, show, type View } from "./dom";
import { clock, duration } from "./format";

export interface News {
  snapshot: Snapshot;
  /** Seconds since the newest snapshot, null while that is no worry. */
  silence: number | null;
}

const ENDED = { stopped: "The cluster has stopped", failed: "The cluster has failed" } as const;

/** Why what is shown is not the present, "" when it is. */
export function banner(): View<News> {
  const el = h("p", { class: "raydp-banner", hidden: "" });
  return {
    el,
    update({ snapshot, silence }) {
      const at = clock(snapshot.taken_at);
      if (snapshot.state === "stopped" || snapshot.state === "failed") {
        setTextOrHide(el, `${ENDED[snapshot.state]} – last known state, ${at}`);
      } else if (silence !== null) {
        setTextOrHide(el, `No news for ${duration(silence)} – showing the last known state, ${at}`);
      } else {
        setTextOrHide(el, "");
      }
      setAttribute(el, "data-kind", hasEnded(snapshot.state) ? snapshot.state : "silent");
    },
  };
}

/** The cluster's problems, announced politely to screen readers when they change. */
export function problems(): View<Snapshot> {
  const list = h("ul", { class: "raydp-problems" });
  const el = h("div", { "aria-live": "polite", "aria-label": "Problems", role: "status" }, list);
  let shown = "[]";
  return {
    el,
    update({ problems: lines }) {
      const wanted = JSON.stringify(lines);
      if (wanted !== shown) list.replaceChildren(...lines.map((line) => h("li", {}, line)));
      shown = wanted;
      show(list, lines.length > 0);
    },
  };
}

/** What stands in place of the panel until there is a snapshot, or when it cannot be read. */
export function placeholder(): View<string> {
  const el = h("p", { class: "raydp-placeholder" });
  return { el, update: (text) => setText(el, text) };
}
