"""A cell's panel in JupyterLab: progress and the stop button, actions while a cell runs, a reload."""

import re

SLOW = "sc.parallelize(range(4), 4).map(lambda i: __import__('time').sleep({seconds})).count()"
CELLS = [
    "%load_ext raydp_magic\n%raydp_cluster start --executors 1 --memory 512m\nsc = spark.sparkContext",
    "%raydp_cluster panel",
    SLOW.format(seconds=2),
    SLOW.format(seconds=600),
    SLOW.format(seconds=600),
    "print(sc.parallelize(range(10)).sum())",
    "import raydp_magic as rdm\nheld = rdm.to_ray(spark.range(1000))",
]


def test_what_a_person_does_with_a_panel(open_notebook, lab):
    """One cluster's life, as starting it is what takes the time."""
    book = open_notebook(CELLS, name="actions")
    book.run(0)
    book.wait_done(0)
    book.run(1)
    book.wait_done(1)
    book.page.get_by_text("1/1 executors").first.wait_for(timeout=30_000)
    assert not book.violations(".raydp-panel")
    progress_is_one_line_in_the_end(book)
    cancel_a_job(book)
    interrupt(book)
    read_a_log(book)
    release_an_entry(book)
    restart_an_executor(book)
    follow_the_links(book)
    keys_stay_in_the_panel(book)
    reload_with_the_status_item_off(book, lab)
    stop_in_the_panel(book)
    start_again_in_the_panel(book)
    insert_a_magic(book)
    stop_by_the_palette(book)
    assert book.page.problems == []


def confirmed(book, action, name):
    """Click an action's button, and again where the panel asks."""
    panel = book.page.locator(".raydp-panel")
    panel.get_by_role("button", name=action, exact=True).first.click()
    panel.get_by_role("group").get_by_role("button", name=name, exact=True).last.click()


def progress_is_one_line_in_the_end(book):
    book.run(2)
    bar = book.cell(2).get_by_role("progressbar")
    bar.first.wait_for(timeout=30_000)
    assert not book.violations(".jp-Notebook .jp-Cell:nth-of-type(3) .jp-OutputArea")
    book.picture("progress-light")
    book.wait_done(2)
    book.says(2, "Spark: 1 job, 4 tasks")
    assert bar.count() == 0


def cancel_a_job(book):
    book.run(3)
    job = book.page.locator(".raydp-panel .raydp-job").filter(has_text="parallelize")
    cancel = job.get_by_role("button", name="Cancel job")  # beside it the warm-up may still run
    cancel.first.wait_for(timeout=60_000)
    name = cancel.first.get_attribute("aria-label")
    assert "[*]" in book.cell(3).locator(".jp-InputPrompt").inner_text()
    confirmed(book, name, name)
    book.wait_done(3, 30)
    book.says(3, "cancelled")
    book.picture("panel-cancelled-job")


def interrupt(book):
    book.run(4)
    book.cell(4).get_by_role("progressbar").first.wait_for(timeout=30_000)
    book.page.locator(".jp-Toolbar [data-command='notebook:interrupt-kernel']").click()
    book.wait_done(4, 30)
    book.says(4, "KeyboardInterrupt")
    book.picture("interrupted")
    book.run(5)
    book.wait_done(5, 60)
    book.says(5, "45")


def read_a_log(book):
    panel = book.page.locator(".raydp-panel")
    panel.get_by_role("button", name="Logs of executor 0").click()
    log = panel.get_by_role("region", name="Log lines")
    log.get_by_text("TaskSetManager").or_(log.get_by_text("Executor")).first.wait_for()
    panel.get_by_role("searchbox", name="Search the log").fill("executor")
    panel.locator(".raydp-log mark").first.wait_for()
    assert not book.violations(".raydp-panel")
    log.scroll_into_view_if_needed()
    book.picture("panel-log")
    panel.get_by_role("button", name="Close the log").click()


def release_an_entry(book):
    book.run(6)
    book.wait_done(6)
    book.cell(1).scroll_into_view_if_needed()  # out of sight it is not renewed
    release = book.page.locator(".raydp-panel").get_by_role("button", name="Release held")
    release.wait_for(timeout=30_000)
    release.scroll_into_view_if_needed()
    book.picture("panel-bridge-and-timeline")
    confirmed(book, "Release held", "Release held")
    release.wait_for(state="detached", timeout=30_000)


