// What the parts of one panel share.
import type { Snapshot } from "../snapshot";
import type { Store } from "./store";

/** One picture to draw. */
export interface Frame {
  snapshot: Snapshot;
  /** What the kernel does when asked now; empty when nobody would answer. */
  actions: ReadonlySet<string>;
  /** The kernel's clock now, Unix seconds, as well as it is known. */
  now: number;
}

export interface Room {
  store: Store;
  /** Put a magic into the notebook; absent: it can only be copied. */
  insertMagic?: ((text: string) => void) | undefined;
  resolveUrl(url: string): string | null;
  /** Show the log of an executor, or of the driver. */
  openLogs(source: string, from: HTMLElement): void;
  isNarrow(): boolean;
}
