// The core's public face: what an adapter needs, and nothing of Jupyter.
export type { Preset, Reading, Snapshot } from "../snapshot";
export { Client, type Transport, type ViewMessage } from "./client";
export { grantInsertions, insertAround } from "./insertion";
export { resolveWith } from "./links";
export { mount, type MountOptions } from "./mount";
export { status, type Status } from "./status";
export { AskError, recordStore, type Action, type Details, type Store } from "./store";
