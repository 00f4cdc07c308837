import { describe, expect, it } from "vitest";
import { AskError, Client, status, type ViewMessage } from "../src/core";
import { apply } from "../src/core/diff";
import { fixture } from "./fixtures";

class Wire {
  readonly sent: ViewMessage[] = [];
  listener: ((message: unknown) => void) | null = null;
  broken = false;
  send(message: ViewMessage): void {
    if (this.broken) throw new Error("closed");
    this.sent.push(message);
  }
  onMessage(listener: (message: unknown) => void): () => void {
    this.listener = listener;
    return () => {
      this.listener = null;
    };
  }
  tell(message: unknown): void {
    this.listener?.(message);
  }
  hellos(): number {
    return this.sent.filter(({ type }) => type === "hello").length;
  }
}

function open(): { wire: Wire; client: Client } {
  const wire = new Wire();
  const client = new Client(wire);
  client.start();
  return { wire, client };
}

const running = () => fixture("running") as unknown as Record<string, unknown>;

function snapshotOf(client: Client) {
  const reading = client.get();
  if (reading.kind !== "snapshot") throw new Error(`it is ${reading.kind}`);
  return reading;
}

describe("a difference", () => {
  it("sets fields, edits, drops and orders, and leaves the rest as the same objects", () => {
    const before = fixture("busy_multi_node") as unknown as Record<string, unknown>;
    const [first, second, third] = before["executors"] as Record<string, unknown>[];
    const changed = { ...second, completed_tasks: 99_999 };
    const after = apply(before, {
      set: { state: "stopping" },
      lists: { executors: { order: ["1", "0"], edit: { "1": { completed_tasks: 99_999 } }, drop: ["2", "3", "4", "5", "6", "7"] } },
    })!;
    expect(after["state"]).toBe("stopping");
    expect(after["executors"]).toEqual([changed, first]);
    expect((after["executors"] as unknown[])[1]).toBe(first);
    expect(after["nodes"]).toBe(before["nodes"]);
    expect(before["executors"]).toContain(third);
  });

  it("keeps the place of what changed, and appends what is new, when no order is sent", () => {
    const before = { jobs: [{ id: 1, n: 0 }, { id: 2, n: 0 }] };
    const after = apply(before, { lists: { jobs: { edit: { "1": { n: 5 } }, put: [{ id: 3, n: 0 }] } } });
    expect(after).toEqual({ jobs: [{ id: 1, n: 5 }, { id: 2, n: 0 }, { id: 3, n: 0 }] });
  });

  it("tells two kinds of one id apart on the timeline", () => {
    const before = { timeline: [{ kind: "spark", id: "1" }, { kind: "ray", id: "1" }] };
    expect(apply(before, { lists: { timeline: { drop: ["ray:1"] } } })).toEqual({ timeline: [{ kind: "spark", id: "1" }] });
  });

  it("that does not fit is refused", () => {
    expect(apply({ jobs: [{ id: 1 }] }, { lists: { jobs: { order: ["1", "7"] } } })).toBeNull();
    expect(apply({ jobs: [{ id: 1 }, { id: 2 }] }, { lists: { jobs: { order: ["1"] } } })).toBeNull();
    expect(apply({ jobs: [{ id: 1 }] }, { lists: { jobs: { edit: { "7": { n: 5 } } } } })).toBeNull();
    expect(apply({}, { lists: { nonsense: {} } })).toBeNull();
  });
});