def restart_an_executor(book):
    confirmed(book, "Restart executor 0", "Restart executor 0")
    logs = book.page.locator(".raydp-panel").get_by_role("button", name="Logs of executor 1")
    logs.wait_for(timeout=60_000)


def follow_the_links(book):
    """Without a proxy they lead to this machine; Ray's page wants a token before it says more."""
    for name, title in (("Spark UI", "Spark Jobs"), ("Ray dashboard", "Ray Dashboard")):
        with book.page.expect_popup() as opened:
            book.cell(1).locator(".raydp-footer a").get_by_text(name).click()
        opened.value.wait_for_load_state()
        assert title in opened.value.title()
        assert opened.value.url.startswith("http://127.0.0.1:")
        opened.value.close()


def keys_stay_in_the_panel(book):
    """X cuts a cell where the notebook has the keys; Ctrl+S saves from anywhere."""
    cells = book.page.locator(".jp-Notebook .jp-Cell")
    before = cells.count()
    book.cell(1).get_by_role("button", name="magics").focus()
    book.page.keyboard.press("x")
    assert cells.count() == before
    book.page.keyboard.press("Control+s")
    book.page.locator(".lm-TabBar-tab.jp-mod-current:not(.jp-mod-dirty)").first.wait_for()
    book.page.keyboard.press("Escape")
    book.page.keyboard.press("b")  # a cell below, which is the notebook's again
    assert cells.count() == before + 1
    book.page.keyboard.press("x")
    assert cells.count() == before


def reload_with_the_status_item_off(book, lab):
    book.page.locator(".raydp-lab-status", has_text="1 executor - ").wait_for(timeout=60_000)
    folder = lab[1] / "settings" / "raydp-magic"
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "plugin.jupyterlab-settings"
    settings.write_text('{"showStatusItem": false}')
    book.save()
    book.page.reload()
    live = book.page.locator(".raydp-panel").get_by_role("button", name="Logs of executor 1")
    live.wait_for(timeout=60_000)
    settings.unlink()
    assert not book.page.locator(".raydp-lab-status").is_visible()


def stop_in_the_panel(book):
    confirmed(book, "Stop the cluster", "Stop the cluster")
    book.page.get_by_text("The cluster has stopped").first.wait_for(timeout=60_000)
    book.cell(1).scroll_into_view_if_needed()
    book.picture("panel-stopped-by-its-button")


def start_again_in_the_panel(book):
    panel = book.page.locator(".raydp-panel")
    form = panel.get_by_role("form", name="Start Spark on Ray")
    form.wait_for(timeout=30_000)
    assert not book.violations(".raydp-panel")
    form.get_by_role("textbox", name="Executors").fill("1")
    form.get_by_role("textbox", name="Memory each").fill("512m")
    form.get_by_role("button", name="Start", exact=True).click()
    panel.get_by_text("1/1 executors").first.wait_for(timeout=120_000)
    assert form.is_hidden()
    book.picture("panel-started-again")


def insert_a_magic(book):
    cells = book.page.locator(".jp-Notebook .jp-Cell")
    before = cells.count()
    panel = book.page.locator(".raydp-panel")
    panel.get_by_role("button", name="magics").click()
    panel.get_by_role("button", name=re.compile("^Insert %raydp_cluster scale")).first.click()
    cells.filter(has_text="%raydp_cluster scale").filter(has_not=panel).wait_for()
    assert cells.count() == before + 1


def stop_by_the_palette(book):
    book.command("Insert the Live Panel")
    book.page.locator(".jp-Cell").filter(has_text="%raydp_cluster panel").nth(1).wait_for()
    book.command("Show Spark on Ray")  # without it and the status item nobody asks the kernel
    book.page.locator("#raydp-magic-sidebar").get_by_text("1/1 executors").wait_for()
    book.command("Stop the Notebook's Cluster…")
    book.page.locator(".jp-Dialog .jp-mod-warn").click()
    panel = book.page.locator(".raydp-panel[data-state='stopped']")
    panel.first.wait_for(state="attached", timeout=60_000)
