import { describe, expect, it } from "vitest";
import { amount, bytes, bytesOf, clock, count, duration, plural, rate, remaining, took, webAddress } from "../src/core/format";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

describe("format", () => {
  it.each([
    [0, "0 B"],
    [0.4, "0 B"],
    [1023, "1023 B"],
    [50 * MIB, "50 MiB"],
    [1023.7 * MIB, "1 GiB"],
    [1.25 * GIB, "1.3 GiB"],
    [null, "–"],
  ])("bytes(%s) is %s", (value, text) => expect(bytes(value)).toBe(text));

  it("uses the total's unit for both", () => {
    expect(bytesOf(512 * MIB, 4 * GIB)).toBe("0.5 / 4 GiB");
    expect(bytesOf(null, 4 * GIB)).toBe("– / 4 GiB");
    expect(bytesOf(null, null)).toBe("–");
  });

  it("counts", () => {
    expect(count(1234567)).toBe("1,234,567");
    expect(plural(1, "task")).toBe("1 task");
    expect(amount(2.0000000001)).toBe("2");
    expect([12, 120, 7200, 400000].map(duration)).toEqual(["12 s", "2 min", "2 h", "5 days"]);
  });

  it("gives lengths of less than a second", () => {
    expect([0, 0.02, 0.3, 1.26, 9.94, 12, 120].map(took)).toEqual(["<0.1 s", "<0.1 s", "0.3 s", "1.3 s", "9.9 s", "12 s", "2 min"]);
  });

  it("gives a remaining time as a cell's progress does", () => {
    expect([0.5, 1.4, 23, 61, 125, 3700].map(remaining)).toEqual([
      "nearly done",
      "about 1 s left",
      "about 25 s left",
      "about 1 min 0 s left",
      "about 2 min 0 s left",
      "about 1 h 1 min left",
    ]);
  });

  it("gives no speed that would be a guess", () => {
    expect(rate(50 * MIB, 2)).toBe("25 MiB/s");
    expect(rate(1, 3)).toBe("0 B/s");
    expect(rate(50 * MIB, 0.2)).toBe("");
  });

  it("gives the date of what is a day old", () => {
    const noon = new Date(2026, 0, 1, 12, 0, 5).getTime() / 1000;
    expect(clock(noon, noon + 60)).toBe("12:00:05");
    expect(clock(noon, noon + 100_000)).toBe("2026-01-01 12:00:05");
  });

  it("links only to the web", () => {
    expect(webAddress("http://127.0.0.1:4040")).toBe("http://127.0.0.1:4040");
    expect(webAddress("javascript:alert(1)")).toBeNull();
    expect(webAddress(null)).toBeNull();
  });
});
