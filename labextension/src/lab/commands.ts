// What the command palette offers.
import { Dialog, showDialog, showErrorMessage } from "@jupyterlab/apputils";
import type { CommandRegistry } from "@lumino/commands";
import { AskError } from "../core";
import type { Cluster, Clusters } from "./clusters";

export const SHOW = "raydp-magic:show";

export interface Doing {
  clusters: Clusters;
  show(): void;
  insert(cluster: Cluster, text: string): void;
}

/** Add the commands; returns their ids in the palette's order. */
export function addCommands(commands: CommandRegistry, { clusters, show, insert }: Doing): string[] {
  const inserting = (label: string, text: string): CommandRegistry.ICommandOptions => ({
    label,
    isEnabled: () => clusters.current !== null,
    execute: () => {
      if (clusters.current) insert(clusters.current, text);
    },
    describedBy: { args: NO_ARGUMENTS },
  });
  const all: Record<string, CommandRegistry.ICommandOptions> = {
    [SHOW]: { label: "Show Spark on Ray", caption: "The clusters of the open notebooks", execute: show, describedBy: { args: NO_ARGUMENTS } },
    "raydp-magic:insert-start": inserting("Insert a Cell That Starts a Cluster", "%load_ext raydp_magic\n%raydp_cluster start"),
    "raydp-magic:insert-panel": inserting("Insert the Live Panel", "%raydp_cluster panel"),
    "raydp-magic:stop": {
      label: "Stop the Notebook's Cluster…",
      isEnabled: () => canStop(clusters.current),
      execute: () => stop(clusters.current),
      describedBy: { args: NO_ARGUMENTS },
    },
    "raydp-magic:refresh": {
      label: "Look for Clusters Again",
      caption: "Ask the kernel of every open notebook for its cluster",
      execute: () => clusters.refresh(),
      describedBy: { args: NO_ARGUMENTS },
    },
  };
  for (const [id, options] of Object.entries(all)) commands.addCommand(id, options);
  // News come every second; menus and palettes are drawn again only when a command comes or goes.
  let before = "";
  clusters.changed.connect(() => {
    const now = JSON.stringify([clusters.current !== null, canStop(clusters.current)]);
    if (now !== before) commands.notifyCommandChanged();
    before = now;
  });
  return Object.keys(all);
}

const NO_ARGUMENTS = { type: "object", properties: {} } as const;

function canStop(cluster: Cluster | null): boolean {
  const reading = cluster?.link.store.get();
  return reading?.kind === "snapshot" && reading.gone === null && reading.snapshot.actions.includes("stop");
}

async function stop(cluster: Cluster | null): Promise<void> {
  const store = cluster?.link.store;
  if (!store?.ask) return;
  const { button } = await showDialog({
    title: "Stop the cluster?",
    body: "Running jobs end. What the bridge has put into Ray stays.",
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: "Stop" })],
  });
  if (!button.accept) return;
  try {
    await store.ask("stop", {});
  } catch (error) {
    const hint = error instanceof AskError && error.hint ? ` ${error.hint}` : "";
    await showErrorMessage("The cluster was not stopped", `${String((error as Error).message)}${hint}`);
  }
}
