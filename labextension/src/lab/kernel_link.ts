// One notebook's kernel, and the comm to the cluster in it. Follows restarts, lost connections
// and another kernel; what was last known stays.
import type { ISessionContext } from "@jupyterlab/apputils";
import type { Kernel, KernelMessage } from "@jupyterlab/services";
import type { JSONValue } from "@lumino/coreutils";
import { Signal, type ISignal } from "@lumino/signaling";
import { Client, type Store, type Transport, type ViewMessage } from "../core";
import { Mentions } from "./mentions";

export const TARGET = "raydp_magic";
/** A subshell is made at once; one that does not come must not keep the panel waiting. */
const SUBSHELL_MS = 5000;

/** "unloaded": nobody listens in the kernel, "open": the kernel answers. */
export type Phase = "no kernel" | "unloaded" | "opening" | "open";

/** A comm of JupyterLab 4.5 and later may ride on a subshell. */
type SubshellComm = Kernel.IComm & { readonly subshellStarted?: Promise<void> };

let links = 0;

export class KernelLink {
  readonly id = String(++links);
  readonly store: Store;
  readonly #client: Client;
  readonly #session: ISessionContext;
  readonly #changed = new Signal<this, void>(this);
  readonly #mentions = new Mentions(TARGET);
  readonly #mentionedBefore: () => boolean;
  #kernel: Kernel.IKernelConnection | null = null;
  #comm: Kernel.IComm | null = null;
  #phase: Phase = "no kernel";
  #subshells: boolean | undefined;
  #listener: ((message: unknown) => void) | null = null;
  #disposed = false;

