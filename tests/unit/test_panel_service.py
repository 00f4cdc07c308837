"""The wire protocol's kernel side with fakes: no Ray, no browser."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from panel_fakes import FakeCluster, snapshot

from raydp_magic.cluster.fleet import Past
from raydp_magic.errors import UsageError
from raydp_magic.monitoring import diff
from raydp_magic.panel import actions, service
from raydp_magic.panel.comm_route import as_addressed
from raydp_magic.panel.comm_target import TARGET, CommTarget
from raydp_magic.panel.service import PanelService
from raydp_magic.spec import make_spec


class View:
    """A view that knows what the protocol let it know."""

    def __init__(self, **options):
        self.heard, self.record, self.seq = [], None, None
        self.news = threading.Condition()
        self.service = PanelService(self.take, **options)

    def take(self, message):
        with self.news:
            self.heard.append(message)
            if message["type"] == "snapshot":
                self.record, self.seq = message["snapshot"], message["seq"]
            elif message["type"] == "diff" and message["base"] == self.seq:
                self.record = diff.apply(self.record, message["diff"])
                self.seq = message["seq"]
            self.news.notify_all()

    def says(self, kind, **fields):
        self.service.hear({"type": kind, **fields})

    def hello(self, visible=True):
        self.says("hello", schema=2, visible=visible)
        self.until(lambda: self.heard)

    def until(self, condition, seconds=5):
        with self.news:
            assert self.news.wait_for(condition, seconds), self.heard

    def asks(self, action, **details):
        number = 1 + sum(m["type"] == "answer" for m in self.heard)
        self.says("ask", id=number, do=action, **{"with": details})
        self.until(lambda: any(m.get("id") == number for m in self.heard))
        return next(m for m in self.heard if m.get("id") == number)


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
    view.says("hello", schema=2, visible=True)
    view.says("hello", schema=2, visible=False)  # the hidden one's, which must not win
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


class Acting(SimpleNamespace):
    """A cluster that notes what it was asked."""

    def __init__(self):
        super().__init__(done=[], sampler=FakeCluster().sampler, status=None)
        for name in ("scale", "restart", "remove", "cancel", "stop"):
            setattr(self, name, lambda *words, name=name: self.done.append((name, *words)))

    def past_executors(self):
        return [Past("0", 0, "killed", time.monotonic())]

    def follow_log(self, executor, lines, after):
        return SimpleNamespace(lines=(executor, lines), next=after or 7)


@pytest.mark.parametrize(
    ("action", "details", "done"),
    [
        ("scale", {"executors": 3}, ("scale", 3)),
        ("restart", {"executor": "1"}, ("restart", "1")),
        ("remove", {"executor": "1"}, ("remove", "1")),
        ("cancel", {"job": 4}, ("cancel", 4)),
        ("stop", {}, ("stop",)),
    ],
)
def test_each_action_is_one_call(action, details, done):
    acting = Acting()
    view = View(cluster=acting)
    assert view.asks(action, **details)["ok"]
    assert acting.done == [done]
    view.service.close()


def test_logs_are_followed_by_offset():
    view = View(cluster=Acting())
    value = view.asks("logs", executor="1", lines=5, after=None)["value"]
    assert (value["lines"], value["next"]) == (["1", 5], 7)
    [past] = value["past"]
    assert (past["executor"], past["why"]) == ("0", "killed")
    assert past["at"] == pytest.approx(time.time(), abs=60)
    assert view.asks("logs", executor="1", lines=5, after=9)["value"]["next"] == 9
    view.service.close()


def test_a_refusal_comes_as_a_line_and_a_hint():
    acting = Acting()

    def refuse(_):
        raise UsageError("no", hint="try 2")

    acting.scale = refuse
    view = View(cluster=acting)
    answer = view.asks("scale", executors=0)
    assert (answer["ok"], answer["error"], answer["hint"]) == (False, "no", "try 2")
    assert "no action 'dance'" in view.asks("dance")["error"]
    assert "'executors'" in view.asks("scale")["error"]
    view.service.close()


def test_an_action_without_a_cluster_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(service, "kernel_cluster", lambda: None)
    view = View()
    assert "start" in view.asks("scale", executors=1)["hint"]
    assert view.asks("fit", executors=100_000, cores=1, memory="1g")["value"]["fits"] is False
    view.service.close()


def test_hearing_never_waits():
    acting, go, ended = Acting(), threading.Event(), []
    acting.stop = lambda: ended.append(go.wait(5))
    view = View(cluster=acting)
    view.says("ask", id=1, do="stop", **{"with": {}})
    assert not ended
    go.set()
    view.until(lambda: view.heard)
    assert ended == [True]
    view.service.close()


def test_odd_messages_are_left_alone(view):
    for message in (None, 7, {}, {"type": "dance"}, {"type": "ask"}):
        view.service.hear(message)
    view.until(lambda: view.heard)
    assert not view.heard[0]["ok"]


def test_a_foreign_error_is_one_line():
    assert actions.failure(RuntimeError("a\nb"))[0] == "RuntimeError: a"


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
