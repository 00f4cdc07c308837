// The only loud part: what is wrong, and why the panel no longer moves.
import type { Snapshot } from "../snapshot";
import { h, setAttribute, setText, setTextOrHide, show, type View } from "./dom";
import { clock, duration } from "./format";
import type { Frame } from "./room";

export interface News {
  snapshot: Snapshot;
  /** Why no news will come, null while it may. */
  gone: string | null;
  /** Seconds since the newest snapshot, null while that is no worry. */
  silence: number | null;
  /** The kernel's clock. */
  now: number;
}

const ENDED = { stopped: "The cluster has stopped", failed: "The cluster has failed" } as const;

/** Why what is shown is not the present, "" when it is; and the kind of reason. */
export function staleness({ snapshot, gone, silence, now }: News): { text: string; kind: string } {
  const last = `last known state, ${clock(snapshot.taken_at)}`;
  if (snapshot.state === "stopped" || snapshot.state === "failed") {
    return { text: `${ENDED[snapshot.state]} – ${last}`, kind: snapshot.state };
  }
  if (gone !== null) return { text: `${gone} – ${last}`, kind: "stopped" };
  if (silence !== null) return { text: `No news for ${duration(silence)} – showing the ${last}`, kind: "silent" };
  if (snapshot.ray_lost_at !== null) {
    const ago = duration(Math.max(0, now - snapshot.ray_lost_at));
    return { text: `Ray went away ${ago} ago – showing the last known state`, kind: "lost" };
  }
  return { text: "", kind: "" };
}

export function banner(): View<News> {
  const el = h("p", { class: "raydp-banner", hidden: "" });
  return {
    el,
    update(news) {
      const { text, kind } = staleness(news);
      setTextOrHide(el, text);
      setAttribute(el, "data-kind", kind || null);
    },
  };
}

/** The cluster's problems, announced politely to screen readers when they change. */
export function problems(): View<Frame> {
  const list = h("ul", { class: "raydp-problems" });
  const el = h("div", { "aria-live": "polite", "aria-label": "Problems", role: "status" }, list);
  let shown = "[]";
  return {
    el,
    update({ snapshot: { problems: lines } }) {
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
