// When to say that the news is old. The browser's clock and the kernel's may differ, so what
// counts is when a snapshot arrived; only a first one that is far too old (a saved notebook,
// reopened) is judged by its own time.

import { hasEnded, type Snapshot } from "../snapshot";

const PATIENCE_S = 10;
const CLOCK_SKEW_S = 60;

export class Silence {
  #newest = Number.NEGATIVE_INFINITY;
  #since = 0;

  /** A snapshot was seen at `now`, Unix seconds. */
  heard(snapshot: Snapshot, now: number): void {
    if (snapshot.taken_at === this.#newest) return;
    const first = this.#newest === Number.NEGATIVE_INFINITY;
    this.#newest = snapshot.taken_at;
    this.#since = first && now - snapshot.taken_at > CLOCK_SKEW_S ? snapshot.taken_at : now;
  }

  /** Seconds without news when that is worth saying, else null. */
  worry(snapshot: Snapshot, now: number): number | null {
    const age = now - this.#since;
    return !hasEnded(snapshot.state) && age > PATIENCE_S ? age : null;
  }
}
