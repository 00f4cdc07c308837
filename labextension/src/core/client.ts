// The wire protocol with the kernel, over whatever carries messages.
import { readSnapshot, SCHEMA_VERSION, type Preset, type Reading } from "../snapshot";
import { apply, type Diff } from "./diff";
import { AskError, type Action, type Details, type Store } from "./store";

export type ViewMessage =
  | { type: "hello"; schema: number; visible: boolean }
  | { type: "visible"; visible: boolean }
  | { type: "ask"; id: number; do: Action; with: Details };

export interface Transport {
  send(message: ViewMessage): void;
  /** Hear what the kernel sends; returns how to stop. */
  onMessage(listener: (message: unknown) => void): () => void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: AskError): void;
}

export class Client implements Store {
  readonly #transport: Transport;
  readonly #listeners = new Set<() => void>();
  readonly #visible = new Set<object>();
  readonly #pending = new Map<number, Pending>();
  #reading: Reading;
  /** The newest record as it came, to put the next difference on. */
  #record: Record<string, unknown> | null = null;
  #seq = -1;
  /** Answers reach every view of a widget: no other may have asked by the same number. */
  #lastId = Math.floor(Math.random() * 2 ** 40);
  /** A full picture is on its way: what does not fit meanwhile is no reason to ask again. */
  #askedAgain = false;
  #stop: (() => void) | null = null;

  constructor(transport: Transport, first?: unknown) {
    this.#transport = transport;
    this.#reading = readSnapshot(first);
  }

  /** Listen, and ask for the full picture. Again after the transport was opened anew. */
  start(): void {
    this.#stop ??= this.#transport.onMessage((message) => this.#hear(message));
    this.#hello();
  }

  get(): Reading {
    return this.#reading;
  }

  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  setVisible(view: object, visible: boolean): void {
    const before = this.#visible.size > 0;
    if (visible) this.#visible.add(view);
    else this.#visible.delete(view);
    const now = this.#visible.size > 0;
    if (now !== before && this.#stop) this.#send({ type: "visible", visible: now });
  }

  ask(action: Action, details: Details): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      try {
        this.#transport.send({ type: "ask", id, do: action, with: details });
      } catch (error) {
        this.#pending.delete(id);
        reject(new AskError("The kernel cannot be reached", String(error)));
      }
    });
  }

  /** Nothing more will come; the last state stays. Any later message takes it back. */
  gone(reason: string): void {
    this.#rejectAll(new AskError(reason));
    this.#record = null;
    if (this.#reading.kind === "snapshot") this.#tell({ ...this.#reading, gone: reason });
    else this.#tell({ kind: "none", ended: reason, presets: [], actions: [], versions: {} });
  }

  dispose(): void {
    this.#stop?.();
    this.#stop = null;
    this.#rejectAll(new AskError("The panel was closed"));
    this.#listeners.clear();
    this.#visible.clear();
  }

  #hello(): void {
    this.#askedAgain = true;
    this.#send({ type: "hello", schema: SCHEMA_VERSION, visible: this.#visible.size > 0 });
  }

  /** A closed channel throws; the adapter says by itself that it is closed. */
  #send(message: ViewMessage): void {
    try {
      this.#transport.send(message);
    } catch {
      this.#askedAgain = false;
    }
  }

  #hear(data: unknown): void {
    if (typeof data !== "object" || data === null) return;
    const message = data as Record<string, unknown>;
    if (message["type"] === "snapshot") this.#hearSnapshot(message);
    else if (message["type"] === "diff") this.#hearDiff(message);
    else if (message["type"] === "none") this.#hearNone(message);
    else if (message["type"] === "answer") this.#hearAnswer(message);
  }

  #hearSnapshot({ seq, snapshot }: Record<string, unknown>): void {
    this.#askedAgain = false;
    this.#seq = Number(seq);
    this.#take(snapshot);
  }

  #hearDiff({ seq, base, diff }: Record<string, unknown>): void {
    if (Number(seq) <= this.#seq && this.#record) return; // older than the full picture
    const next = this.#record && Number(base) === this.#seq ? apply(this.#record, (diff ?? {}) as Diff) : null;
    if (next) {
      this.#seq = Number(seq);
      this.#take(next);
    } else if (!this.#askedAgain) {
      this.#hello();
    }
  }

  #take(record: unknown): void {
    const reading = readSnapshot(record);
    this.#record = reading.kind === "snapshot" ? (record as Record<string, unknown>) : null;
    this.#tell(reading);
  }

  #hearNone(message: Record<string, unknown>): void {
    this.#askedAgain = false;
    this.#record = null;
    this.#tell({
      kind: "none",
      ended: typeof message["ended"] === "string" ? message["ended"] : null,
      presets: list<Preset>(message["presets"]),
      actions: list<string>(message["actions"]),
      versions: (message["versions"] ?? {}) as Record<string, string>,
    });
  }

  #hearAnswer(message: Record<string, unknown>): void {
    const id = Number(message["id"]);
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (message["ok"] === true) pending?.resolve(message["value"]);
    else pending?.reject(new AskError(String(message["error"]), String(message["hint"] ?? "")));
  }

  #tell(reading: Reading): void {
    this.#reading = reading;
    for (const changed of [...this.#listeners]) changed();
  }

  #rejectAll(error: AskError): void {
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of waiting) reject(error);
  }
}

function list<T>(value: unknown): T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}
