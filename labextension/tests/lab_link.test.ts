import type { ISessionContext } from "@jupyterlab/apputils";
import { Signal } from "@lumino/signaling";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KernelLink, TARGET } from "../src/lab/kernel_link";
import { fixture, settle } from "./fixtures";

class FakeComm {
  isDisposed = false;
  sent: unknown[] = [];
  opened = 0;
  readonly commsOverSubshells = "perCommTarget";
  onMsg: (message: unknown) => void = () => undefined;
  onClose: () => void = () => undefined;
  constructor(
    private readonly kernel: FakeKernel,
    readonly subshellStarted: Promise<void> | undefined,
  ) {}
  open(): { done: Promise<void> } {
    this.opened += 1;
    if (!this.kernel.loaded) this.shut();
    return { done: Promise.resolve() };
  }
  send(message: unknown): void {
    if (this.isDisposed) throw new Error("Cannot send");
    this.sent.push(message);
  }
  close(): void {
    this.shut();
  }
  dispose(): void {
    this.isDisposed = true;
  }
  shut(): void {
    this.isDisposed = true;
    this.onClose();
  }
  hear(data: unknown): void {
    this.onMsg({ content: { data } });
  }
}

class FakeKernel {
  loaded = true;
  isDisposed = false;
  supportsSubshells = true;
  info: Promise<unknown> = Promise.resolve({ language_info: { name: "python" } });
  comms: FakeComm[] = [];
  subshell: Promise<void> | undefined = Promise.resolve();
  targets = new Map<string, (comm: unknown) => void>();
  createComm(target: string): FakeComm {
    expect(target).toBe(TARGET);
    const comm = new FakeComm(this, this.subshell);
    this.comms.push(comm);
    return comm;
  }
  registerCommTarget(target: string, opened: (comm: unknown) => void): void {
    this.targets.set(target, opened);
  }
  removeCommTarget(target: string): void {
    this.targets.delete(target);
  }
  get comm(): FakeComm {
    return this.comms[this.comms.length - 1]!;
  }
}

class FakeSession {
  kernelDisplayName = "Python 3";
  session: { kernel: FakeKernel | null };
  kernelChanged = new Signal<this, unknown>(this);
  statusChanged = new Signal<this, string>(this);
  connectionStatusChanged = new Signal<this, string>(this);
  iopubMessage = new Signal<this, unknown>(this);
  constructor(kernel: FakeKernel | null) {
    this.session = { kernel };
  }
  change(kernel: FakeKernel | null): void {
    this.session.kernel = kernel;
    this.kernelChanged.emit({ newValue: kernel });
  }
  ran(code: string): void {
    const message = (kind: string, content: object) => ({ header: { msg_type: kind }, parent_header: { msg_id: "m" }, content });
    this.iopubMessage.emit(message("execute_input", { code }));
    this.iopubMessage.emit(message("status", { execution_state: "idle" }));
  }
}

let kernel: FakeKernel;
let session: FakeSession;
let link: KernelLink;

function connect(mentioned = true): void {
  session = new FakeSession(kernel);
  link = new KernelLink(session as unknown as ISessionContext, () => mentioned);
}

const tell = (name = "running") => kernel.comm.hear({ type: "snapshot", seq: 1, snapshot: fixture(name) });
const gone = () => {
  const reading = link.store.get();
  return reading.kind === "snapshot" ? reading.gone : reading.kind;
};

beforeEach(() => {
  kernel = new FakeKernel();
});
afterEach(() => link.dispose());

describe("a kernel with raydp_magic", () => {
  it("is asked by hello, once the comm is open on its subshell", async () => {
    let started = () => undefined as void;
    kernel.subshell = new Promise((resolve) => {
      started = resolve;
    });
    connect();
    await settle();
    expect(kernel.comm.opened).toBe(0);
    started();
    await settle();
    expect(kernel.comm.opened).toBe(1);
    expect(kernel.comm.sent).toEqual([expect.objectContaining({ type: "hello" })]);
    expect(link.subshells).toBe(true);
    tell();
    expect(link.phase).toBe("open");
    expect(gone()).toBeNull();
  });

  it("without subshells is asked at once, and said to be so", async () => {
    kernel.supportsSubshells = false;
    kernel.subshell = new Promise(() => undefined);
    connect();
    await settle();
    expect(kernel.comm.sent).toHaveLength(1);
    expect(link.subshells).toBe(false);
  });

  it("of an older JupyterLab too", async () => {
    kernel.subshell = undefined;
    connect();
    await settle();
    expect(link.subshells).toBe(false);
    expect(kernel.comm.sent).toHaveLength(1);
  });
});

