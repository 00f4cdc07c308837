"""The defaults of a start stand in its signature, the spec and the magic; they agree."""

from __future__ import annotations

import inspect

from raydp_magic.cluster import start
from raydp_magic.notebook.parse import Start, parse_cluster
from raydp_magic.spec import ClusterSpec, make_spec


def test_start_the_spec_and_the_magic_have_the_same_defaults():
    signature = {
        name: parameter.default for name, parameter in inspect.signature(start).parameters.items()
    }
    of_spec = {name: p.default for name, p in inspect.signature(make_spec).parameters.items()}
    assert of_spec == {name: signature[name] for name in of_spec}
    assert make_spec() == ClusterSpec()
    magic = Start().arguments()
    assert {name: value or signature[name] for name, value in magic.items()} == {
        name: signature[name] for name in magic
    }
    assert parse_cluster("start") == Start()
