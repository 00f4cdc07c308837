// Numbers as people read them. `null` is "not known" and shows as a dash.

export const UNKNOWN = "–";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Exponent of 1024 that suits an amount of memory; never bytes for what is shown in a column. */
function power(bytes: number): number {
  if (bytes < 1) return 0;
  const exponent = Math.min(UNITS.length - 1, Math.floor(Math.log(bytes) / Math.log(1024)));
  // 1023.7 MiB would round to "1024 MiB".
  return Math.round(bytes / 1024 ** exponent) >= 1024 && exponent < UNITS.length - 1 ? exponent + 1 : exponent;
}

function scaled(bytes: number, exponent: number): string {
  const value = bytes / 1024 ** exponent;
  if (exponent === 0 || value >= 99.95) return String(Math.round(value));
  const text = value.toFixed(1);
  return text.endsWith(".0") ? text.slice(0, -2) : text;
}

/** `52428800` -> `50 MiB`. */
export function bytes(amount: number | null): string {
  if (amount === null) return UNKNOWN;
  const exponent = power(amount);
  return `${scaled(amount, exponent)} ${UNITS[exponent]}`;
}

/** Used and total in the total's unit: `5.2 / 16 GiB`. */
export function bytesOf(used: number | null, total: number | null): string {
  if (total === null) return bytes(used);
  const exponent = power(total);
  const part = used === null ? UNKNOWN : scaled(used, exponent);
  return `${part} / ${scaled(total, exponent)} ${UNITS[exponent]}`;
}

/** Whole numbers with separators: `1,234,567`. */
export function count(amount: number | null): string {
  if (amount === null) return UNKNOWN;
  return String(Math.round(amount)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Ray counts CPUs and GPUs in fractions: `0.5`, `4`. */
export function amount(value: number): string {
  return String(Math.round(value * 100) / 100);
}

export function plural(number: number, word: string): string {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

const DAY_S = 86_400;

/** Local time of a Unix time, `HH:MM:SS`, with the date when that is a day or more ago. */
export function clock(unixSeconds: number, now: number = Date.now() / 1000): string {
  const time = new Date(unixSeconds * 1000);
  const join = (parts: number[], separator: string) =>
    parts.map((part) => String(part).padStart(2, "0")).join(separator);
  const day = [time.getFullYear(), time.getMonth() + 1, time.getDate()];
  const hour = join([time.getHours(), time.getMinutes(), time.getSeconds()], ":");
  return now - unixSeconds < DAY_S ? hour : `${join(day, "-")} ${hour}`;
}

/** How long ago, coarsely: `12 s`, `3 min`, `2 h`, `4 days`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** A length, from `<0.1 s` on: what took no time to speak of is not `0 s`. */
export function took(seconds: number): string {
  if (seconds < 0.05) return "<0.1 s";
  return seconds < 9.95 ? `${seconds.toFixed(1)} s` : duration(seconds);
}

/** A remaining time in the words of a cell's progress, rounded so that it does not claim more than is known. */
export function remaining(seconds: number): string {
  if (seconds < 1) return "nearly done";
  const step = seconds < 20 ? 1 : seconds < 120 ? 5 : 30;
  const rounded = step * Math.max(1, Math.round(seconds / step));
  if (rounded < 60) return `about ${rounded} s left`;
  const minutes = Math.floor(rounded / 60);
  if (minutes < 60) return `about ${minutes} min ${rounded % 60} s left`;
  return `about ${Math.floor(minutes / 60)} h ${minutes % 60} min left`;
}

/** Only web addresses become links. */
export function webAddress(url: string | null): string | null {
  return url !== null && /^https?:\/\//i.test(url) ? url : null;
}

/** How fast: `24 MiB/s`; nothing in the first moment, when it would be a guess. */
export function rate(amount: number, seconds: number): string {
  return seconds >= 1 && amount > 0 ? `${bytes(amount / seconds)}/s` : "";
}
