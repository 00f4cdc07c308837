// What a person can have done, each with the magic that does the same. Pure.
import type { Action, Details } from "./store";

export interface Plan {
  action: Action;
  details: Details;
  /** On the button. */
  label: string;
  /** Said to a screen reader, where many buttons have one label. */
  name: string;
  /** Said while it is under way. */
  doing: string;
  magic: string;
  /** Asked before something that cannot be taken back. */
  confirm?: string;
}

export interface StartRequest {
  executors: number;
  cores: number;
  memory: string;
}

export function startPlan({ executors, cores, memory }: StartRequest): Plan {
  return {
    action: "start",
    details: { executors, cores, memory },
    label: "Start",
    name: "Start the cluster",
    doing: "Starting",
    magic: `%raydp_cluster start --executors ${executors} --cores ${cores} --memory ${memory}`,
  };
}

export function stopPlan(): Plan {
  return {
    action: "stop",
    details: {},
    label: "Stop",
    name: "Stop the cluster",
    doing: "Stopping the cluster",
    magic: "%raydp_cluster stop",
    confirm: "Stop the cluster? Running jobs end, cached tables go; what the bridge passed to Ray stays.",
  };
}

export function scalePlan(executors: number): Plan {
  const noun = executors === 1 ? "executor" : "executors";
  return {
    action: "scale",
    details: { executors },
    label: `Scale to ${executors}`,
    name: `Scale to ${executors} ${noun}`,
    doing: `Scaling to ${executors} ${noun}`,
    magic: `%raydp_cluster scale ${executors}`,
  };
}

export function restartPlan(executor: string): Plan {
  return {
    action: "restart",
    details: { executor },
    label: "Restart",
    name: `Restart executor ${executor}`,
    doing: `Restarting executor ${executor}`,
    magic: `%raydp_cluster restart ${word(executor)}`,
    confirm: `Restart executor ${executor}? Its tasks run again, its cached blocks are lost.`,
  };
}

export function removePlan(executor: string): Plan {
  return {
    action: "remove",
    details: { executor },
    label: "Remove",
    name: `Remove executor ${executor}`,
    doing: `Removing executor ${executor}`,
    magic: `%raydp_cluster remove ${word(executor)}`,
    confirm: `Remove executor ${executor}? The cluster gets one executor smaller.`,
  };
}

export function cancelPlan(job: number): Plan {
  return {
    action: "cancel",
    details: { job },
    label: "Cancel",
    name: `Cancel job ${job}`,
    doing: `Cancelling job ${job}`,
    magic: `%raydp_cluster cancel ${job}`,
    confirm: `Cancel job ${job}? The cell that runs it ends with an error.`,
  };
}

export function releasePlan(entry: string, name: string): Plan {
  return {
    action: "release",
    details: { entry },
    label: "Release",
    name: `Release ${name || "an unnamed block"}`,
    doing: `Releasing ${name || "an unnamed block"}`,
    magic: `%raydp_bridge release ${word(name || entry)}`,
    confirm: `Release ${name || "this block"}? The bridge lets go of it; who still holds it keeps it.`,
  };
}

export function logsMagic(source: string, stream = ""): string {
  return `%raydp_cluster logs ${word(source)}${stream && ` --stream ${stream}`}`;
}

/**
 * One word of a magic's line; a name from outside cannot become a second line or another flag,
 * nor an expression (IPython expands `{...}` and `$name` on a magic's line).
 */
function word(text: string): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, " ").replace(/[{}$]/g, "$&$&");
  return /^[\w.+:@/][\w.+:@/-]*$/.test(line) ? line : `'${line.replace(/'/g, `'"'"'`)}'`;
}

/** `1536` -> `1536m`, `2048` -> `2g`. */
export function memoryText(mib: number): string {
  return mib >= 1024 && mib % 1024 === 0 ? `${mib / 1024}g` : `${mib}m`;
}

/** What is wrong with the form, null when it can be sent. */
export function refuse(executors: string, cores: string, memory: string): string | null {
  if (!/^[1-9]\d{0,4}$/.test(executors.trim())) return "Executors: a whole number from 1";
  if (!/^[1-9]\d{0,3}$/.test(cores.trim())) return "Cores: a whole number from 1";
  if (!/^\d+(\.\d+)?\s*([kmgt]i?b?)$/i.test(memory.trim())) return "Memory: an amount with its unit, as 512m or 2g";
  return null;
}
