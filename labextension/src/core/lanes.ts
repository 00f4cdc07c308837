// Where the timeline's bars stand: pure arithmetic, no drawing.
import type { TimelineSnapshot } from "../snapshot";

/** How long the axis may be, in minutes: as long as what is to be seen needs. */
const SPANS_MIN = [1, 2, 5, 10] as const;
export type Span = (typeof SPANS_MIN)[number];
export const KINDS = ["spark", "ray", "transfer"] as const;
export type Kind = (typeof KINDS)[number];
/** More things at once than this share the last row. */
export const MAX_ROWS = 5;

export interface Placed {
  item: TimelineSnapshot;
  /** 0 (where the axis begins) to 1 (now). */
  from: number;
  to: number;
  row: number;
}

export interface Lane {
  kind: Kind;
  rows: number;
  bars: Placed[];
}

/** The axis reaches back to the first thing that is to be seen on it, at most ten minutes. */
export function span(items: readonly TimelineSnapshot[], now: number): Span {
  const oldest = now - 60 * SPANS_MIN[SPANS_MIN.length - 1]!;
  const first = items.reduce((early, { started_at, ended_at }) => ((ended_at ?? now) > oldest ? Math.min(early, started_at) : early), now);
  return SPANS_MIN.find((minutes) => now - first <= 60 * minutes) ?? 10;
}

/** One lane for each kind that has something to show; what overlaps is put into rows. */
export function lanes(items: readonly TimelineSnapshot[], now: number, minutes: Span = 10): Lane[] {
  return KINDS.map((kind) => {
    const ends: number[] = [];
    const bars: Placed[] = [];
    const own = items.filter((item) => item.kind === kind).sort((a, b) => a.started_at - b.started_at);
    for (const item of own) {
      const from = place(item.started_at, now, minutes);
      const to = place(item.ended_at ?? now, now, minutes);
      if (to <= 0) continue;
      let row = ends.findIndex((end) => end <= from);
      if (row < 0) row = Math.min(ends.length, MAX_ROWS - 1);
      ends[row] = Math.max(to, ends[row] ?? 0);
      bars.push({ item, from, to, row });
    }
    return { kind, rows: ends.length, bars };
  }).filter((lane) => lane.bars.length > 0);
}

function place(time: number, now: number, minutes: Span): number {
  return Math.min(1, Math.max(0, 1 - (now - time) / (60 * minutes)));
}
