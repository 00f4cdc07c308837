"""The JupyterLab extension: sidebar, status bar, commands, SQL colours; also in Notebook 7."""

import re

SQL = "%%raydp_sql -o fares\nSELECT id, 'x' AS note -- one\nFROM range(5)"
HOLD = "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.1)"
CELLS = [
    "%load_ext raydp_magic",
    "%raydp_cluster start --executors 1 --memory 512m",
    HOLD,
    SQL,
]


def text_of(page, selector, pattern, seconds=30):
    """Wait until the text of the element matches."""
    page.wait_for_function(
        "([selector, pattern]) => [...document.querySelectorAll(selector)]"
        ".some(e => new RegExp(pattern).test(e.innerText))",
        arg=[selector, pattern],
        timeout=seconds * 1000,
    )


def colours(page, number):
    """The classes of the highlighted parts of a cell: {text: class}."""
    return page.evaluate(
        "n => Object.fromEntries([...document.querySelectorAll('.jp-Notebook .jp-Cell')[n]"
        ".querySelectorAll('.cm-line span')].map(e => [e.textContent, e.className]))",
        number,
    )


def test_the_sidebar_follows_a_cluster(open_notebook, lab):
    book = open_notebook(CELLS, name="side")
    page = book.page
    book.command("Show Spark on Ray")
    sidebar = page.locator("#raydp-magic-sidebar")
    sidebar.wait_for()
    text_of(page, "#raydp-magic-sidebar", "not loaded in this kernel")
    assert "side.ipynb" in sidebar.inner_text()
    assert not book.violations("#raydp-magic-sidebar")
    book.picture("sidebar-not-loaded")

    book.run(0)
    text_of(page, "#raydp-magic-sidebar", "Spark is not running in this kernel")
    book.picture("sidebar-no-cluster")
    assert not book.violations("#raydp-magic-sidebar")

    book.run(1)
    text_of(page, "#raydp-magic-sidebar .raydp-lab-summary", "starting")
    book.wait_done(1)
    text_of(page, ".raydp-lab-status", r"^1 executor - \d+/\d+ cores")
    text_of(page, "#raydp-magic-sidebar .raydp-lab-summary", "1 executor - ")
    book.picture("sidebar-running")
    assert not book.violations("#raydp-magic-sidebar")
    assert not book.violations(".raydp-lab-status")

    # The kernel is busy with a cell; the action does not wait for it.
    book.run(2)
    sidebar.get_by_role("button", name=re.compile("one more executor|Add", re.IGNORECASE)).first.click()
    text_of(page, ".raydp-lab-status", "^2 executors", seconds=60)
    assert "[*]" in book.cell(2).locator(".jp-InputPrompt").inner_text()
    book.picture("sidebar-scaled-while-a-cell-runs")

    # A second tab is another view of the same kernel, here Notebook 7.
    second = open_notebook(None, name="side", app="notebooks", width=1100)
    second.command("Show Spark on Ray")
    text_of(second.page, "#raydp-magic-sidebar", r"2/2 executors", seconds=30)
    assert second.page.locator(".raydp-lab-status").count() == 0
    assert "keyword" in colours(second.page, 3)["SELECT"]
    second.picture("sidebar-notebook7")
    assert not second.violations("#raydp-magic-sidebar")
    assert not second.page.problems
    second.page.close()
    (lab[1] / "go").touch()
    book.wait_done(2)

    # Hidden and shown again from the status bar.
    page.locator(".raydp-lab-status button").click()
    sidebar.wait_for(state="visible")
    page.keyboard.press("Escape")

    book.command("Restart Kernel")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    text_of(page, "#raydp-magic-sidebar", "The kernel was restarted")
    text_of(page, ".raydp-lab-status", "^ended")
    book.picture("sidebar-restarted")
    assert not book.violations("#raydp-magic-sidebar")
    book.run(0)
    text_of(page, "#raydp-magic-sidebar", "Spark is not running in this kernel")
    assert not page.problems
