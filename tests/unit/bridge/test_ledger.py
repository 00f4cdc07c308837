"""What is struck from the ledger, however many blocks there are; no Ray, no Spark."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import pytest

from raydp_magic.bridge.references import Lent
from raydp_magic.errors import UsageError
from raydp_magic.notebook import bridge_list

ledger = importlib.import_module("raydp_magic.bridge.ledger")  # `bridge.ledger` is the function
MANY = 25_000


def test_a_keeper_tells_which_transfers_are_in_use_and_forgets_the_others():
    lent = Lent()
    lent.add("many", (f"m{n}" for n in range(MANY)))
    lent.add("one", ["o"])
    lent.add("none", [])
    assert lent.in_use({f"m{MANY - 1}", "o", "another's"}) == ["many", "one"]
    assert lent.in_use({"o"}) == ["one"]
    assert lent.in_use({"m0", "o"}) == ["one"]


class World:
    """What Ray says: transfers in use at the keepers, and objects that this process refers to."""

    def __init__(self):
        self.in_use = set()
        self.here = set()
        self.ray = "node 1"

    def note(self, transfer, ids, direction=ledger.TO_RAY, **more):
        return ledger.record(
            direction,
            transfer=transfer,
            rows=1,
            size=1,
            nodes=frozenset(),
            object_ids=frozenset(ids),
            **more,
        )


@pytest.fixture
def world(monkeypatch):
    found = World()
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace())
    monkeypatch.setattr(ledger.ray_session, "identity", lambda: found.ray)
    monkeypatch.setattr(ledger, "_entries", [])
    keepers = SimpleNamespace(in_use=lambda timeout: found.in_use, known=dict)
    monkeypatch.setattr(ledger, "keepers", keepers)
    monkeypatch.setattr(ledger, "referred", lambda: found.here)
    return found


def test_blocks_that_are_gone_are_struck_however_many_there_are(world):
    many = world.note("many", [f"m{n}" for n in range(MANY)])
    empty = world.note("empty", ["e"])
    world.in_use, world.here = {"many"}, {"e"}
    assert ledger.ledger() == [many, empty]
    world.here = set()
    assert ledger.ledger() == [many]
    world.in_use = set()
    assert ledger.ledger() == []
    assert ledger.still_held() == []


@pytest.mark.parametrize("ray", ["node 2", None])
def test_what_an_earlier_ray_held_is_gone_with_it(world, ray):
    world.note("t", ["a"])
    world.in_use, world.here, world.ray = {"t"}, {"a"}, ray
    assert ledger.ledger() == []
    world.ray = "node 1"
    world.note("first", ["b"])
    world.in_use, world.here, world.ray = {"first", "second"}, {"b", "c"}, "node 3"
    second = world.note("second", ["c"])
    assert ledger.ledger() == [second]


def test_nothing_is_struck_while_a_keeper_does_not_answer(world, monkeypatch):
    def silent(timeout):
        raise TimeoutError

    entry = world.note("t", ["a"])
    monkeypatch.setattr(ledger.keepers, "in_use", silent)
    assert ledger.ledger() == [entry]


def test_a_result_that_comes_while_the_keepers_are_asked_stays(world, monkeypatch):
    def asked(timeout):
        world.note("new", ["n"])
        return set()

    world.note("old", ["o"])
    monkeypatch.setattr(ledger.keepers, "in_use", asked)
    assert [entry.transfer for entry in ledger.ledger()] == ["new"]


def test_what_spark_reads_stays_until_it_is_released_or_its_session_ends(world):
    class Session:
        is_stopped = False

    session = Session()
    reading = world.note("r", ["a"], ledger.TO_SPARK, session=session)
    world.note("ended", ["b"], ledger.TO_SPARK, session=Session())
    assert ledger.ledger() == [reading]
    ledger.release(reading)
    ledger.prune()
    assert ledger._reading() == []


class Value:
    """A DataFrame or a Dataset."""


class ObjectRef:
    def __init__(self, name):
        self._name = name

    def hex(self):
        return self._name


def test_a_name_goes_to_what_its_variable_holds_now(world):
    first, second = Value(), Value()
    old = world.note("old", ["a"], value=first)
    new = world.note("new", ["b"], value=second)
    ledger.name_values({"back": first})
    assert [old.name, new.name] == ["back", new.unbound_name]
    ledger.name_values({"back": second, "_1": first})
    assert [old.name, new.name] == [old.unbound_name, "back"]
    ledger.give_name(first, "trips")  # a table of a SQL cell
    ledger.name_values({"back": second})
    assert [old.name, new.name] == ["trips", "back"]


def test_release_takes_the_entry_that_was_asked_for_and_only_what_holds_it(world):
    first, second = Value(), Value()
    old = world.note("old", ["a", "c"], value=first)
    new = world.note("new", ["b"], value=second)
    refs = world.note("refs", ["d", "e"])
    world.in_use = {"old", "new", "refs"}
    variables = {"held": second, "same": second, "nothing": None, "number": 5}
    variables |= {"blocks": [ObjectRef("d"), ObjectRef("e")], "other": [ObjectRef("x")]}
    assert bridge_list.give_back(variables, "old") == f"{old.unbound_name} is given back."
    assert [old.released, new.released, refs.released] == [True, False, False]
    assert variables.keys() == {"held", "same", "nothing", "number", "blocks", "other"}
    assert "unbound held, same" in bridge_list.give_back(variables, "held")
    assert "unbound blocks" in bridge_list.give_back(variables, "blocks")
    assert variables.keys() == {"nothing", "number", "other"}
    assert new.released
    assert refs.released
    with pytest.raises(UsageError, match="holds nothing for 'number'"):
        bridge_list.give_back(variables, "number")


def test_a_name_whose_value_is_gone_releases_no_variable(world):
    value = Value()
    entry = world.note("t", ["a"], value=value)
    world.in_use = {"t"}  # something derived from it is left
    ledger.name_values({"held": value})
    del value
    variables = {"held": None, "also": None}
    ledger.name_values(variables)
    assert entry.name == entry.unbound_name
    bridge_list.give_back(variables, entry.name)
    assert variables == {"held": None, "also": None}


def test_what_no_variable_holds_has_a_number_and_says_what_it_is(world):
    entry = world.note("t", ["a"], what="embed")
    number = entry.name.partition(":")[0]
    assert entry.name == f"{number}:embed"
    ledger.release(number)
    assert entry.released
