import { hasEnded } from "../snapshot";
import { button, h, setAttribute, setTextOrHide, show, type View } from "./dom";
import { webAddress } from "./format";
import type { Frame, Room } from "./room";

const PROXIED = /^proxy:((?:[\w.-]+:)?\d{1,5})(\/[\w\-./~%?=&#:@!,;+]*)?$/;
const LOOPBACK = /^(.+\.)?localhost$|^127(\.\d+){3}$|^\[::1\]$/i;
/** The name of the JupyterLab extension that comes with it. */
const SERVER_PROXY = "@jupyterhub/jupyter-server-proxy";

/** What decides which addresses a page can open. */
export interface Page {
  /** It came from another machine: the kernel's loopback addresses mean nothing to its browser. */
  remote: boolean;
  /** Its server has jupyter-server-proxy. */
  proxy: boolean;
}

/**
 * Addresses as a page can open them, null for those it cannot: `proxy:PORT/path` and
 * `proxy:HOST:PORT/path` go through jupyter-server-proxy, and so does what only the kernel's
 * machine itself could open.
 */
export function resolveWith(baseUrl: string, page: Page = thisPage()): (url: string) => string | null {
  const base = baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`;
  return (url) => {
    const proxied = PROXIED.exec(url);
    if (proxied) return `${base}proxy/${proxied[1]}${proxied[2] ?? "/"}`;
    const address = webAddress(url);
    const parts = address !== null && page.remote ? parse(address) : null;
    if (!parts || !LOOPBACK.test(parts.hostname)) return address;
    if (!page.proxy || parts.protocol !== "http:") return null;
    return `${base}proxy/${parts.port || "80"}${parts.pathname}${parts.search}${parts.hash}`;
  };
}

function parse(url: string): URL | null {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

/** This page; one that is no web page (VS Code's) opens links by the editor, which knows better. */
export function thisPage(): Page {
  const { protocol, hostname } = location;
  const known = pageConfig()["federated_extensions"];
  const extensions = Array.isArray(known) ? (known as { name?: unknown }[]) : [];
  return {
    remote: /^https?:$/.test(protocol) && !LOOPBACK.test(hostname),
    proxy: extensions.some((one) => one?.name === SERVER_PROXY),
  };
}

/** What a Jupyter server tells its pages; nothing elsewhere. */
function pageConfig(): Record<string, unknown> {
  try {
    const config = document.getElementById("jupyter-config-data")?.textContent;
    return config ? (JSON.parse(config) as Record<string, unknown>) : { baseUrl: document.body.dataset["baseUrl"] };
  } catch {
    return {};
  }
}

/** The Jupyter server's base address as its pages tell it, "/" elsewhere. */
export function pageBaseUrl(): string {
  const base = pageConfig()["baseUrl"];
  return typeof base === "string" && base.startsWith("/") && !base.startsWith("//") ? base : "/";
}

interface Target {
  /** As the kernel sees it; null: there is none. */
  url: string | null;
  href: string | null;
}

const DEAD = "on the kernel's machine; with jupyter-server-proxy there and RAYDP_MAGIC_PROXY=1 it is a link";

/** A link, or the address as text where this page cannot open it. */
function link(title: string): View<Target> {
  const a = h("a", { target: "_blank", rel: "noopener noreferrer", hidden: "" }, title);
  const text = h("span", { hidden: "" });
  const el = h("span", { hidden: "" }, a, text);
  return {
    el,
    update({ url, href }) {
      const address = href === null ? webAddress(url) : null;
      setAttribute(a, "href", href);
      show(a, href !== null);
      setTextOrHide(text, address === null ? "" : `${title}: ${address} (${DEAD})`);
      show(el, href !== null || address !== null);
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
  const target = (url: string | null | undefined): Target => ({ url: url ?? null, href: url ? room.resolveUrl(url) : null });
  return {
    el,
    update({ snapshot, actions }) {
      // The pages go away with the cluster; a dead link helps nobody.
      const ended = hasEnded(snapshot.state);
      spark.update(target(ended ? null : snapshot.links?.spark_ui));
      ray.update(target(ended ? null : snapshot.links?.ray_dashboard));
      show(log, actions.has("logs"));
      const parts = Object.entries(snapshot.versions).map(([name, version]) => `${name} ${version}`);
      setTextOrHide(versions, parts.join(" · "));
    },
  };
}
