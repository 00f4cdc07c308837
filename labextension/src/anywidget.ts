// The anywidget adapter: the wire protocol over the widget's custom messages.
import { Client, insertAround, mount, type ViewMessage } from "./core";

interface Model {
  get(name: string): unknown;
  send(message: ViewMessage): void;
  on(event: string, callback: (message?: unknown) => void): void;
  off(event: string, callback: (message?: unknown) => void): void;
}

/**
 * The kernel displays a static copy beside the live panel, for places where no widget runs
 * (exports, code hosts, a notebook reopened without its kernel). It is hidden exactly as long
 * as a live view of the same panel is on the page.
 */
function hideStaticCopy(id: unknown): HTMLElement | null {
  if (typeof id !== "string" || !/^[0-9a-f]{8,64}$/.test(id)) return null;
  const style = document.createElement("style");
  const copy = `.raydp-static-${id}`;
  style.textContent = `${copy},.jp-OutputArea-child:has(${copy}){display:none!important}`;
  return style;
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const style = hideStaticCopy(model.get("panel_id"));
  if (style) el.append(style);
  const client = new Client(
    {
      send: (message) => model.send(message),
      onMessage(listener) {
        model.on("msg:custom", listener);
        return () => model.off("msg:custom", listener);
      },
    },
    model.get("snapshot"),
  );
  // ipywidgets says with these that the kernel restarted or let go of the widget. It says
  // the same when a connection comes back; then the kernel answers, and that takes it back.
  const lost = () => {
    client.gone("The kernel has ended or was restarted");
    client.start();
  };
  model.on("comm_live_update", lost);
  model.on("comm:close", lost);
  const insertMagic = insertAround(el);
  const unmount = mount(el, client, insertMagic ? { insertMagic } : {});
  client.start();
  return () => {
    model.off("comm_live_update", lost);
    model.off("comm:close", lost);
    unmount();
    client.dispose();
    style?.remove();
  };
}

export default { render };
