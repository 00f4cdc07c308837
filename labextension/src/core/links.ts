import { hasEnded, type Snapshot } from "../snapshot";
import { h, setAttribute, setTextOrHide, show, type View } from "./dom";
import { webAddress } from "./format";

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

/** Where to read on, what runs here, and what to type. */
export function links(): View<Snapshot> {
  const spark = link("Spark UI");
  const ray = link("Ray dashboard");
  const versions = h("span", { class: "raydp-versions" });
  const commands = h(
    "span",
    { class: "raydp-commands" },
    "Stop: ",
    h("code", {}, "%raydp_cluster stop"),
    " Scale: ",
    h("code", {}, "%raydp_cluster scale 3"),
  );
  const el = h("footer", { class: "raydp-footer" }, spark.el, ray.el, commands, versions);
  return {
    el,
    update(snapshot) {
      // The pages go away with the cluster; a dead link helps nobody.
      const ended = hasEnded(snapshot.state);
      spark.update(ended ? null : webAddress(snapshot.spark_ui_url));
      ray.update(ended ? null : webAddress(snapshot.ray_dashboard_url));
      const parts = Object.entries(snapshot.versions).map(([name, version]) => `${name} ${version}`);
      setTextOrHide(versions, parts.join(" · "));
      show(commands, !ended);
    },
  };
}
