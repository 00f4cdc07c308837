import { h, setAttribute, setStyle, setText, show, type View } from "./dom";

export interface Level {
  /** What it is of, where that changes. */
  label?: string;
  /** 0 to 1; null when not known. */
  fraction: number | null;
  /** The part of it, from 0 up to `fraction`, that this cluster's executors hold. */
  own?: number | null;
  /** Where a mark stands: what is really used of what is reserved, or the other way round. */
  mark?: number | null;
  /** What a person reads beside the bar, and a screen reader instead of it. */
  text: string;
  /** Quieter second text. */
  note?: string;
  /** Everything in words. */
  title?: string;
  /** Loud: this needs somebody's attention. */
  high?: boolean;
}

/** A bar with its number beside it: a `meter` (a level) or a `progressbar` (a task's way to its end). */
export function bar(role: "meter" | "progressbar", label: string): View<Level> {
  const fill = h("span", { class: "raydp-bar-fill" });
  const own = h("span", { class: "raydp-bar-own", hidden: "" });
  const mark = h("span", { class: "raydp-bar-mark", hidden: "" });
  const track = h(
    "span",
    { class: "raydp-bar", role, "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100" },
    fill,
    own,
    mark,
  );
  // The number is read out as the bar's value text.
  const text = h("span", { class: "raydp-bar-text", "aria-hidden": "true" });
  const note = h("span", { class: "raydp-note" });
  const el = h("span", { class: "raydp-level" }, track, text, note);
  return {
    el,
    update(level) {
      if (level.label !== undefined) setAttribute(track, "aria-label", level.label);
      const percent = percentOf(level.fraction);
      setStyle(fill, "width", `${percent ?? 0}%`);
      const mine = percentOf(level.own ?? null);
      show(own, mine !== null);
      setAttribute(el, "data-shared", mine === null ? null : "");
      setStyle(own, "width", `${mine ?? 0}%`);
      const at = percentOf(level.mark ?? null);
      show(mark, at !== null);
      setStyle(mark, "left", `${at ?? 0}%`);
      setAttribute(track, "aria-valuenow", percent === null ? (role === "meter" ? "0" : null) : String(percent));
      const words = level.title ?? level.text;
      setAttribute(track, "aria-valuetext", percent === null ? "not known" : words.replace(/ ?\/ ?/, " of "));
      setAttribute(el, "title", level.title ?? null);
      setAttribute(el, "data-unknown", percent === null ? "" : null);
      setAttribute(el, "data-high", level.high ? "" : null);
      setText(text, level.text);
      setText(note, level.note ?? "");
      show(note, Boolean(level.note));
    },
  };
}

function percentOf(part: number | null): number | null {
  return part === null ? null : Math.round(Math.min(1, Math.max(0, part)) * 100);
}

/** Used of total; null when either is not known or there is nothing to fill. */
export function fraction(used: number | null, total: number | null): number | null {
  return used === null || total === null || total <= 0 ? null : used / total;
}
