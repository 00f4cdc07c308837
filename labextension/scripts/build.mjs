// Bundles the anywidget adapter and its stylesheet into the Python package, and the JupyterLab
// extension into dist/, from where the wheel takes it to share/jupyter/labextensions.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const outdir = resolve(process.env.PANEL_OUTDIR ?? join(here, "../raydp_magic/panel/static"));

// Newer selectors and syntax stay as they are written: every browser that runs the bundles knows them.
const bundle = (options) =>
  build({ absWorkingDir: here, bundle: true, target: "es2022", charset: "utf8", ...options });

await bundle({
  entryPoints: { panel: "src/anywidget.ts" },
  outdir,
  minify: true,
  format: "esm",
  legalComments: "none",
});
await bundle({ entryPoints: { panel: "src/panel.css" }, outdir, minify: true });
for (const name of ["panel.js", "panel.css"]) {
  const bytes = readFileSync(join(outdir, name));
  console.log(`${name}: ${bytes.length} bytes, ${gzipSync(bytes).length} gzipped`);
}

// JupyterLab's own packages are there in the page; its builder finds the rest and shares them.
await bundle({
  entryPoints: { lab: "src/lab/index.ts" },
  outdir: join(here, "lib"),
  packages: "external",
  format: "esm",
});
await bundle({ entryPoints: { lab: "src/lab/lab.css" }, outdir: join(here, "lib") });
const { resolve: find } = createRequire(import.meta.url);
const built = spawnSync(
  process.execPath,
  [
    find("@jupyter/builder/lib/build-labextension.js"),
    "--core-package-file",
    find("@jupyterlab/core-meta/core.package.json"),
    here,
  ],
  { cwd: here, encoding: "utf8" },
);
if (built.status !== 0) {
  console.error(built.stdout, built.stderr);
  process.exit(1);
}
const parts = readdirSync(join(here, "dist/static")).filter((name) => name.endsWith(".js"));
const sizes = parts.map((name) => gzipSync(readFileSync(join(here, "dist/static", name))).length);
console.log(`JupyterLab extension: ${parts.length} files, ${sizes.reduce((sum, size) => sum + size, 0)} bytes gzipped`);
