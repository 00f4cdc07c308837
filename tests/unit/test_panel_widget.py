"""The live widget with a fake cluster; in a kernel of its own where the wire matters."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbclient
import nbconvert
import nbformat
import pytest
from panel_fakes import FakeCluster, snapshot

from raydp_magic.monitoring.snapshot import from_json
from raydp_magic.panel import STATIC, panel_for, service, widget

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not (STATIC / "panel.js").is_file(), reason="the panel is not built (make build)"
)


def test_it_starts_with_the_present_and_follows():
    cluster = FakeCluster()
    panel = panel_for(cluster)
    assert from_json(panel.snapshot) == snapshot("running")
    cluster.sampler.deliver(snapshot("executor_lost"))
    assert from_json(panel.snapshot) == snapshot("executor_lost")
    panel.close()


def test_a_cluster_has_one_panel_and_gets_a_new_one_after_close():
    cluster = FakeCluster()
    panel = panel_for(cluster)
    assert panel_for(cluster) is panel
    panel.close()
    panel.close()
    assert cluster.sampler.watches == []
    again = panel_for(cluster)
    assert again is not panel
    again.close()


def test_a_cluster_whose_panel_went_on_with_the_next_gets_a_new_one(monkeypatch):
    other, cluster = FakeCluster(), FakeCluster()
    panel = panel_for(cluster)
    cluster.sampler.deliver(snapshot("stopped"))
    assert panel_for(cluster) is panel
    monkeypatch.setattr(service, "kernel_cluster", lambda: other)
    panel._service.hear({"type": "hello", "schema": 3, "visible": True})
    until(lambda: other.sampler.watches)
    other.sampler.deliver(replace(snapshot("running"), app_id="another"))
    again = panel_for(cluster)
    assert again is not panel
    assert again._last.app_id == snapshot("stopped").app_id
    panel.close()
    again.close()


def test_it_leaves_when_the_cluster_stops_and_keeps_the_last_state():
    cluster = FakeCluster()
    panel = panel_for(cluster)
    cluster.sampler.deliver(snapshot("stopped"))
    assert cluster.sampler.watches == []
    assert panel.snapshot["state"] == "stopped"
    assert "The cluster has stopped" in panel._repr_mimebundle_()[0]["text/html"]


def test_a_stopped_cluster_is_not_followed():
    cluster = FakeCluster("stopped")
    panel_for(cluster)
    assert cluster.sampler.watches == []


def test_one_bundle_holds_the_view_and_both_static_forms():
    panel = panel_for(FakeCluster())
    data, _ = panel._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.model_id
    assert "2/2 executors" in data["text/html"]
    assert "2/2 executors" in data["text/plain"]
    panel.close()


def test_without_a_kernel_it_prints_text(capsys):
    panel = panel_for(FakeCluster())
    panel._ipython_display_()
    assert "2/2 executors" in capsys.readouterr().out
    panel.close()


class Outputs:
    """Stands in for a notebook's outputs, as a frontend keeps them."""

    def __init__(self):
        self.shown, self.messages = {}, 0

    def publish(self, data, metadata, transient, update):
        assert update == (transient["display_id"] in self.shown)
        self.shown[transient["display_id"]] = data
        self.messages += 1


@pytest.fixture
def outputs(monkeypatch):
    class Shell:
        kernel = object()
        user_ns = {}  # noqa: RUF012 - a stand-in that lives for one test
        display_pub = Outputs()

    monkeypatch.setattr("raydp_magic.panel.widget.get_ipython", Shell)
    return Shell.display_pub


def test_numbers_that_tick_do_not_touch_the_saved_copy(outputs):
    cluster = FakeCluster()
    panel = panel_for(cluster)
    panel._ipython_display_()
    before = outputs.messages
    running = snapshot("running")
    cluster.sampler.deliver(replace(running, taken_at=running.taken_at + 1.5, jobs=()))
    assert outputs.messages == before
    cluster.sampler.deliver(snapshot("executor_lost"))
    assert outputs.messages == before + 1
    assert any("was lost" in data.get("text/html", "") for data in outputs.shown.values())
    panel.close()


VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize("end", ["stopped", "failed"])
def test_at_the_end_the_copies_say_so_and_the_live_views_stay(outputs, end):
    cluster = FakeCluster()
    panel = panel_for(cluster)
    panel._ipython_display_()
    panel._ipython_display_()
    cluster.sampler.deliver(snapshot(end))
    assert len(outputs.shown) == 4
    assert sum(VIEW in data for data in outputs.shown.values()) == 2
    copies = [data["text/html"] for data in outputs.shown.values() if VIEW not in data]
    assert all(f"The cluster has {end}" in copy for copy in copies)
    assert panel.snapshot["actions"] == []  # saved with the notebook: nobody would answer
    panel.close()


