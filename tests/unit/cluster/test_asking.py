"""What fits, and what to offer."""

import sys

import pytest

from raydp_magic.cluster import asking
from raydp_magic.cluster.asking import fit, known_nodes
from raydp_magic.cluster.fit import executor_resources, room_for
from raydp_magic.cluster.presets import presets
from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.spec import make_spec

GIB = 1024**3


def node(cpus, gib, name="n"):
    have = {"CPU": float(cpus), "memory": gib * GIB}
    return NodeRoom(name, name, "127.0.0.1", is_head=True, total=have, free=have)


@pytest.fixture
def four_cpus(monkeypatch):
    monkeypatch.setattr(asking, "known_nodes", lambda _: [node(4, 16)])


def test_a_request_that_fits_says_what_stays_free(four_cpus):
    found = fit(None, executors=3, cores=1, memory="1g")
    assert (found.fits, found.text) == (True, "fits; 1 CPU stays free for Ray tasks")


def test_one_that_does_not_says_what_would(four_cpus):
    found = fit(None, executors=9, cores=1, memory="1g")
    assert not found.fits
    assert "--executors 4" in found.text


def test_a_slip_is_an_answer_and_no_error(four_cpus):
    assert "12zebras" in fit(None, memory="12zebras").text
    assert not fit(None, executors=0).fits


def test_a_ray_that_only_the_start_will_meet_is_not_guessed(monkeypatch):
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert known_nodes(None) is None
    assert "RAY_ADDRESS" in fit(None, executors=500).text
    monkeypatch.delenv("RAY_ADDRESS")
    assert len(known_nodes(None)) == 1


@pytest.mark.parametrize(
    "nodes",
    [
        [node(2, 3)],
        [node(4, 24)],
        [node(64, 256, f"n{i}") for i in range(3)],
        [node(2, 4, "a"), node(16, 64, "b")],
    ],
)
def test_every_preset_fits(nodes):
    found = presets(nodes)
    assert found[0][0] == "small"
    assert len({tuple(rest) for _, *rest in found}) == len(found)
    for _, executors, cores, memory in found:
        spec = make_spec(executors=executors, cores=cores, memory=memory)
        assert room_for(nodes, executor_resources(spec)) >= executors


@pytest.mark.parametrize("nodes", [[], [node(0, 16)], [node(4, 0.5)]])
def test_where_nothing_fits_nothing_is_offered(nodes):
    assert presets(nodes) == []
