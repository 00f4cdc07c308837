// When to say that the news is old. The browser's clock and the kernel's may differ, so what
// counts is when a snapshot arrived; only a first one that is far too old (a saved notebook,
// reopened) is judged by its own time.

import { hasEnded, type Snapshot } from "../snapshot";

const PATIENCE_S = 10;
const CLOCK_SKEW_S = 60;
/** A kernel that was asked for the first time answers with what it has, and soon with what is true now. */
const FIRST_S = 3;

export class Silence {
  #last: Snapshot | null = null;
  /** When the kernel was last heard. */
  #heardAt = 0;
  /** When a snapshot came that was newly taken: "nothing has changed" is news, but no new one. */
  #takenAt = 0;

  /** When the first snapshot came. */
  #since = 0;

  /** A snapshot was seen at `now`, Unix seconds. */
  heard(snapshot: Snapshot, now: number): void {
    const before = this.#last;
    if (snapshot === before) return;
    this.#last = snapshot;
    if (before === null) this.#since = now;
    this.#heardAt = before === null && now - snapshot.taken_at > CLOCK_SKEW_S ? snapshot.taken_at : now;
    if (before?.taken_at !== snapshot.taken_at) this.#takenAt = this.#heardAt;
  }

  /** Nobody looked, so nothing was sent: the wait begins now. */
  resume(now: number): void {
    this.#heardAt = Math.max(this.#heardAt, now);
  }

  /** The kernel's clock at the browser's `now`, as well as it is known. */
  kernelTime(snapshot: Snapshot, now: number): number {
    return snapshot.taken_at + Math.max(0, now - this.#takenAt);
  }

  /** Seconds without news when that is worth saying, else null. */
  worry(snapshot: Snapshot, now: number): number | null {
    const age = now - this.#heardAt;
    return !hasEnded(snapshot.state) && age > PATIENCE_S && now - this.#since > FIRST_S ? age : null;
  }
}