describe("the client", () => {
  it("says hello with its schema, and whether somebody looks", () => {
    const wire = new Wire();
    const client = new Client(wire);
    const panel = {};
    client.setVisible(panel, true);
    expect(wire.sent).toEqual([]);
    client.start();
    expect(wire.sent).toEqual([{ type: "hello", schema: 3, visible: true }]);
    client.setVisible({}, true); // a second view changes nothing
    client.setVisible(panel, true);
    expect(wire.sent).toHaveLength(1);
  });

  it("tells the kernel when the last view is out of sight", () => {
    const { wire, client } = open();
    const [one, two] = [{}, {}];
    client.setVisible(one, true);
    client.setVisible(two, true);
    client.setVisible(one, false);
    client.setVisible(two, false);
    expect(wire.sent.slice(1)).toEqual([{ type: "visible", visible: true }, { type: "visible", visible: false }]);
  });

  it("puts differences on the full picture", () => {
    const { wire, client } = open();
    const seen: string[] = [];
    client.subscribe(() => seen.push(client.get().kind));
    wire.tell({ type: "snapshot", seq: 4, snapshot: running() });
    wire.tell({ type: "diff", seq: 5, base: 4, diff: { set: { executors_wanted: 7 } } });
    wire.tell({ type: "diff", seq: 6, base: 5, diff: { lists: { jobs: { drop: [String(fixture("running").jobs[0]!.id)] } } } });
    expect(snapshotOf(client).snapshot.executors_wanted).toBe(7);
    expect(snapshotOf(client).snapshot.jobs).toEqual([]);
    expect(seen).toEqual(["snapshot", "snapshot", "snapshot"]);
  });

  it("asks once for the full picture when a difference does not fit", () => {
    const { wire, client } = open();
    wire.tell({ type: "snapshot", seq: 1, snapshot: running() });
    expect(wire.hellos()).toBe(1);
    wire.tell({ type: "diff", seq: 3, base: 2, diff: {} });
    wire.tell({ type: "diff", seq: 4, base: 3, diff: {} });
    expect(wire.hellos()).toBe(2);
    wire.tell({ type: "snapshot", seq: 4, snapshot: { ...running(), executors_wanted: 9 } });
    wire.tell({ type: "diff", seq: 4, base: 3, diff: {} }); // was under way, is in the picture already
    wire.tell({ type: "diff", seq: 5, base: 4, diff: { set: { executors_wanted: 10 } } });
    expect(wire.hellos()).toBe(2);
    expect(snapshotOf(client).snapshot.executors_wanted).toBe(10);
  });

  it("does not ask when no cluster is there and a difference comes late", () => {
    const { wire, client } = open();
    wire.tell({ type: "none", ended: "The cluster was stopped", presets: [], actions: ["start", "fit"] });
    expect(client.get()).toEqual({ kind: "none", ended: "The cluster was stopped", presets: [], actions: ["start", "fit"], versions: {} });
  });

  it("gives an answer to who asked, in any order", async () => {
    const { wire, client } = open();
    const first = client.ask("scale", { executors: 3 });
    const second = client.ask("fit", { executors: 1, cores: 1, memory: "1g" });
    const asked = wire.sent.filter((message) => message.type === "ask");
    expect(asked.map((message) => message.do)).toEqual(["scale", "fit"]);
    wire.tell({ type: "answer", id: asked[1]!.id, ok: true, value: { fits: true, text: "fits" } });
    wire.tell({ type: "answer", id: asked[0]!.id, ok: false, error: "No room", hint: "Add a node" });
    await expect(second).resolves.toEqual({ fits: true, text: "fits" });
    const error = await first.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AskError);
    expect(error).toMatchObject({ message: "No room", hint: "Add a node" });
  });

  it("refuses what was asked when the kernel is gone, and takes it back when news come", async () => {
    const { wire, client } = open();
    wire.tell({ type: "snapshot", seq: 1, snapshot: running() });
    const asked = client.ask("stop", {});
    client.gone("The kernel was restarted");
    await expect(asked).rejects.toThrow("The kernel was restarted");
    expect(snapshotOf(client).gone).toBe("The kernel was restarted");
    client.start();
    wire.tell({ type: "snapshot", seq: 1, snapshot: running() });
    expect(snapshotOf(client).gone).toBeNull();
  });

  it("refuses at once when the channel is closed", async () => {
    const { wire, client } = open();
    wire.broken = true;
    await expect(client.ask("stop", {})).rejects.toThrow("cannot be reached");
    expect(() => client.start()).not.toThrow();
  });

  it("is not upset by what it does not know", () => {
    const { wire, client } = open();
    for (const message of [null, 7, "x", {}, { type: "news" }, { type: "answer", id: 99, ok: true }, { type: "diff" }]) wire.tell(message);
    expect(client.get()).toEqual({ kind: "waiting" });
    wire.tell({ type: "snapshot", seq: 1, snapshot: { ...running(), schema: 4 } });
    expect(client.get().kind).toBe("unreadable");
  });

  it("lets go", async () => {
    const { wire, client } = open();
    const asked = client.ask("scale", { executors: 1 });
    client.dispose();
    expect(wire.listener).toBeNull();
    await expect(asked).rejects.toThrow("closed");
  });
});

describe("the status text", () => {
  it("is short, and says what is there", () => {
    const { wire, client } = open();
    expect(status(client.get()).text).toBe("");
    wire.tell({ type: "snapshot", seq: 1, snapshot: running() });
    expect(status(client.get())).toMatchObject({ text: "2 executors - 3/4 CPUs", problem: false });
    wire.tell({ type: "snapshot", seq: 2, snapshot: fixture("starting") });
    expect(status(client.get()).text).toMatch(/^starting \d\/\d$/);
    wire.tell({ type: "snapshot", seq: 3, snapshot: fixture("executor_lost") });
    expect(status(client.get())).toMatchObject({ problem: true });
    expect(status(client.get()).title).toContain("Executor 1 on worker-2 was lost");
    wire.tell({ type: "snapshot", seq: 4, snapshot: fixture("ray_lost") });
    expect(status(client.get()).title).toContain("Ray does not answer");
    client.gone("The kernel was restarted");
    expect(status(client.get())).toEqual({ text: "ended", title: "The kernel was restarted", problem: false });
  });
});
