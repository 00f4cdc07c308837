"""Take pictures of the built panel with each fixture, to be looked at.

    python tests/panel_pictures.py BUNDLE FIXTURES PICTURES [NAME ...]

BUNDLE holds panel.js and panel.css (`PANEL_OUTDIR=... npm run build`), FIXTURES the snapshots.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

SIZES = {"wide": 1240, "middle": 900, "narrow": 480}
PAGE = """<!doctype html><html theme="{theme}"><meta charset="utf-8">
<style>body {{ margin: 12px; background: {back} }}</style><style>{css}</style>
<div id="here"></div>
<script type="module">{js}</script></html>"""
GLUE = """
const heard = new Map();
window.asked = [];
const tell = (message) => (heard.get("msg:custom") ?? []).forEach((call) => call(message));
window.tell = tell;
const model = {
  get: (name) => (name === "panel_id" ? "0123456789abcdef" : {}),
  on: (name, call) => heard.set(name, [...(heard.get(name) ?? []), call]),
  off: () => undefined,
  send(message) {
    window.asked.push(message);
    if (message.type === "hello") tell(FIRST);
    else if (message.type === "ask") setTimeout(() => tell({ type: "answer", id: message.id, ...answer(message) }), 20);
  },
};
function answer({ do: what, with: details }) {
  if (what === "fit") return { ok: true, value: { fits: details.executors < 5, text: details.executors < 5 ? "Fits: 4 of 8 CPUs are free" : "Too big: 3 CPUs are free" } };
  if (what === "logs") {
    const lines = details.after === null ? Array.from({ length: 120 }, (_, i) => `26/01/01 12:00:${i % 60} INFO Executor: Running task ${i}.0 in stage 3.0 <b>x</b>`) : [];
    return { ok: true, value: { lines, next: 9000 } };
  }
  if (what === "restart") return { ok: false, error: "Executor 1 is not there any more", hint: "wait for its replacement" };
  return { ok: true, value: null };
}
panel.render({ model, el: document.getElementById("here") });
"""


def page_for(bundle: Path, snapshot: dict[str, object], theme: str) -> str:
    """Write a page that shows one snapshot."""
    module = (bundle / "panel.js").read_text()
    # The bundle's last statement exports its default; here it becomes a variable.
    start = module.rindex("export{")
    name = module[start:].split("{")[1].split(" as ")[0]
    first = snapshot if "type" in snapshot else {"type": "snapshot", "seq": 1, "snapshot": snapshot}
    text = json.dumps(first).replace("</", "<\\/")
    script = f"{module[:start]}\nconst panel = {name};\nconst FIRST = {text};\n{GLUE}"
    return PAGE.format(
        theme=theme,
        back="#16191d" if theme == "dark" else "#fff",
        css=(bundle / "panel.css").read_text(),
        js=script,
    )


def shoot(page: Page, bundle: Path, fixture: Path, pictures: Path) -> None:
    """Take the pictures of one fixture."""

    snapshot = json.loads(fixture.read_text())
    if "taken_at" in snapshot:
        shift = time.time() - snapshot["taken_at"]
        snapshot = moved(snapshot, shift)
    for theme in ("light", "dark"):
        for size, width in SIZES.items():
            if theme == "dark" and size == "middle":
                continue
            page.set_viewport_size({"width": width, "height": 900})
            page.set_content(page_for(bundle, snapshot, theme))
            page.wait_for_selector(".raydp-panel")
            page.wait_for_timeout(200)
            page.screenshot(path=pictures / f"{fixture.stem}-{theme}-{size}.png", full_page=True)


def moved(value: object, shift: float) -> object:
    """Move all times by `shift` seconds."""
    if isinstance(value, list):
        return [moved(item, shift) for item in value]
    if isinstance(value, dict):
        return {
            key: item + shift
            if key.endswith("_at") and isinstance(item, (int, float))
            else moved(item, shift)
            for key, item in value.items()
        }
    return value


def main() -> None:
    """Take all pictures."""
    bundle, fixtures, pictures = (Path(arg) for arg in sys.argv[1:4])
    names = sys.argv[4:] or sorted(path.stem for path in fixtures.glob("*.json"))
    pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox"],
        )
        page = browser.new_page()
        page.on("pageerror", lambda error: print("page error:", error))
        page.on("console", lambda line: line.type == "error" and print("console:", line.text))
        for name in names:
            shoot(page, bundle, fixtures / f"{name}.json", pictures)
        browser.close()


if __name__ == "__main__":
    main()
