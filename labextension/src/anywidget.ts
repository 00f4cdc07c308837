// The anywidget adapter: the widget's `snapshot` traitlet is the store.
import { mount } from "./core/mount";

interface Model {
  get(name: string): unknown;
  on(event: string, callback: () => void): void;
  off(event: string, callback: () => void): void;
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
  const unmount = mount(el, {
    get: () => model.get("snapshot"),
    subscribe(changed) {
      model.on("change:snapshot", changed);
      return () => model.off("change:snapshot", changed);
    },
  });
  return () => {
    unmount();
    style?.remove();
  };
}

export default { render };
