"""The JupyterLab extension: sidebar, status bar, commands, SQL colours; also in Notebook 7."""

import re

SQL = "%%raydp_sql -o fares\nSELECT id, 'x' AS note -- one\nFROM range(5)"
HOLD = "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.1)"
CELLS = [
    "%load_ext raydp_magic",
    "%raydp_cluster start --executors 1 --memory 512m",
    HOLD,
    SQL,
    "%raydp_cluster panel",
    "spark.sparkContext.parallelize(range(4), 4).map(lambda i: __import__('time').sleep(1)).count()",
]


def text_of(page, selector, pattern, seconds=30):
    """Wait until the text of the element matches."""
    page.wait_for_function(
        "([selector, pattern]) => [...document.querySelectorAll(selector)]"
        ".some(e => new RegExp(pattern).test(e.innerText))",
        arg=[selector, pattern],
        timeout=seconds * 1000,
    )


COLOUR = """([number, text]) => {
    const cell = [...document.querySelectorAll('.jp-Notebook .jp-Cell')][number];
    const part = [...cell.querySelectorAll('.cm-line span')].find(e => e.textContent === text);
    return part?.className ?? null;
}"""


def colour(page, number, text):
    """The class of a highlighted part of a cell, waited for."""
    page.wait_for_function(COLOUR, arg=[number, text])
    return page.evaluate(COLOUR, [number, text])


# Notebook 7 itself says these on any page.
NOTEBOOKS_OWN = ("reading 'schema'", "filebrowser:open-path")


def test_the_sidebar_follows_a_cluster(open_notebook, lab):
    """One cluster's life, as starting it is what takes the time."""
    book = open_notebook(CELLS, name="side")
    start_and_watch(book)
    act_while_a_cell_runs(book)
    (lab[1] / "go").touch()
    book.wait_done(2)
    look_in_another_tab(book, open_notebook)
    open_by_the_status_bar_and_insert(book)
    restart(book)
    assert book.page.problems == []


def start_and_watch(book):
    page = book.page
    book.command("Show Spark on Ray")
    text_of(page, "#raydp-magic-sidebar", "not loaded in this kernel")
    text_of(page, ".raydp-lab-title", "side.ipynb")
    assert not book.violations("#raydp-magic-sidebar")

    book.run(0)
    text_of(page, "#raydp-magic-sidebar", "Spark is not running in this kernel")
    assert not book.violations("#raydp-magic-sidebar")
    book.picture("sidebar-no-cluster")

    book.run(1)
    text_of(page, ".raydp-lab-status", "^starting")
    book.picture("sidebar-starting")
    book.wait_done(1)
    text_of(page, ".raydp-lab-status", r"^1 executor - \d+/\d+ CPUs")
    text_of(page, ".raydp-lab-summary", "^1 executor - ")
    assert not book.violations("#raydp-magic-sidebar")
    assert not book.violations(".raydp-lab-status")
    book.picture("sidebar-running")


def act_while_a_cell_runs(book):
    page = book.page
    book.run(2)
    sidebar = page.locator("#raydp-magic-sidebar")
    sidebar.get_by_role("button", name="One executor more").click()
    text_of(page, ".raydp-lab-status", r"^2 executors", seconds=60)
    assert "[*]" in book.cell(2).locator(".jp-InputPrompt").inner_text()
    book.picture("sidebar-scaled-while-a-cell-runs")


def look_in_another_tab(book, open_notebook):
    """Another view of the same kernel: Notebook 7's, which has no status bar."""
    book.save()
    other = open_notebook(None, name="side", app="notebooks")
    other.command("Show Spark on Ray")
    text_of(other.page, "#raydp-magic-sidebar", "2/2 executors")
    assert other.page.locator(".raydp-lab-status").count() == 0
    assert not other.violations("#raydp-magic-sidebar")
    other.picture("sidebar-notebook7")
    assert colour(other.page, 3, "SELECT") != colour(other.page, 3, "'x'")
    other.run(4)
    other.cell(4).get_by_text("2/2 executors").first.wait_for(timeout=30_000)
    assert not other.violations(".jp-Notebook .raydp-panel")
    other.run(5)
    other.cell(5).get_by_role("progressbar").first.wait_for(timeout=30_000)
    other.wait_done(5)
    other.says(5, "Spark: 1 job, 4 tasks")
    other.picture("panel-notebook7")
    assert [
        one for one in other.page.problems if not any(own in one for own in NOTEBOOKS_OWN)
    ] == []
    other.page.close()


def open_by_the_status_bar_and_insert(book):
    page = book.page
    sidebar = page.locator("#raydp-magic-sidebar")
    page.keyboard.press("Control+j")  # JupyterLab's key for the right sidebar
    sidebar.wait_for(state="hidden")
    page.locator(".raydp-lab-status button").click()
    sidebar.wait_for()
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    sidebar.get_by_role("button", name="magics").click()
    sidebar.get_by_role("button", name=re.compile("^Insert %raydp_cluster scale")).first.click()
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells + 1
    assert "%raydp_cluster scale" in book.cell(3).inner_text()


