// The cluster ended with its kernel, which could not say so any more. Pure.
import { hasEnded, type ExecutorSnapshot, type Reading, type Snapshot } from "../snapshot";

/** What is to be shown: the last known state, and of executors that they are no more. */
export function lastState({ snapshot, gone }: Extract<Reading, { kind: "snapshot" }>): Snapshot {
  if (gone === null || hasEnded(snapshot.state)) return snapshot;
  return { ...snapshot, state: "stopped", executors: snapshot.executors.map(endedExecutor) };
}

/** As the kernel says it of a cluster that was stopped. */
function endedExecutor(executor: ExecutorSnapshot): ExecutorSnapshot {
  const down = executor.state === "lost" || executor.state === "failed";
  return { ...executor, state: down ? executor.state : "ended", active_tasks: 0 };
}
