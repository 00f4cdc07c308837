"""What a view asks for reaches the cluster, and its answer the view: no Ray, no browser."""

import threading
import time
from types import SimpleNamespace

import pytest
from panel_fakes import FakeCluster, View

from raydp_magic.cluster.fleet import Past
from raydp_magic.errors import UsageError
from raydp_magic.panel import actions, service


class Acting(SimpleNamespace):
    """A cluster that notes what it was asked."""

    def __init__(self):
        super().__init__(done=[], sampler=FakeCluster().sampler, status=None)
        for name in ("scale", "restart", "remove", "cancel", "stop"):
            setattr(self, name, lambda *words, name=name: self.done.append((name, *words)))

    def past_executors(self):
        return [Past("0", 0, "killed", time.monotonic())]

    def follow_log(self, executor, lines, after, stream):
        return SimpleNamespace(lines=(executor, lines, stream), next=after or 7)


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
    assert (value["lines"], value["next"]) == (["1", 5, None], 7)
    [past] = value["past"]
    assert (past["executor"], past["why"]) == ("0", "killed")
    assert past["at"] == pytest.approx(time.time(), abs=60)
    then = view.asks("logs", executor="0", lines=5, after=9, stream="stdout")["value"]
    assert (then["lines"], then["next"]) == (["0", 5, "stdout"], 9)
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


def test_a_foreign_error_is_one_line():
    assert actions.failure(RuntimeError("a\nb"))[0] == "RuntimeError: a"
