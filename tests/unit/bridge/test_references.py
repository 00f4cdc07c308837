"""Owners are asked one at a time, and for so many objects at most."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from raydp_magic.bridge import references


def test_each_question_is_about_one_owner_s_objects(monkeypatch):
    asked = []

    def get_object_locations(refs):
        asked.append(refs)
        return {ref: {"node_ids": [ref[0]]} for ref in refs}

    owners = SimpleNamespace(get_owner_address=lambda ref: ref[0].encode())
    experimental = SimpleNamespace(get_object_locations=get_object_locations)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(experimental=experimental))
    monkeypatch.setattr(references, "_core_worker", lambda: owners)
    refs = [f"{owner}{number}" for number in range(1500) for owner in "ab"]
    found = references.locations(refs)
    assert found == {ref: {"node_ids": [ref[0]]} for ref in refs}
    assert [(len({ref[0] for ref in some}), len(some)) for some in asked] == [
        (1, 1000),
        (1, 500),
        (1, 1000),
        (1, 500),
    ]
    assert references.locations([]) == {}