describe("a kernel that may not know it", () => {
  it("is left alone until it speaks of it", async () => {
    kernel.loaded = false;
    connect(false);
    await settle();
    expect(kernel.comms).toHaveLength(0);
    session.ran("x = 1");
    await settle();
    expect(kernel.comms).toHaveLength(0);
    kernel.loaded = true;
    session.ran("%load_ext raydp_magic");
    await settle();
    expect(kernel.comm.sent).toHaveLength(1);
  });

  it("is heard when it announces itself", async () => {
    connect(false);
    kernel.targets.get(TARGET)!({});
    await settle();
    expect(kernel.comm.sent).toHaveLength(1);
  });

  it("closes the comm: nothing is said to it, and it may be tried again", async () => {
    kernel.loaded = false;
    connect();
    await settle();
    expect(link.phase).toBe("unloaded");
    expect(kernel.comm.sent).toEqual([]);
    kernel.loaded = true;
    await link.open();
    expect(kernel.comms).toHaveLength(2);
    expect(kernel.comm.sent).toHaveLength(1);
  });

  it("of another language has no comm", async () => {
    kernel.info = Promise.resolve({ language_info: { name: "R" } });
    connect();
    await settle();
    expect(kernel.comms).toHaveLength(0);
    expect(link.phase).toBe("unloaded");
  });

  it("that never answers is not waited for twice", async () => {
    kernel.info = Promise.reject(new Error("disposed"));
    connect();
    await settle();
    expect(link.phase).toBe("unloaded");
  });
});

describe("what happens to kernels", () => {
  beforeEach(async () => {
    connect();
    await settle();
    tell();
  });

  it.each([
    ["restarting", "The kernel was restarted"],
    ["autorestarting", "The kernel was restarted"],
    ["dead", "The kernel has died"],
    ["terminating", "The kernel was shut down"],
  ])("%s: the last state stays and says so", async (status, reason) => {
    session.statusChanged.emit(status);
    expect(gone()).toBe(reason);
    expect(link.phase).toBe("unloaded");
  });

  it("after a restart it is there again once it is loaded", async () => {
    const before = kernel.comm;
    session.statusChanged.emit("restarting");
    before.dispose();
    session.ran("%load_ext raydp_magic");
    await settle();
    expect(kernel.comm).not.toBe(before);
    kernel.comm.hear({ type: "none", ended: null, presets: [], actions: ["start"] });
    expect(gone()).toBe("none");
  });

  it("says hello again when the connection is back", async () => {
    session.connectionStatusChanged.emit("connecting");
    session.connectionStatusChanged.emit("connected");
    expect(kernel.comm.sent).toHaveLength(2);
    expect(kernel.comms).toHaveLength(1);
  });

  it("opens anew when the comm was lost with the connection", async () => {
    session.connectionStatusChanged.emit("disconnected");
    expect(gone()).toBe("The connection to the kernel was lost");
    kernel.comm.dispose();
    session.connectionStatusChanged.emit("connected");
    await settle();
    expect(kernel.comms).toHaveLength(2);
    tell();
    expect(gone()).toBeNull();
  });

  it("another kernel: the old comm is closed, the new kernel asked", async () => {
    const before = kernel;
    kernel = new FakeKernel();
    session.change(kernel);
    await settle();
    expect(before.comm.isDisposed).toBe(true);
    expect(before.targets.size).toBe(0);
    expect(kernel.comm.sent).toHaveLength(1);
    before.comm.hear({ type: "snapshot", seq: 9, snapshot: fixture("stopped") });
    expect(gone()).toBe("The notebook got another kernel");
  });

  it("no kernel any more", () => {
    session.change(null);
    expect(gone()).toBe("The kernel was shut down");
    expect(link.phase).toBe("no kernel");
  });

  it("unloading is said", () => {
    kernel.comm.shut();
    expect(gone()).toBe("raydp_magic was unloaded from the kernel");
    expect(link.phase).toBe("unloaded");
  });

  it("looking again asks for the whole picture, on the same comm", async () => {
    const before = kernel.comm.sent.length;
    await link.refresh();
    expect(kernel.comms).toHaveLength(1);
    expect(kernel.comm.sent.slice(before)).toEqual([expect.objectContaining({ type: "hello" })]);
  });

  it("a closed notebook closes its comm", () => {
    link.dispose();
    expect(kernel.comm.isDisposed).toBe(true);
  });
});
