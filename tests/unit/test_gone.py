"""Nodes that died are shown for some minutes, with when and why."""

import json
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest
from panel_fakes import FOLDER

from raydp_magic.monitoring import ray_look
from raydp_magic.monitoring.gone import SHOWN_SECONDS, Death, Gone
from raydp_magic.monitoring.snapshot import from_json

WIRE = json.loads((FOLDER / "busy_multi_node.json").read_text())
ONE, TWO = (node for node in from_json(WIRE).nodes[:2])
WHY = Death(at=95.0, why="health check failed", name="10.0.0.9", cpus=8.0)


def ids(nodes):
    return [(node.id, node.alive) for node in nodes]


def test_one_that_is_missing_is_dead_at_once_and_ray_says_more_later():
    gone = Gone()
    assert gone.with_dead((ONE, TWO), {}, 90.0) == (ONE, TWO)
    _, dead = gone.with_dead((ONE,), {}, 100.0)
    assert (dead.id, dead.alive, dead.died_at, dead.death) == (TWO.id, False, 100.0, "")
    assert (dead.name, dead.cpu_total) == (TWO.name, TWO.cpu_total)
    assert (dead.cpu_reserved, dead.spark_executors, dead.memory_used) == (0.0, 0, None)
    told = gone.with_dead((ONE,), {TWO.id: WHY}, 103.0)[1]
    assert told == replace(dead, died_at=95.0, death="health check failed")
    assert gone.with_dead((ONE,), {TWO.id: WHY}, 104.0)[1] is told  # nothing new
    assert gone.with_dead((ONE,), {}, 105.0)[1] is told  # Ray forgets


def test_it_goes_after_some_minutes():
    gone = Gone()
    gone.with_dead((ONE, TWO), {}, 90.0)
    assert len(gone.with_dead((ONE,), {TWO.id: WHY}, 95.0 + SHOWN_SECONDS - 1)) == 2
    assert gone.with_dead((ONE,), {TWO.id: WHY}, 95.0 + SHOWN_SECONDS) == (ONE,)


def test_one_that_died_before_anybody_looked_is_shown_too():
    _, dead = Gone().with_dead((ONE,), {"n9": WHY}, 100.0)
    assert (dead.id, dead.name, dead.cpu_total, dead.death) == (
        *("n9", "10.0.0.9", 8.0, "health check failed"),
    )
    assert from_json({**WIRE, "nodes": [vars(dead)]}).nodes == (dead,)


def test_the_newest_is_the_last():
    gone = Gone()
    deaths = {"b": replace(WHY, at=99.0), "a": replace(WHY, at=98.0)}
    assert ids(gone.with_dead((ONE,), deaths, 100.0)) == [
        (ONE.id, True),
        ("a", False),
        ("b", False),
    ]


def test_an_empty_list_and_an_answer_of_another_moment_are_no_deaths():
    gone = Gone()
    gone.with_dead((ONE, TWO), {}, 90.0)
    assert gone.with_dead((), {}, 91.0) == ()
    assert gone.with_dead((ONE, TWO), {TWO.id: WHY}, 92.0) == (ONE, TWO)


def test_what_ray_says_of_its_dead(monkeypatch):
    def row(**more):
        plain = {"node_id": "n9", "node_name": "", "node_ip": "10.0.0.9", "end_time_ms": 95_000}
        return SimpleNamespace(**plain | {"state_message": None, "resources_total": None} | more)

    asked = []

    def list_nodes(**options):
        asked.append(options)
        return [row(), row(node_id="n8", end_time_ms=0), row(node_id="n7", state_message="why")]

    state = ModuleType("ray.util.state")
    state.list_nodes = list_nodes
    monkeypatch.setitem(sys.modules, "ray.util.state", state)
    monkeypatch.setattr(ray_look, "check_connected", lambda _: None)
    cluster = SimpleNamespace(ray=SimpleNamespace(address="x:1"))
    found = ray_look.node_deaths(cluster)
    assert found == {
        "n9": Death(95.0, "", "10.0.0.9"),
        "n7": Death(95.0, "why", "10.0.0.9"),
    }
    assert asked[0]["address"] == "x:1"
    assert asked[0]["filters"] == [("state", "=", "DEAD")]


@pytest.mark.parametrize("words", ["died 20", "heartbeats"])
def test_saved_forms_say_it(words):
    from raydp_magic.panel import render_html, render_text

    assert words in render_text(from_json(WIRE))
    assert words in render_html(from_json(WIRE))
