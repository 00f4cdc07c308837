"""What a person sees in JupyterLab: the start, a table, a mistake, the live panel."""

import json
import re
from pathlib import Path

import nbformat

from raydp_magic.monitoring.snapshot import from_json
from raydp_magic.notebook.train_view import render_html as training_html
from raydp_magic.panel.static_html import render_html as panel_html
from raydp_magic.train.runs import Run

SNAPSHOTS = Path(__file__).parents[1] / "fixtures" / "snapshots"

CELLS = [
    "%load_ext raydp_magic",
    "%raydp_cluster start --executors 1",
    "%%raydp_sql\nSELECT id, id * 1.5 AS fare, CASE WHEN id % 3 > 0 THEN '<script>alert(1)</script>' END AS note FROM range(100)",
    "%raydp_cluster panel",
    "%%raydp_sql\nSELECT colour FROM range(3)",
    "spark.range(8).repartition(8).rdd.map(lambda r: __import__('time').sleep(2)).count()",
    "%raydp_cluster stop",
]


def test_the_main_job_in_jupyterlab(open_notebook):
    book = open_notebook(CELLS)
    page = book.page
    book.run(0)
    book.wait_done(0)
    book.run(1)
    book.wait_done(1)
    assert re.search(r"is ready: 1 executor", book.cell(1).inner_text())

    book.run(2)
    book.wait_done(2)
    table = book.cell(2).locator("table").last
    assert table.locator("tbody tr").count() == 20
    assert "showing the first 20 rows" in book.cell(2).inner_text()
    assert "<script>alert(1)</script>" in table.inner_text()
    book.picture("table-light")

    book.run(3)
    panel = book.cell(3).locator(".raydp-panel, [class*=raydp]").first
    panel.wait_for(timeout=30_000)
    page.wait_for_function(
        "() => document.body.innerText.includes('1/1 executors')", timeout=30_000
    )
    panel.scroll_into_view_if_needed()
    book.picture("panel-light")

    book.run(4)
    book.wait_done(4)
    failure = book.cell(4).inner_text()
    assert "colour" in failure
    assert "Traceback" not in failure
    book.picture("mistake-light")

    book.run(5)  # the panel lives while a cell runs
    page.wait_for_function(
        "() => /[0-9]+ \\/ [0-9]+ tasks/.test(document.body.innerText)", timeout=30_000
    )
    panel.scroll_into_view_if_needed()
    book.picture("panel-while-a-cell-runs")
    book.wait_done(5)

    book.run(6)
    book.wait_done(6)
    page.wait_for_function(
        "() => /has stopped|stopped/.test(document.body.innerText)", timeout=30_000
    )
    panel_cell = book.cell(3)
    panel_cell.scroll_into_view_if_needed()
    book.picture("panel-after-stop")
    ended = panel_cell.inner_text()
    assert "ended" in ended
    assert "1/1 executors" not in ended
    book.save()
    page.wait_for_timeout(1000)
    saved = json.loads(book.path.read_text())
    outputs = json.dumps(saved["cells"][3]["outputs"])
    assert "stopped" in outputs
    assert "text/html" in outputs
    assert not page.problems


WIDE = "%%raydp_sql\nSELECT " + ", ".join(f"{n} AS a_long_name_{n}" for n in range(3000))
DARK = [
    *CELLS[:4],
    WIDE,
    CELLS[4],
    "sc = spark.sparkContext",
    "sc.parallelize(range(4), 4).map(lambda i: __import__('time').sleep(4)).count()",
]


def test_results_and_panel_in_the_dark_and_narrow(open_notebook):
    """Another cluster's life; it ends by a restart of the kernel."""
    book = open_notebook(DARK, name="dark", theme="JupyterLab Dark", width=700)
    page = book.page
    for number in range(4):
        book.run(number)
        book.wait_done(number)
    page.wait_for_function(
        "() => document.body.innerText.includes('1/1 executors')", timeout=30_000
    )
    book.cell(3).scroll_into_view_if_needed()
    book.picture("panel-dark-narrow")
    readable(book, 3)

    book.cell(2).get_by_text("Query plan").click()
    book.says(2, "== Physical Plan ==")
    book.picture("table-dark")
    readable(book, 2)

    book.run(4)
    book.wait_done(4, 60)
    table = book.cell(4).locator("table").last
    assert table.evaluate("e => e.parentElement.scrollWidth > e.parentElement.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "only the table"
    assert page.evaluate("document.getElementsByTagName('*').length") < 20_000
    readable(book, 4)
    book.run(5)
    book.wait_done(5)
    readable(book, 5)

    book.run(6)
    book.run(7)
    book.cell(7).get_by_role("progressbar").first.wait_for(timeout=30_000)
    readable(book, 7)
    book.picture("progress-dark")
    book.command("Restart Kernel…")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    book.cell(3).scroll_into_view_if_needed()
    book.says(3, "The kernel has ended or was restarted", 60)
    readable(book, 3)
    book.picture("panel-dark-after-restart")
    assert not page.problems


def readable(book, number):
    book.cell(number).scroll_into_view_if_needed()
    assert not book.violations(f".jp-Notebook .jp-Cell:nth-of-type({number + 1}) .jp-OutputArea")


def test_a_notebook_that_is_not_trusted_shows_its_drawings(open_notebook, lab):
    """Made elsewhere: JupyterLab takes out what it does not know."""
    now = from_json(json.loads((SNAPSHOTS / "timeline.json").read_text()))
    points = tuple({"epoch": n, "train_loss": 1.0 / n} for n in (1, 2, 3))
    run = Run("r", "TorchEstimator", "epoch", 3, 2, 1, 0.0, "done", ended_at=60.0, points=points)
    cells = []
    for html in (panel_html(now), training_html(run, 60.0)):
        output = nbformat.v4.new_output("display_data", {"text/html": html, "text/plain": "x"})
        cells.append(nbformat.v4.new_code_cell("1", outputs=[output]))
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, lab[1] / "foreign.ipynb")
    book = open_notebook(None, name="foreign")
    page = book.page
    page.wait_for_function(
        "() => { const all = [...document.querySelectorAll('.jp-RenderedHTML img')];"
        " return all.length === 3 && all.every(i => i.complete && i.naturalWidth > 0); }"
    )
    shown = page.evaluate(
        "() => [...document.querySelectorAll('.jp-RenderedHTML img')].map(i => i.clientWidth)"
    )
    assert min(shown[:2]) > 300
    text = book.cell(0).inner_text() + book.cell(1).inner_text()
    assert "TorchEstimator: 3 epochs" in text
    assert " min ago" not in text
    assert page.locator(".jp-RenderedHTML svg").count() == 0
    assert not book.violations(".jp-RenderedHTML")
    book.picture("not-trusted")
    assert page.problems == []


def test_the_panel_needs_no_extension_of_the_page(open_notebook):
    """As in VS Code and Colab: a widget alone, and nothing that the page would have to fetch."""
    cells = ["%load_ext raydp_magic\n%raydp_cluster panel"]
    book = open_notebook(cells, refused=re.compile("/extensions/raydp-magic/"))
    book.run(0)
    panel = book.cell(0).locator(".raydp-panel")
    panel.get_by_role("button", name="Start", exact=True).wait_for(timeout=60_000)
    assert book.page.locator("#raydp-magic-sidebar").count() == 0
    # JupyterLab itself minds the extension that it was told of and could not get.
    assert [one for one in book.page.problems if one.startswith("http")] == []
    book.picture("panel-alone")
