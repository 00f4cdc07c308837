// The cluster in a few words, for a status bar.
import { hasEnded, type Reading, type Snapshot } from "../snapshot";
import { amount, plural } from "./format";

export interface Status {
  text: string;
  title: string;
  /** Worth a look. */
  problem: boolean;
}

export interface Tally {
  up: number;
  wanted: number;
  cpusHeld: number;
  cpusTotal: number;
}

export function tally(snapshot: Snapshot): Tally {
  let cpusHeld = 0;
  let cpusTotal = 0;
  for (const node of snapshot.nodes) {
    if (!node.alive) continue;
    cpusHeld += node.cpu_reserved;
    cpusTotal += node.cpu_total;
  }
  const up = snapshot.executors.reduce((sum, executor) => sum + (executor.state === "up" ? 1 : 0), 0);
  return { up, wanted: snapshot.executors_wanted, cpusHeld, cpusTotal };
}

/** `2 executors - 3/4 CPUs`, "" where there is nothing to say. */
export function status(reading: Reading): Status {
  if (reading.kind === "unreadable") return { text: "unreadable", title: reading.reason, problem: true };
  if (reading.kind !== "snapshot") return { text: "", title: "No Spark on Ray in this kernel", problem: false };
  const { snapshot, gone } = reading;
  if (gone !== null) return { text: "ended", title: gone, problem: false };
  if (hasEnded(snapshot.state)) {
    return { text: snapshot.state, title: `The cluster has ${snapshot.state}`, problem: snapshot.state === "failed" };
  }
  const { up, wanted, cpusHeld, cpusTotal } = tally(snapshot);
  const rayLost = snapshot.ray_lost_at !== null;
  const title = [`${snapshot.name}: ${snapshot.state}`, `${up} of ${plural(wanted, "executor")} up`, ...snapshot.problems];
  if (rayLost) title.push("Ray does not answer");
  const cpus = cpusTotal > 0 ? ` - ${amount(cpusHeld)}/${amount(cpusTotal)} CPUs` : "";
  const text = snapshot.state === "running" ? plural(up, "executor") + cpus : `${snapshot.state} ${up}/${wanted}`;
  return { text, title: title.join("\n"), problem: rayLost || snapshot.problems.length > 0 };
}
