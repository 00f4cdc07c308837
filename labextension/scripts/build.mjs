// Bundles the anywidget adapter and its stylesheet into the Python package.
import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const outdir = resolve(process.env.PANEL_OUTDIR ?? join(here, "../raydp_magic/panel/static"));

await build({
  absWorkingDir: here,
  entryPoints: { panel: "src/anywidget.ts" },
  outdir,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
});
await build({
  absWorkingDir: here,
  entryPoints: { panel: "src/panel.css" },
  outdir,
  bundle: true,
  minify: true,
  // Lowering would rewrite the newer selectors; every browser that runs the bundle knows them.
  target: "es2022",
});
for (const name of ["panel.js", "panel.css"]) {
  const bytes = readFileSync(join(outdir, name));
  console.log(`${name}: ${bytes.length} bytes, ${gzipSync(bytes).length} gzipped`);
}