def test_without_a_cluster_there_is_a_panel_that_takes_the_first_one(outputs, monkeypatch):
    running = []
    monkeypatch.setattr(service, "kernel_cluster", lambda: running[0] if running else None)
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.01)
    panel = panel_for(None)
    panel._ipython_display_()
    view, copy = outputs.shown.values()
    assert VIEW in view
    assert panel.snapshot == {}
    assert "Spark is not running in this kernel" in copy["text/html"]
    assert "Spark is not running in this kernel" in copy["text/plain"]
    cluster = FakeCluster()
    running.append(cluster)
    panel._service.hear({"type": "hello", "schema": 3, "visible": True})
    until(lambda: cluster.sampler.watches)
    cluster.sampler.deliver(snapshot("running"))
    assert any("2/2 executors" in data.get("text/html", "") for data in outputs.shown.values())
    now = snapshot("running")
    many = tuple(replace(now.executors[0], id=str(n), slot=n) for n in range(1000))
    cluster.sampler.deliver(replace(now, executors=many))
    assert len(panel.snapshot["executors"]) == 200
    assert panel.snapshot["problems"] == ["Not kept in this notebook: 800 executors"]
    panel.close()


def test_what_a_view_has_started_is_told_to_the_magics(monkeypatch):
    told = []
    magics = SimpleNamespace(started_elsewhere=told.append)
    manager = SimpleNamespace(registry={"RaydpMagics": magics})
    monkeypatch.setattr(
        widget, "get_ipython", lambda: SimpleNamespace(magics_manager=manager, user_ns={})
    )
    monkeypatch.setattr("raydp_magic.cluster.start", lambda **wanted: wanted)
    panel = panel_for(None)
    panel._service.hear({"type": "ask", "id": 1, "do": "start", "with": {"executors": 3}})
    until(lambda: told)
    assert told == [{"executors": 3, "wait": False}]
    manager.registry.clear()  # `%load_ext` was not run
    widget._started("a cluster")
    panel.close()


def until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


NOTEBOOK = """
import sys, threading, time
sys.path[:0] = [{repository!r}, {tests!r}]
from panel_fakes import FakeCluster, snapshot
from raydp_magic.panel import panel_for
cluster = FakeCluster()
panel = panel_for(cluster)
panel
"""


def execute(*cells):
    first = NOTEBOOK.format(repository=str(REPOSITORY), tests=str(Path(__file__).parent))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (first, *cells)])
    client = nbclient.NotebookClient(book, timeout=60, kernel_name="python3")
    arrivals = []
    process = client.process_message

    def watch(msg, cell, index):
        if msg["msg_type"] == "comm_msg":
            arrivals.append((index, msg["content"]["data"].get("content", {})))
        return process(msg, cell, index)

    client.process_message = watch
    client.execute()
    return book, arrivals


def export(book):
    return nbconvert.HTMLExporter(template_name="lab").from_notebook_node(book)[0]


def test_an_exported_notebook_shows_the_panel_while_the_cluster_runs():
    book, _ = execute()
    html = export(book)
    assert "2/2 executors" in html
    assert "SELECT zone, avg(fare) AS fare FROM rides GROUP BY zone" in html


def test_an_exported_notebook_shows_the_last_state():
    book, _ = execute("cluster.sampler.deliver(snapshot('stopped'))")
    assert "The cluster has stopped" in export(book)


def test_news_leaves_the_kernel_while_a_cell_runs():
    """Snapshots come from a thread and arrive before the busy cell's own end."""
    _, arrivals = execute(
        """
from dataclasses import replace
panel._service.hear({"type": "hello", "schema": 3, "visible": True})
deadline = time.monotonic() + 3
while time.monotonic() < deadline and panel._service._record is None: pass
def feed():
    for n in range(5):
        for watch in cluster.sampler.watches:
            watch.callback(replace(snapshot("running"), taken_at=float(n)))
        time.sleep(0.05)
feeder = threading.Thread(target=feed); feeder.start()
while time.monotonic() < deadline and feeder.is_alive(): pass   # busy, never yields to the loop
feeder.join()
panel.close()
"""
    )
    heard = [message for index, message in arrivals if index == 1]
    assert [message["type"] for message in heard] == ["snapshot", *["diff"] * 5]
    assert [m["diff"]["set"]["taken_at"] for m in heard[1:]] == [0.0, 1.0, 2.0, 3.0, 4.0]
