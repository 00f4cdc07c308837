"""A difference put on what it was made from gives what it was made for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from panel_fakes import FIXTURES

from raydp_magic.monitoring import diff

WIRE = [json.loads(path.read_text()) for path in FIXTURES]

texts = st.text(max_size=3)


def rows(**identity):
    row = st.fixed_dictionaries({**identity, "value": st.integers(0, 2)})
    return st.lists(row, max_size=6)


records = st.fixed_dictionaries(
    {
        "state": texts,
        "problems": st.lists(texts, max_size=2),
        "nodes": rows(id=texts),
        "executors": rows(slot=st.integers(0, 5)),
        "jobs": rows(id=st.integers(0, 5)),
        "timeline": rows(kind=st.sampled_from(["spark", "ray"]), id=st.sampled_from("abc")),
    }
)


@given(records, records)
def test_applying_a_difference_gives_the_other_record(before, after):
    assert diff.apply(before, diff.make(before, after)) == after


@pytest.mark.parametrize("before", WIRE, ids=lambda w: str(len(w["executors"])))
@pytest.mark.parametrize("after", WIRE, ids=lambda w: str(len(w["executors"])))
def test_any_situation_can_follow_any_other(before, after):
    change = json.loads(json.dumps(diff.make(before, after)))
    assert diff.apply(before, change) == after


def test_nothing_changed_is_nothing_sent():
    assert diff.make(WIRE[0], WIRE[0]) == {}


def test_one_change_in_many_sends_one_field():
    before = {"executors": [{"slot": n, "tasks": 0} for n in range(1000)]}
    after = {"executors": [dict(row) for row in before["executors"]]}
    after["executors"][500]["tasks"] = 1
    assert diff.make(before, after) == {"lists": {"executors": {"edit": {"500": {"tasks": 1}}}}}


def test_what_stays_beside_a_new_record_is_edited():
    before = {"jobs": [{"id": 1, "done": 1}, {"id": 2, "done": 1}]}
    change = diff.make(before, {"jobs": [{"id": 2, "done": 5}, {"id": 3, "done": 0}]})
    assert change == {
        "lists": {
            "jobs": {"edit": {"2": {"done": 5}}, "put": [{"id": 3, "done": 0}], "drop": ["1"]}
        }
    }
    with pytest.raises(KeyError):
        diff.apply({"jobs": []}, change)


def test_a_newest_record_at_the_end_needs_no_order():
    before = {"jobs": [{"id": 1}, {"id": 2}]}
    change = diff.make(before, {"jobs": [{"id": 2}, {"id": 3}]})
    assert change == {"lists": {"jobs": {"put": [{"id": 3}], "drop": ["1"]}}}


def test_what_is_dropped_and_put_in_another_order_is_named_in_words():
    one, two, three = ({"kind": kind, "id": "a"} for kind in ("spark", "ray", "transfer"))
    change = diff.make({"timeline": [one, two, three]}, {"timeline": [three, one]})
    assert change == {
        "lists": {"timeline": {"drop": ["ray:a"], "order": ["transfer:a", "spark:a"]}}
    }
    change = diff.make({"executors": [{"slot": 1}, {"slot": 2}]}, {"executors": [{"slot": 2}]})
    assert change == {"lists": {"executors": {"drop": ["1"]}}}


def test_a_list_whose_records_share_a_key_is_sent_whole():
    before = {"jobs": [{"id": 1, "done": 1}, {"id": 1, "done": 2}]}
    after = {"jobs": [{"id": 1, "done": 3}, {"id": 1, "done": 2}]}
    assert diff.make(before, after) == {"set": after}
