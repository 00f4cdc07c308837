// The JupyterLab extension's plugins.
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette } from "@jupyterlab/apputils";
import { EditorExtensionRegistry, IEditorExtensionRegistry } from "@jupyterlab/codemirror";
import { PageConfig } from "@jupyterlab/coreutils";
import { INotebookTracker } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { IStatusBar } from "@jupyterlab/statusbar";
import { grantInsertions, resolveWith } from "../core";
import { Clusters, type Cluster } from "./clusters";
import { addCommands, SHOW } from "./commands";
import { icon } from "./icon";
import { insertBelow } from "./insert";
import { Sidebar } from "./sidebar";
import { sqlCells } from "./sql_language";
import { StatusItem } from "./status_item";

const ID = "raydp-magic:plugin";

function activate(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  palette: ICommandPalette | null,
  settings: ISettingRegistry | null,
  statusBar: IStatusBar | null,
  restorer: ILayoutRestorer | null,
): void {
  const clusters = new Clusters(tracker);
  const insert = ({ panels: [panel] }: Cluster, text: string) => {
    if (!panel) return;
    app.shell.activateById(panel.id);
    insertBelow(panel, text);
  };
  grantInsertions((near, text) => {
    const panel = tracker.find(({ node }) => node.contains(near));
    if (panel) insertBelow(panel, text);
  });
  const sidebar = new Sidebar({ clusters, insert, resolveUrl: resolveWith(PageConfig.getBaseUrl()) });
  sidebar.title.icon = icon;
  sidebar.title.caption = "Spark on Ray";
  // Notebook 7 lists its sidebars' widgets by their labels; JupyterLab shows the icon only.
  if (app.name !== "JupyterLab") sidebar.title.label = "Spark on Ray";
  app.shell.add(sidebar, "right", { rank: 900, type: "Spark on Ray" });
  restorer?.add(sidebar, sidebar.id);

  const show = () => app.shell.activateById(sidebar.id);
  for (const command of addCommands(app.commands, { clusters, show, insert })) {
    palette?.addItem({ command, category: "Spark on Ray" });
  }

  const item = statusBar ? new StatusItem(clusters, () => void app.commands.execute(SHOW)) : null;
  if (statusBar && item) {
    statusBar.registerStatusItem("raydp-magic:status", {
      item,
      align: "left",
      rank: 20,
      isActive: () => item.active,
      activeStateChanged: item.activity,
    });
  }
  void settings?.load(ID).then((loaded) => {
    const take = () => {
      item?.setOn(loaded.composite["showStatusItem"] !== false);
      clusters.setFollow(loaded.composite["followNotebook"] !== false);
    };
    take();
    loaded.changed.connect(take);
  });
}

const clusters: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: "The Spark on Ray sidebar, its status bar item and commands.",
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, ISettingRegistry, IStatusBar, ILayoutRestorer],
  activate,
};

const sql: JupyterFrontEndPlugin<void> = {
  id: "raydp-magic:sql",
  description: "SQL colours in %%raydp_sql cells.",
  autoStart: true,
  requires: [IEditorExtensionRegistry],
  activate: (_: JupyterFrontEnd, editors: IEditorExtensionRegistry) => {
    editors.addExtension({
      name: "raydp-magic:sql",
      // A cell's editor is inline, a file's is not.
      factory: ({ inline }) => (inline ? EditorExtensionRegistry.createImmutableExtension(sqlCells()) : null),
    });
  },
};

export default [clusters, sql];