  /** `mentionedBefore`: the notebook's text speaks of raydp_magic, so its kernel may know it. */
  constructor(session: ISessionContext, mentionedBefore: () => boolean) {
    this.#session = session;
    this.#mentionedBefore = mentionedBefore;
    const transport: Transport = {
      send: (message) => this.#send(message),
      onMessage: (listener) => {
        this.#listener = listener;
        return () => {
          this.#listener = null;
        };
      },
    };
    this.#client = new Client(transport);
    this.store = this.#client;
    session.kernelChanged.connect(this.#onKernel, this);
    session.statusChanged.connect(this.#onStatus, this);
    session.connectionStatusChanged.connect(this.#onConnection, this);
    session.iopubMessage.connect(this.#onMessage, this);
    this.#attach(session.session?.kernel ?? null);
  }

  /** The phase or what is known about subshells has changed; news of the cluster come by `store`. */
  get changed(): ISignal<this, void> {
    return this.#changed;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Whether actions are done while a cell runs; undefined: not known yet. */
  get subshells(): boolean | undefined {
    return this.#subshells;
  }

  get kernelName(): string {
    return this.#session.kernelDisplayName;
  }

  /** Look whether the kernel has raydp_magic now; does nothing while it is connected. */
  async open(): Promise<void> {
    const kernel = this.#kernel;
    if (!kernel || this.#comm || this.#phase === "opening") return;
    this.#turn("opening");
    const comm = await this.#openComm(kernel).catch(() => null);
    if (this.#disposed || kernel !== this.#kernel) return;
    if (!comm) {
      this.#turn("unloaded");
      return;
    }
    this.#client.start();
  }

  /** Ask anew for all that is known, also of a kernel that is connected. */
  async refresh(): Promise<void> {
    if (this.#phase === "open" && this.#comm && !this.#comm.isDisposed) this.#client.start();
    else await this.open();
  }

  dispose(): void {
    this.#disposed = true;
    Signal.disconnectReceiver(this);
    this.#attach(null);
    this.#client.dispose();
    Signal.clearData(this);
  }

  async #openComm(kernel: Kernel.IKernelConnection): Promise<Kernel.IComm | null> {
    const { language_info: spoken } = await kernel.info;
    if (spoken.name !== "python" || kernel !== this.#kernel || kernel.isDisposed) return null;
    const comm: SubshellComm = kernel.createComm(TARGET);
    this.#comm = comm;
    this.#subshells = (kernel.supportsSubshells ?? false) && comm.subshellStarted !== undefined && comm.commsOverSubshells !== "disabled";
    if (this.#subshells) await inTime(comm.subshellStarted);
    if (comm !== this.#comm || comm.isDisposed) return null;
    comm.onMsg = (message) => this.#hear(comm, message.content.data);
    comm.onClose = () => this.#onClose(comm);
    // A kernel that does not know the target closes the comm before it is done with opening it.
    await comm.open({}).done;
    return comm === this.#comm && !comm.isDisposed ? comm : null;
  }

  #send(message: ViewMessage): void {
    if (!this.#comm || this.#comm.isDisposed) throw new Error("The kernel is not connected");
    this.#comm.send(message as unknown as JSONValue);
  }

  #hear(comm: Kernel.IComm, message: unknown): void {
    if (comm !== this.#comm) return;
    this.#turn("open");
    this.#listener?.(message);
  }

  #attach(kernel: Kernel.IKernelConnection | null): void {
    if (kernel === this.#kernel) return;
    const [known, comm] = [this.#kernel, this.#comm];
    this.#kernel = kernel;
    this.#comm = null;
    if (known && !known.isDisposed) {
      known.removeCommTarget(TARGET, this.#onAnnounced);
      if (comm && !comm.isDisposed) comm.close();
    }
    this.#subshells = undefined;
    this.#turn(kernel ? "unloaded" : "no kernel");
    if (!kernel) return;
    kernel.registerCommTarget(TARGET, this.#onAnnounced);
    if (this.#mentionedBefore()) void this.open();
  }

  /** The kernel says by a comm of its own, which it closes itself, that raydp_magic is there now. */
  readonly #onAnnounced = (): void => {
    void this.open();
  };

  #onClose(comm: Kernel.IComm): void {
    if (comm !== this.#comm) return;
    this.#comm = null;
    if (this.#phase === "open") this.#lose("raydp_magic was unloaded from the kernel");
    this.#turn(this.#kernel ? "unloaded" : "no kernel");
  }

  #onKernel(_: ISessionContext, { newValue }: { newValue: Kernel.IKernelConnection | null }): void {
    if (newValue !== this.#kernel) this.#lose(newValue ? "The notebook got another kernel" : "The kernel was shut down");
    this.#attach(newValue);
  }

  #onStatus(_: ISessionContext, status: Kernel.Status): void {
    if (status === "restarting" || status === "autorestarting") this.#end("The kernel was restarted");
    else if (status === "dead") this.#end("The kernel has died");
    else if (status === "terminating") this.#end("The kernel was shut down");
  }

  #onConnection(_: ISessionContext, status: Kernel.ConnectionStatus): void {
    if (status === "disconnected") this.#lose("The connection to the kernel was lost");
    if (status !== "connected") return;
    if (this.#comm && !this.#comm.isDisposed) this.#client.start();
    else if (this.#comm) this.#comm = null;
    if (!this.#comm && this.#mentionedBefore()) void this.open();
  }

  #onMessage(_: ISessionContext, message: KernelMessage.IMessage): void {
    if (this.#mentions.hear(message)) void this.open();
  }

  /** The process is gone, and its comms with it. */
  #end(reason: string): void {
    this.#comm = null;
    this.#mentions.forget();
    this.#lose(reason);
    this.#turn(this.#kernel ? "unloaded" : "no kernel");
  }

  #lose(reason: string): void {
    if (this.#client.get().kind !== "waiting") this.#client.gone(reason);
  }

  #turn(phase: Phase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#changed.emit();
  }
}

async function inTime(started: Promise<void> | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, SUBSHELL_MS);
  });
  await Promise.race([started, late]).catch(() => undefined);
  clearTimeout(timer);
}
