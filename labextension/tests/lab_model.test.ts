import { describe, expect, it } from "vitest";
import { Mentions, mentions } from "../src/lab/mentions";
import { summary, titles } from "../src/lab/summary";
import { readSnapshot, type Reading } from "../src/snapshot";
import { fixture } from "./fixtures";

type Message = Parameters<Mentions["hear"]>[0];

function message(kind: string, parent: string, content: object): Message {
  return { header: { msg_type: kind }, parent_header: { msg_id: parent }, content } as unknown as Message;
}

const idle = (parent: string) => message("status", parent, { execution_state: "idle" });
const input = (parent: string, code: string) => message("execute_input", parent, { code });

describe("when to look into a kernel", () => {
  it("once a cell that speaks of us is done", () => {
    const heard = new Mentions("raydp_magic");
    expect(heard.hear(input("a", "%load_ext raydp_magic"))).toBe(false);
    expect(heard.hear(message("status", "a", { execution_state: "busy" }))).toBe(false);
    expect(heard.hear(idle("other"))).toBe(false);
    expect(heard.hear(idle("a"))).toBe(true);
    expect(heard.hear(idle("a"))).toBe(false);
  });

  it("not after a cell of something else, or one of the kernel before", () => {
    const heard = new Mentions("raydp_magic");
    heard.hear(input("a", "x = 1"));
    expect(heard.hear(idle("a"))).toBe(false);
    heard.hear(input("b", "%raydp_cluster start"));
    heard.forget();
    expect(heard.hear(idle("b"))).toBe(false);
  });

  it.each([
    ["import raydp_magic as rdm", true],
    ["%%raydp_sql\nSELECT 1", true],
    ["x = 1\n%raydp_cluster start", true],
    ["y = 5 %raydp_cluster", true],
    ["import raydp", false],
    ["print('%d' % raydp)", false],
  ])("%j: %s", (code, expected) => {
    expect(mentions(code)).toBe(expected);
  });
});

describe("the list", () => {
  it("names notebooks by file, and by path where two are alike", () => {
    expect(titles(["a.ipynb", "x/b.ipynb"])).toEqual(["a.ipynb", "b.ipynb"]);
    expect(titles(["x/a.ipynb", "y/a.ipynb", "b.ipynb"])).toEqual(["x/a.ipynb", "y/a.ipynb", "b.ipynb"]);
  });

  it("says what is known of each kernel", () => {
    const none: Reading = { kind: "none", ended: null, presets: [], actions: [], versions: {} };
    const waiting: Reading = { kind: "waiting" };
    expect(summary("no kernel", waiting)).toBe("no kernel");
    expect(summary("unloaded", waiting)).toBe("not loaded");
    expect(summary("opening", waiting)).toBe("connecting");
    expect(summary("open", waiting)).toBe("connecting");
    expect(summary("open", none)).toBe("no cluster");
    expect(summary("open", readSnapshot(fixture("running")))).toMatch(/^\d+ executors? - [\d.]+\/[\d.]+ CPUs$/);
    const running = readSnapshot(fixture("running"));
    expect(summary("unloaded", { ...running, gone: "The kernel was restarted" } as typeof running)).toBe("ended");
  });
});
