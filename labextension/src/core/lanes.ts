// Where the timeline's bars stand: pure arithmetic, no drawing.
import type { TimelineSnapshot } from "../snapshot";

export const SPAN_S = 600;
export const KINDS = ["spark", "ray", "transfer"] as const;
export type Kind = (typeof KINDS)[number];
/** More things at once than this share the last row. */
export const MAX_ROWS = 5;

export interface Placed {
  item: TimelineSnapshot;
  /** 0 (ten minutes ago) to 1 (now). */
  from: number;
  to: number;
  row: number;
}

export interface Lane {
  kind: Kind;
  rows: number;
  bars: Placed[];
}

/** One lane for each kind that has something to show; what overlaps is put into rows. */
export function lanes(items: readonly TimelineSnapshot[], now: number): Lane[] {
  return KINDS.map((kind) => {
    const ends: number[] = [];
    const bars: Placed[] = [];
    const own = items.filter((item) => item.kind === kind).sort((a, b) => a.started_at - b.started_at);
    for (const item of own) {
      const from = place(item.started_at, now);
      const to = place(item.ended_at ?? now, now);
      if (to <= 0) continue;
      let row = ends.findIndex((end) => end <= from);
      if (row < 0) row = Math.min(ends.length, MAX_ROWS - 1);
      ends[row] = Math.max(to, ends[row] ?? 0);
      bars.push({ item, from, to, row });
    }
    return { kind, rows: ends.length, bars };
  }).filter((lane) => lane.bars.length > 0);
}

function place(time: number, now: number): number {
  return Math.min(1, Math.max(0, 1 - (now - time) / SPAN_S));
}
