import { LabIcon } from "@jupyterlab/ui-components";

/** A spark between the points of a star: Spark on Ray. */
export const icon = new LabIcon({
  name: "raydp-magic:spark-on-ray",
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161"><path d="M13.2 3 6 13.6h4.6L9.4 21l8-11.2h-5z"/>
  <circle cx="4.2" cy="6" r="2.2"/><circle cx="19.8" cy="5" r="2.2"/><circle cx="4.2" cy="19" r="2.2"/><circle cx="19.8" cy="18" r="2.2"/></g></svg>`,
});
