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
  coresHeld: number;
  coresTotal: number;
}

export function tally(snapshot: Snapshot): Tally {
  let coresHeld = 0;
  let coresTotal = 0;
  for (const node of snapshot.nodes) {
    if (!node.alive) continue;
    coresHeld += node.cpu_reserved;
    coresTotal += node.cpu_total;
  }
  const up = snapshot.executors.reduce((sum, executor) => sum + (executor.state === "up" ? 1 : 0), 0);
  return { up, wanted: snapshot.executors_wanted, coresHeld, coresTotal };
}

/** `2 executors - 3/4 cores`, "" where there is nothing to say. */
export function status(reading: Reading): Status {
  if (reading.kind === "unreadable") return { text: "unreadable", title: reading.reason, problem: true };
  if (reading.kind !== "snapshot") return { text: "", title: "No Spark on Ray in this kernel", problem: false };
  const { snapshot, gone } = reading;
  if (gone !== null) return { text: "ended", title: gone, problem: false };
  if (hasEnded(snapshot.state)) {
    return { text: snapshot.state, title: `The cluster has ${snapshot.state}`, problem: snapshot.state === "failed" };
  }
  const { up, wanted, coresHeld, coresTotal } = tally(snapshot);
  const rayLost = snapshot.ray_lost_at !== null;
  const title = [`${snapshot.name}: ${snapshot.state}`, `${up} of ${plural(wanted, "executor")} up`, ...snapshot.problems];
  if (rayLost) title.push("Ray does not answer");
  const cores = coresTotal > 0 ? ` - ${amount(coresHeld)}/${amount(coresTotal)} cores` : "";
  const text = snapshot.state === "running" ? plural(up, "executor") + cores : `${snapshot.state} ${up}/${wanted}`;
  return { text, title: title.join("\n"), problem: rayLost || snapshot.problems.length > 0 };
}
