import { h, setAttribute, setText, show, type View } from "./dom";

export interface Level {
  /** 0 to 1; null when not known. */
  fraction: number | null;
  /** What a person reads beside the bar, and a screen reader instead of it. */
  text: string;
  /** Quieter second text. */
  note?: string;
  /** Loud: this needs somebody's attention. */
  high?: boolean;
}

/** A bar with its number beside it: a `meter` (a level) or a `progressbar` (a task's way to its end). */
export function bar(role: "meter" | "progressbar", label: string): View<Level> {
  const fill = h("span", { class: "raydp-bar-fill" });
  const track = h("span", { class: "raydp-bar", role, "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100" }, fill);
  // The number is read out as the bar's value text.
  const text = h("span", { class: "raydp-bar-text", "aria-hidden": "true" });
  const note = h("span", { class: "raydp-note" });
  const el = h("span", { class: "raydp-level" }, track, text, note);
  return {
    el,
    update(level) {
      const percent = level.fraction === null ? null : Math.round(Math.min(1, Math.max(0, level.fraction)) * 100);
      const width = `${percent ?? 0}%`;
      if (fill.style.width !== width) fill.style.width = width;
      setAttribute(track, "aria-valuenow", percent === null ? (role === "meter" ? "0" : null) : String(percent));
      setAttribute(track, "aria-valuetext", percent === null ? "not known" : level.text.replace(" / ", " of "));
      setAttribute(el, "data-unknown", percent === null ? "" : null);
      setAttribute(el, "data-high", level.high ? "" : null);
      setText(text, level.text);
      setText(note, level.note ?? "");
      show(note, Boolean(level.note));
    },
  };
}

/** Used of total; null when either is not known or there is nothing to fill. */
export function fraction(used: number | null, total: number | null): number | null {
  return used === null || total === null || total <= 0 ? null : used / total;
}
