// The wire form of raydp_magic/monitoring/snapshot.py. Memory is in bytes, times are Unix
// seconds, null means "not known" and never 0. tests/fixtures/snapshots/ is read by both sides.

export const SCHEMA_VERSION = 1;

export const CLUSTER_STATES = ["starting", "running", "stopping", "stopped", "failed"] as const;
export type ClusterState = (typeof CLUSTER_STATES)[number];

export type ExecutorState = "requested" | "starting" | "up" | "draining" | "lost" | "failed" | "ended";

export interface NodeSnapshot {
  id: string;
  name: string;
  is_head: boolean;
  alive: boolean;
  cpu_total: number;
  cpu_reserved: number;
  cpu_percent: number | null;
  memory_total: number | null;
  memory_used: number | null;
  memory_reserved: number;
  store_total: number;
  store_used: number;
  gpu_total: number;
  gpu_reserved: number;
  spark_executors: number;
}

export interface ExecutorSnapshot {
  id: string;
  state: ExecutorState;
  node: string | null;
  cores: number;
  active_tasks: number;
  completed_tasks: number;
  failed_tasks: number;
  storage_used: number;
  storage_total: number;
  shuffle_read: number;
  shuffle_write: number;
  tries: number;
  max_tries: number;
  message: string;
}

export interface JobSnapshot {
  id: number;
  description: string;
  stages_done: number;
  stages_total: number;
  tasks_done: number;
  tasks_active: number;
  tasks_failed: number;
  tasks_total: number;
}

export interface LedgerSnapshot {
  name: string;
  direction: string;
  rows: number | null;
  bytes: number | null;
  blocks: number;
  nodes: number;
}

export interface Snapshot {
  schema: number;
  taken_at: number;
  state: ClusterState;
  name: string;
  app_id: string;
  request: string;
  executors_wanted: number;
  versions: Record<string, string>;
  spark_ui_url: string | null;
  ray_dashboard_url: string | null;
  nodes: NodeSnapshot[];
  executors: ExecutorSnapshot[];
  jobs: JobSnapshot[];
  ledger: LedgerSnapshot[];
  problems: string[];
}

/** What came over the wire: nothing yet, a snapshot, or something this panel cannot read. */
export type Reading =
  | { kind: "none" }
  | { kind: "snapshot"; snapshot: Snapshot }
  | { kind: "unreadable"; reason: string };

const LISTS = ["nodes", "executors", "jobs", "ledger", "problems"] as const;

/** Check the version and the outline of a record; the kernel side has checked every field. */
export function readSnapshot(record: unknown): Reading {
  if (typeof record !== "object" || record === null || Object.keys(record).length === 0) {
    return { kind: "none" };
  }
  const fields = record as Record<string, unknown>;
  if (fields["schema"] !== SCHEMA_VERSION) {
    return {
      kind: "unreadable",
      reason:
        `The kernel sends snapshot schema ${String(fields["schema"])}, this panel reads ${SCHEMA_VERSION}. ` +
        "After an upgrade, restart the kernel and reload this page.",
    };
  }
  const wrong = LISTS.find((key) => !Array.isArray(fields[key]));
  if (wrong !== undefined || !CLUSTER_STATES.includes(fields["state"] as ClusterState)) {
    return {
      kind: "unreadable",
      reason: `The kernel's snapshot has no usable ${wrong ?? "state"}. Restart the kernel and reload this page.`,
    };
  }
  return { kind: "snapshot", snapshot: record as Snapshot };
}

/** On its way back from a death; one that came back is like any other. */
export function isRetrying({ tries, state }: ExecutorSnapshot): boolean {
  return tries > 1 && (state === "requested" || state === "starting" || state === "lost" || state === "failed");
}

/** No more news is to be expected from the cluster. */
export function hasEnded(state: ClusterState): boolean {
  return state === "stopped" || state === "failed";
}
