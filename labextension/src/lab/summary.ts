// What the sidebar's list says.
import { status, type Reading } from "../core";
import type { Phase } from "./kernel_link";

/** What the list says of a kernel. */
export function summary(phase: Phase, reading: Reading): string {
  const { text } = status(reading);
  if (text !== "") return text;
  if (phase === "no kernel") return "no kernel";
  if (phase === "opening" || (phase === "open" && reading.kind === "waiting")) return "connecting";
  return phase === "open" ? "no cluster" : "not loaded";
}

/** Notebooks by their file names; with the folder where two have the same. */
export function titles(paths: readonly string[]): string[] {
  const name = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const seen = new Map<string, number>();
  for (const path of paths) seen.set(name(path), (seen.get(name(path)) ?? 0) + 1);
  return paths.map((path) => ((seen.get(name(path)) ?? 0) > 1 ? path : name(path)));
}
