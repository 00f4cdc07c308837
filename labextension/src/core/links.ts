import { hasEnded } from "../snapshot";
import { button, h, setAttribute, setTextOrHide, show, type View } from "./dom";
import { webAddress } from "./format";
import type { Frame, Room } from "./room";

const PROXIED = /^proxy:((?:[\w.-]+:)?\d{1,5})(\/[\w\-./~%?=&#:@!,;+]*)?$/;

/** Addresses as this page can open them: `proxy:PORT/path` and `proxy:HOST:PORT/path` go through jupyter-server-proxy. */
export function resolveWith(baseUrl: string): (url: string) => string | null {
  const base = baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`;
  return (url) => {
    const proxied = PROXIED.exec(url);
    return proxied ? `${base}proxy/${proxied[1]}${proxied[2] ?? "/"}` : webAddress(url);
  };
}

/** The Jupyter server's base address as its pages tell it, "/" elsewhere. */
export function pageBaseUrl(): string {
  try {
    const config = document.getElementById("jupyter-config-data")?.textContent;
    const base = config ? (JSON.parse(config) as Record<string, unknown>)["baseUrl"] : document.body.dataset["baseUrl"];
    return typeof base === "string" && base.startsWith("/") && !base.startsWith("//") ? base : "/";
  } catch {
    return "/";
  }
}

function link(title: string): View<string | null> {
  const el = h("a", { target: "_blank", rel: "noopener noreferrer", hidden: "" }, title);
  return {
    el,
    update(url) {
      setAttribute(el, "href", url);
      show(el, url !== null);
    },
  };
}

/** Where to read on, and what runs here. */
export function links(room: Room): View<Frame> {
  const spark = link("Spark UI");
  const ray = link("Ray dashboard");
  const log = button("driver log", (from) => room.openLogs("driver", from));
  const versions = h("span", { class: "raydp-versions" });
  const el = h("div", { class: "raydp-footer" }, spark.el, ray.el, log, versions);
  const address = (url: string | null | undefined) => (url ? room.resolveUrl(url) : null);
  return {
    el,
    update({ snapshot, actions }) {
      // The pages go away with the cluster; a dead link helps nobody.
      const ended = hasEnded(snapshot.state);
      spark.update(ended ? null : address(snapshot.links?.spark_ui));
      ray.update(ended ? null : address(snapshot.links?.ray_dashboard));
      show(log, actions.has("logs"));
      const parts = Object.entries(snapshot.versions).map(([name, version]) => `${name} ${version}`);
      setTextOrHide(versions, parts.join(" · "));
    },
  };
}
