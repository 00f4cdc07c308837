"""The wire protocol's kernel side with fakes: no Ray, no browser."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from panel_fakes import FakeCluster, View, snapshot

from raydp_magic.panel import service
from raydp_magic.panel.comm_route import as_addressed
from raydp_magic.panel.comm_target import TARGET, CommTarget
from raydp_magic.spec import make_spec


@pytest.fixture
def cluster():
    return FakeCluster()


@pytest.fixture
def view(cluster):
    view = View(cluster=cluster)
    yield view
    view.service.close()


def test_a_view_gets_the_full_picture_and_then_what_changes(view, cluster):
    view.hello()
    assert view.record == snapshot("running").to_json()
    cluster.sampler.deliver(snapshot("executor_lost"))
    cluster.sampler.deliver(snapshot("progress"))
    assert view.record == snapshot("progress").to_json()
    assert [m["type"] for m in view.heard] == ["snapshot", "diff", "diff"]


def test_a_view_after_a_long_rest_gets_a_new_picture(view, cluster):
    old = replace(snapshot("running"), taken_at=time.time() - 3600)
    fresh = replace(snapshot("progress"), taken_at=time.time())
    cluster.sampler.last, cluster._now = old, fresh
    view.hello()
    assert view.record == fresh.to_json()
    cluster._now = old
    cluster.sampler.last = fresh
    view.hello()
    assert view.record == fresh.to_json()


def test_nobody_is_sampled_for_who_cannot_see(view, cluster):
    [watch] = cluster.sampler.watches
    assert not watch.watching
    view.hello(visible=True)
    assert watch.watching
    view.says("visible", visible=False)
    assert not watch.watching
    said = len(view.heard)
    cluster.sampler.deliver(snapshot("executor_lost"))  # sampled for another
    assert len(view.heard) == said


def test_a_hidden_view_hears_of_the_end(view, cluster):
    view.hello(visible=False)
    cluster.sampler.deliver(snapshot("stopped"))
    assert view.record["state"] == "stopped"
    assert cluster.sampler.watches == []


def test_when_one_of_two_views_hides_the_other_speaks_up(view, cluster):
    view.hello()
    before = view.seq
    view.says("visible", visible=False)
    probe = view.heard[-1]
    # It fits on nothing, so a view that is there says hello again.
    assert probe["type"] == "diff"
    assert probe["base"] != before
    assert probe["seq"] > before
    view.says("hello", schema=3, visible=True)
    view.says("hello", schema=3, visible=False)  # the hidden one's, which must not win
    assert cluster.sampler.watches[0].watching


def test_a_page_that_went_away_without_a_word_is_forgotten(view, cluster, monkeypatch):
    monkeypatch.setattr(service, "LEASE_SECONDS", 0.0)
    view.hello()
    view.until(lambda: view.heard[-1]["type"] == "diff")
    assert not cluster.sampler.watches[0].watching


def test_a_later_view_of_a_stopped_cluster_still_sees_its_end(view, cluster):
    cluster.sampler.deliver(snapshot("stopped"))
    view.hello()
    assert view.record["state"] == "stopped"
    view.hello()
    assert cluster.sampler.watches == []


@pytest.mark.parametrize("end", ["stopped", "failed"])
def test_below_the_end_there_is_the_offer_to_start_again(view, cluster, end):
    view.hello()
    cluster.sampler.deliver(snapshot(end))
    view.until(lambda: view.record["actions"] == ["start", "fit"])
    assert view.record["state"] == end
    assert view.record["executors"] == snapshot(end).to_json()["executors"]
    assert view.record["presets"]


def test_a_view_goes_on_with_the_next_cluster_and_keeps_the_last_state(monkeypatch, view, cluster):
    running, other = [], FakeCluster("progress")
    monkeypatch.setattr(service, "kernel_cluster", lambda: running[0] if running else None)
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.01)
    view.hello()
    cluster.sampler.deliver(snapshot("stopped"))
    view.until(lambda: view.record["state"] == "stopped")
    running.append(other)
    view.until(lambda: view.record == snapshot("progress").to_json())
    view.until(lambda: other.sampler.watches)
    other.sampler.deliver(snapshot("failed"))
    running.clear()
    view.until(lambda: view.record["actions"] == ["start", "fit"])
    assert view.record["state"] == "failed"


def test_a_cluster_of_the_past_is_shown_though_another_runs(monkeypatch):
    other = FakeCluster()
    monkeypatch.setattr(service, "kernel_cluster", lambda: other)
    monkeypatch.setattr("raydp_magic.cluster.start", lambda **_: other)
    view = View(cluster=FakeCluster("stopped"))
    view.hello()
    assert view.record["state"] == "stopped"
    assert view.asks("start", executors=1)["ok"]  # what was started from here is shown here
    view.until(lambda: view.record["state"] == "running")
    view.service.close()


def test_without_a_cluster_there_are_presets_and_two_actions(monkeypatch):
    monkeypatch.setattr(service, "kernel_cluster", lambda: None)
    view = View()
    view.hello()
    [none] = view.heard
    assert none["type"] == "none"
    assert none["ended"] is None
    assert none["actions"] == ["start", "fit"]
    assert {"name", "executors", "cores", "memory_mib"} == set(none["presets"][0])
    view.service.close()


def test_the_kernels_cluster_is_followed_as_it_comes_and_goes(monkeypatch, cluster):
    running = []
    monkeypatch.setattr(service, "kernel_cluster", lambda: running[0] if running else None)
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.01)
    view = View()
    view.hello()
    running.append(cluster)
    view.until(lambda: view.record)
    assert view.record["state"] == "running"
    running.clear()
    view.until(lambda: view.heard[-1]["type"] == "none")
    assert view.heard[-1]["ended"] == "The cluster was stopped"
    view.service.close()


def test_a_start_shows_what_is_planned_until_there_is_a_cluster(monkeypatch, cluster):
    running, starting, go = [], [], threading.Event()
    started = []

    def start(**wanted):
        assert not wanted.pop("wait")
        starting.append(make_spec(**wanted))
        assert go.wait(5)
        running.append(cluster)
        starting.clear()
        return cluster

    monkeypatch.setattr("raydp_magic.cluster.start", start)
    monkeypatch.setattr(service, "being_started", lambda: starting[0] if starting else None)
    monkeypatch.setattr(service, "kernel_cluster", lambda: running[0] if running else None)
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.01)
    view = View(started=started.append)
    view.hello()
    view.says("ask", id=1, do="start", **{"with": {"executors": 3, "cores": 2, "memory": "1g"}})
    view.until(lambda: view.record)
    assert view.record["state"] == "starting"
    assert [e["state"] for e in view.record["executors"]] == ["planned"] * 3
    go.set()
    view.until(lambda: view.record["state"] == "running")
    view.until(lambda: any(m["type"] == "answer" and m["ok"] for m in view.heard))
    assert started == [cluster]
    view.service.close()


def test_odd_messages_are_left_alone(view):
    for message in (None, 7, {}, {"type": "dance"}, {"type": "ask"}):
        view.service.hear(message)
    view.until(lambda: view.heard)
    assert not view.heard[0]["ok"]


class Comms:
    def __init__(self):
        self.targets = {}

    def register_target(self, name, opened):
        self.targets[name] = opened

    def unregister_target(self, name, opened):
        assert self.targets.pop(name) == opened


class FakeComm:
    def __init__(self):
        self.sent = []

    send = property(lambda self: self.sent.append)

    def on_msg(self, hears):
        self.hears = hears

    def on_close(self, closed):
        self.closed = closed


def test_the_comm_target_comes_and_goes_with_the_extension():
    comms = Comms()
    shell = SimpleNamespace(kernel=SimpleNamespace(comm_manager=comms), user_ns={})
    target = CommTarget(shell, lambda _: None)
    comm = FakeComm()
    comms.targets[TARGET](comm, {"content": {"data": {}}})
    comm.hears({"content": {"data": {"type": "ask", "id": 1, "do": "dance"}}})
    deadline = time.monotonic() + 5
    while not comm.sent and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert comm.sent[0]["type"] == "answer"
    comm.closed(None)
    target.remove()
    assert comms.targets == {}
    target.remove()


def test_a_message_is_heard_by_the_subshell_that_it_names():
    """Also after the kernel spoke through the comm from a cell, or from a thread."""
    from ipykernel.comm import Comm

    comm = Comm.__new__(Comm)
    assert hasattr(comm, "_reply_subshell_for")  # else ipykernel routes in another way by now
    comm._reply_subshell_id = None  # a cell has sent
    as_addressed(comm)
    assert comm._reply_subshell_for({}, "s1") == "s1"
    as_addressed(object())  # another kernel's


def test_a_page_is_told_that_the_kernel_listens_now(monkeypatch):
    told = []

    def create_comm(**about):
        told.append(about["target_name"])
        return SimpleNamespace(close=lambda: told.append("closed"))

    monkeypatch.setattr("comm.create_comm", create_comm)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    shell = SimpleNamespace(kernel=SimpleNamespace(comm_manager=Comms()), user_ns={})
    CommTarget(shell, lambda _: None)
    assert told == []  # started by no Jupyter server: nbclient would warn
    monkeypatch.setenv("JPY_SESSION_NAME", "work.ipynb")
    CommTarget(shell, lambda _: None)
    assert told == [TARGET, "closed"]


def test_a_terminal_has_no_comm_target():
    CommTarget(SimpleNamespace(user_ns={}), lambda _: None).remove()


def test_registering_imports_no_service():
    code = (
        "import sys, raydp_magic.panel.comm_target;"
        "print([m for m in sys.modules if 'service' in m and 'raydp' in m or m in ('ray', 'anywidget')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_planned_picture_is_a_whole_snapshot():
    from raydp_magic.monitoring.snapshot import from_json
    from raydp_magic.panel.start_picture import start_picture
    from raydp_magic.spec import make_spec

    planned = start_picture(make_spec(executors=2), 5.0)
    assert from_json(planned.to_json()) == planned
    assert replace(planned, taken_at=6.0) != planned
