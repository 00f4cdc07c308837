"""JupyterLab and a headless Chromium, both real."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from playwright.sync_api import TimeoutError  # noqa: A004 - Playwright's own

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
BASE_URL = "/user/ann"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items):
    for item in items:
        if "/ui/" in str(item.path):
            item.add_marker(pytest.mark.timeout(420))


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A JupyterLab on a folder of its own, below a base URL as JupyterHub's are; yields (url, folder)."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = dict(os.environ) | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += [
        "--IdentityProvider.token=t",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.base_url={BASE_URL}/",
        f"--notebook-dir={folder}",
    ]
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder)
    url = f"http://127.0.0.1:{port}{BASE_URL}"
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"{url}/api/status?token=t", timeout=2)
                break
            except OSError:
                assert server.poll() is None, (folder / "lab.log").read_text()[-3000:]
                assert time.monotonic() < deadline, "JupyterLab did not come up"
                time.sleep(0.3)
        yield url, folder
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    assert program, "no Chromium: `make test-ui` installs one"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


class Notebook:
    """A notebook open in JupyterLab or Notebook 7."""

    def __init__(self, page, path):
        self.page = page
        self.path = path

    def cell(self, number):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def run(self, number):
        """Run one cell that has not run, and leave at once."""
        prompt = self.cell(number).locator(".jp-InputPrompt")
        for _ in range(10):  # JupyterLab drops the keys while it still connects to the kernel
            self.cell(number).locator(".jp-InputArea-editor").click()
            self.page.keyboard.press("Control+Enter")
            try:
                self.page.wait_for_function(
                    "e => !/\\[ \\]/.test(e.textContent)",
                    arg=prompt.element_handle(),
                    timeout=5_000,
                )
            except TimeoutError:
                continue
            return
        raise AssertionError(f"cell {number} does not run")

    def wait_done(self, number, seconds=120):
        """Until the cell's prompt shows a number: it has run."""
        prompt = self.cell(number).locator(".jp-InputPrompt")
        try:
            self.page.wait_for_function(
                "e => /\\[\\d+\\]/.test(e.textContent)",
                arg=prompt.element_handle(),
                timeout=seconds * 1000,
            )
        except Exception:
            self.picture("failure")
            raise

    def says(self, number, text, seconds=15):
        """Until the cell's output holds a text, in sight or not: `inner_text` of a cell that is
        scrolled away is empty."""
        output = self.cell(number).locator(".jp-Cell-outputArea").filter(has_text=text)
        try:
            output.wait_for(state="attached", timeout=seconds * 1000)
        except TimeoutError:
            self.picture("failure")
            raise

    def picture(self, name, page=None):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        (page or self.page).screenshot(path=str(SCREENSHOTS / f"{name}.png"))

    def save(self):
        self.page.locator(".jp-Toolbar [data-command='docmanager:save']").first.click()
        self.page.locator(".lm-TabBar-tab.jp-mod-current:not(.jp-mod-dirty)").first.wait_for()

    def command(self, label):
        """Run a command of the palette."""
        field = self.page.locator(".lm-CommandPalette-input")
        item = self.page.locator(".lm-CommandPalette-item.lm-mod-active").filter(has_text=label)
        for _ in range(10):  # a page that still starts takes the focus, which closes the palette
            try:
                if not field.is_visible():
                    self.page.keyboard.press("Control+Shift+C")
                field.fill(label, timeout=3_000)
                item.wait_for(timeout=3_000)
                field.press("Enter", timeout=3_000)
            except TimeoutError:
                continue
            return
        raise AssertionError(f"no command {label!r}")

    def violations(self, selector):
        """What axe finds in a part of the page: accessible names, roles, contrast."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text())  # a page's own policy may refuse a script tag
        found = self.page.evaluate(
            "selector => axe.run(selector, {rules: {region: {enabled: false}}})", selector
        )
        return [
            f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]


@pytest.fixture
def open_notebook(lab, browser, request):
    """Open cells as a notebook: open_notebook(cells, theme=...)."""
    import nbformat

    url, folder = lab
    pages = []

    def open_(
        cells, *, name="work", theme="JupyterLab Light", width=1280, app="lab/tree", refused=None
    ):
        path = folder / f"{name}.ipynb"
        if cells is not None:  # else the notebook is there, in another tab too
            book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
            book.metadata["kernelspec"] = {
                "name": "python3",
                "display_name": "Python 3",
                "language": "python",
            }
            nbformat.write(book, path)
        settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
        page = browser.new_page(viewport={"width": width, "height": 1000})
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("request", lambda request: page.problems.extend(foreign(request.url)))
        if refused is not None:
            page.route(refused, lambda route: route.abort())
        pages.append(page)
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"{url}/{app}/{name}.ipynb?token=t&reset")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        idle = page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")
        idle.first.wait_for(state="attached", timeout=60_000)  # a narrow toolbar folds it away
        if app == "lab/tree":
            page.keyboard.press("Control+b")  # the file browser takes a third of a narrow window
        return Notebook(page, path)

    yield open_
    for number, page in enumerate(pages):
        if not page.is_closed():
            page.screenshot(path=SCREENSHOTS / f"end-of-{request.node.name}-{number}.png")
            page.close()
    request = urllib.request.Request(f"{url}/api/kernels", headers={"Authorization": "token t"})
    for kernel in json.load(urllib.request.urlopen(request)):
        end_kernel(f"{url}/api/kernels/{kernel['id']}")


def foreign(url):
    """The address, when a page asks another machine than this for it."""
    parts = urllib.parse.urlsplit(url)
    return [url] if parts.hostname not in (None, "127.0.0.1") else []


def end_kernel(url):
    request = urllib.request.Request(url, method="DELETE", headers={"Authorization": "token t"})
    for _ in range(20):
        try:
            urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return
            time.sleep(0.5)  # one that still starts cannot be ended
        else:
            return
    raise AssertionError(f"{url} does not end")