def restart(book):
    page = book.page
    book.command("Restart Kernel…")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    text_of(page, "#raydp-magic-sidebar", "The kernel was restarted")
    text_of(page, ".raydp-lab-status", "^ended")
    assert not book.violations("#raydp-magic-sidebar")
    book.picture("sidebar-restarted")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", state="attached")
    book.cell(0).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    text_of(page, "#raydp-magic-sidebar", "Spark is not running in this kernel")


def test_sql_cells_have_the_colours_of_sql(open_notebook):
    book = open_notebook(
        [SQL, "%%raydp_spark -c sql\nSELECT 1", "%%raydp_spark\nFROM = 'SELECT'", "x"], name="sql"
    )
    page = book.page
    keyword = colour(page, 0, "SELECT")
    assert colour(page, 0, "FROM") == keyword
    parts = ("%%raydp_sql -o fares", "'x'", "-- one")
    assert len({keyword, *(colour(page, 0, part) for part in parts)}) == 4
    assert colour(page, 1, "SELECT") == keyword
    assert colour(page, 2, "'SELECT'") == colour(page, 0, "'x'")
    assert page.evaluate(COLOUR, [2, "FROM"]) is None

    # It comes with the typing, and goes.
    book.cell(3).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("%%raydp_sql\nSELECT 2")
    assert colour(page, 3, "SELECT") == keyword
    page.keyboard.press("Control+Home")
    page.keyboard.press("Delete")
    gone = f"arg => ({COLOUR})(arg) === null"
    page.wait_for_function(gone, arg=[3, "SELECT"])
    assert page.problems == []


def wait_for(name):
    """A cell's code that goes on once the test has written a file."""
    return HOLD.replace("'go'", f"'{name}'")


def test_the_list_follows_a_cluster_of_a_notebook_that_is_not_current(open_notebook, lab):
    steps = (wait_for("start"), CELLS[1], wait_for("grow"), "%raydp_cluster scale 2")
    steps += (wait_for("stop"), "%raydp_cluster stop")
    cells = [CELLS[0], "\n".join(steps)]
    open_notebook(["1"], name="reads").page.close()
    book = open_notebook(cells, name="works", width=1600)
    page = book.page
    book.command("Show Spark on Ray")
    book.run(0)
    find_row(page, "^no cluster")
    book.run(1)
    page.keyboard.press("Control+b")
    page.locator(".jp-DirListing-item:has-text('reads.ipynb')").dblclick()
    text_of(page, ".raydp-lab-notebook[aria-current]", "reads.ipynb")
    for file, expected in (
        ("start", "^1 executor - "),
        ("grow", "^2 executors - "),
        ("stop", "^(stopped|no cluster)"),
    ):
        (lab[1] / file).touch()
        find_row(page, expected)
        book.picture(f"sidebar-other-notebook-{file}")
    text_of(page, ".raydp-lab-notebook[aria-current]", "reads.ipynb")
    assert page.problems == []


def find_row(page, pattern):
    """Wait until the list says this of works.ipynb."""
    row = page.locator(".raydp-lab-notebook", has_text="works.ipynb")
    row.locator(".raydp-lab-summary", has_text=re.compile(pattern)).wait_for(timeout=60_000)


def test_the_list_in_the_dark_follows_the_notebook(open_notebook):
    open_notebook(["1"], name="first").page.close()
    book = open_notebook(["1"], name="second", theme="JupyterLab Dark", width=1000)
    page = book.page
    book.command("Show Spark on Ray")
    text_of(page, ".raydp-lab-notebook[aria-current]", "second.ipynb")
    page.keyboard.press("Control+b")
    page.locator(".jp-DirListing-item:has-text('first.ipynb')").dblclick()
    text_of(page, ".raydp-lab-notebook[aria-current]", "first.ipynb")
    assert page.locator(".raydp-lab-notebook").count() == 2
    assert not book.violations("#raydp-magic-sidebar")
    book.picture("sidebar-two-notebooks-dark")

    page.locator(".raydp-lab-notebook:has-text('second.ipynb')").click()
    text_of(page, ".raydp-lab-notebook[aria-current]", "second.ipynb")
    page.get_by_role("button", name="Insert %load_ext").click()
    inserted = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").nth(1)
    assert "%load_ext raydp_magic" in inserted.inner_text()

    tab = page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab:has-text('second.ipynb')")
    tab.locator(".lm-TabBar-tabCloseIcon").click()
    page.locator(".jp-Dialog .jp-mod-warn, .jp-Dialog .jp-mod-accept").first.click()
    page.wait_for_function("() => document.querySelectorAll('.raydp-lab-notebook').length === 1")
    assert page.problems == []
