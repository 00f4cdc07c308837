// The wire form of raydp_magic/monitoring/snapshot.py. Memory is in bytes, times are Unix
// seconds, null means "not known" and never 0. tests/fixtures/snapshots/ is read by both sides.

export const SCHEMA_VERSION = 3;

export const CLUSTER_STATES = ["starting", "running", "stopping", "stopped", "failed"] as const;
export type ClusterState = (typeof CLUSTER_STATES)[number];

export type ExecutorState = "planned" | "requested" | "starting" | "up" | "draining" | "lost" | "failed" | "ended";

export interface NodeSnapshot {
  id: string;
  name: string;
  is_head: boolean;
  alive: boolean;
  cpu_total: number;
  cpu_reserved: number;
  /** Ray CPUs that this cluster's executors hold. */
  cpu_spark: number;
  cpu_percent: number | null;
  memory_total: number | null;
  memory_used: number | null;
  memory_reserved: number;
  memory_spark: number;
  store_total: number;
  store_used: number;
  gpu_total: number;
  gpu_reserved: number;
  gpu_spark: number;
  spark_executors: number;
  ray_tasks: number | null;
  /** Live actors that are not ours. */
  ray_actors: number | null;
  /** A dead one is kept for some minutes. */
  died_at: number | null;
  /** Why, as far as Ray says. */
  death: string;
}

export interface ExecutorSnapshot {
  slot: number;
  id: string;
  state: ExecutorState;
  node: string | null;
  cores: number;
  active_tasks: number;
  completed_tasks: number;
  failed_tasks: number;
  /** Resident memory of the JVM and its Python workers. */
  memory_used: number | null;
  /** Heap and overhead. */
  memory_total: number;
  storage_used: number;
  storage_total: number;
  cached_blocks: number;
  shuffle_read: number;
  shuffle_write: number;
  tries: number;
  max_tries: number;
  lost_at: number | null;
  message: string;
}

export type StageState = "waiting" | "running" | "done" | "failed" | "skipped";

export interface StageSnapshot {
  id: number;
  attempt: number;
  name: string;
  state: StageState;
  tasks_done: number;
  tasks_active: number;
  tasks_failed: number;
  tasks_total: number;
  input_bytes: number;
  input_rows: number;
  output_bytes: number;
  output_rows: number;
  shuffle_read: number;
  shuffle_write: number;
}

export interface JobSnapshot {
  id: number;
  description: string;
  /** The cell's number, "" when it is not a cell's. */
  cell: string;
  started_at: number | null;
  remaining_s: number | null;
  stages_done: number;
  stages_total: number;
  tasks_done: number;
  tasks_active: number;
  tasks_failed: number;
  tasks_total: number;
  stages: StageSnapshot[];
}

export interface TransferSnapshot {
  id: string;
  direction: string;
  label: string;
  rows: number | null;
  bytes: number | null;
  started_at: number;
}

export interface LedgerSnapshot {
  id: string;
  name: string;
  direction: string;
  rows: number | null;
  bytes: number | null;
  blocks: number;
  nodes: number;
}

export interface TimelineSnapshot {
  kind: "spark" | "ray" | "transfer";
  id: string;
  label: string;
  started_at: number;
  ended_at: number | null;
  state: "running" | "done" | "failed";
}

export interface Preset {
  name: string;
  executors: number;
  cores: number;
  memory_mib: number;
}

export interface Links {
  spark_ui: string | null;
  ray_dashboard: string | null;
}

export interface Snapshot {
  schema: number;
  taken_at: number;
  /** Since when Ray does not answer; the rest is then the last known state. */
  ray_lost_at: number | null;
  state: ClusterState;
  name: string;
  app_id: string;
  request: string;
  executors_wanted: number;
  versions: Record<string, string>;
  spark_ui_url: string | null;
  ray_dashboard_url: string | null;
  links: Links;
  /** "tasks", "actors": there are more than Ray lists, and the nodes' counts are of the first 1,000. */
  ray_more: string[];
  nodes: NodeSnapshot[];
  executors: ExecutorSnapshot[];
  jobs: JobSnapshot[];
  transfers: TransferSnapshot[];
  ledger: LedgerSnapshot[];
  timeline: TimelineSnapshot[];
  presets: Preset[];
  /** What the kernel does when asked now. */
  actions: string[];
  problems: string[];
}

/** What a view knows: nothing yet, no cluster, a snapshot, or something it cannot read. */
export type Reading =
  | { kind: "waiting" }
  | {
      kind: "none";
      ended: string | null;
      presets: Preset[];
      actions: string[];
      versions: Record<string, string>;
    }
  | { kind: "snapshot"; snapshot: Snapshot; gone: string | null }
  | { kind: "unreadable"; reason: string };

/** The lists of records, and what tells one record from another. */
export const KEYS: Record<string, (record: Record<string, unknown>) => string> = {
  nodes: (record) => String(record["id"]),
  executors: (record) => String(record["slot"]),
  jobs: (record) => String(record["id"]),
  transfers: (record) => String(record["id"]),
  ledger: (record) => String(record["id"]),
  timeline: (record) => `${String(record["kind"])}:${String(record["id"])}`,
};

const LISTS = [...Object.keys(KEYS), "presets", "actions", "problems"];

/** Check the version and the outline of a record; the kernel side has checked every field. */
export function readSnapshot(record: unknown): Reading {
  if (typeof record !== "object" || record === null || Object.keys(record).length === 0) {
    return { kind: "waiting" };
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
  return { kind: "snapshot", snapshot: record as Snapshot, gone: null };
}

/** Whether its executors are the cluster's own; those of Ray on Spark are Spark's. Without Ray none can be acted on. */
export function ownExecutors({ ray_lost_at }: Pick<Snapshot, "ray_lost_at">, actions: ReadonlySet<string>): boolean {
  return actions.has("restart") || ray_lost_at !== null;
}

/** A slot that has no executor goes by `slot 3`: there is nothing to restart, to remove or to read. */
export function hasExecutor({ id }: Pick<ExecutorSnapshot, "id">): boolean {
  return !id.startsWith("slot ");
}

/** On its way back from a death; one that came back is like any other. */
export function isRetrying({ tries, state }: ExecutorSnapshot): boolean {
  return tries > 1 && (state === "requested" || state === "starting" || state === "lost" || state === "failed");
}

/** No more news is to be expected from the cluster. */
export function hasEnded(state: ClusterState): boolean {
  return state === "stopped" || state === "failed";
}
