// Where the panel gets its data: an adapter's transport and `Client`, or a saved record.
import { readSnapshot, type Reading } from "../snapshot";

/** What a kernel can be asked to do. */
export type Action =
  | "start"
  | "fit"
  | "scale"
  | "restart"
  | "remove"
  | "cancel"
  | "release"
  | "stop"
  | "logs";

export type Details = Record<string, unknown>;

/** The kernel said no, and what to do about it. */
export class AskError extends Error {
  override readonly name = "AskError";
  constructor(
    message: string,
    readonly hint = "",
  ) {
    super(message);
  }
}

export interface Store {
  get(): Reading;
  /** Call back after each change; returns how to stop. */
  subscribe(changed: () => void): () => void;
  /** Ask the kernel; absent where nobody listens. Rejects with an `AskError`. */
  ask?(action: Action, details: Details): Promise<unknown>;
  /** A view says whether a person can see it; unseen ones cost the kernel nothing. */
  setVisible?(view: object, visible: boolean): void;
}

/** A saved record: the last state, and nobody to ask. */
export function recordStore(record: unknown): Store {
  const reading = readSnapshot(record);
  return { get: () => reading, subscribe: () => () => undefined };
}
