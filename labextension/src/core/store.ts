// Where the panel gets its data: an adapter (anywidget, a JupyterLab comm, a test) implements it.

export interface Store {
  /** The newest wire record, `{}` before the first. */
  get(): unknown;
  /** Call back after each change; returns how to stop. */
  subscribe(changed: () => void): () => void;
}
