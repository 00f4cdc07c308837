"""``_ray`` is made when it is used, and not before."""

from __future__ import annotations

import pytest

from raydp_magic.errors import BridgeError
from raydp_magic.notebook.lazy import LazyRay, PendingDataset


class Dataset:
    def __len__(self):
        return 3

    def count(self):
        return 3


def offered(make):
    namespace = {}
    lazy = LazyRay(namespace)
    lazy.offer("df", make)
    return namespace, lazy


def test_made_once_when_the_cell_mentions_it():
    made = []
    namespace, lazy = offered(lambda df: made.append(df) or Dataset())
    for text in ("x = my_ray + _rays + a._ray", "pass"):
        lazy.before_cell(text)
    assert isinstance(namespace["_ray"], PendingDataset)
    assert made == []
    lazy.before_cell("_ray.count()")
    assert isinstance(namespace["_ray"], Dataset)
    lazy.before_cell("_ray")
    assert made == ["df"]


def test_a_pending_one_makes_itself_for_code_that_reaches_it():
    namespace, _ = offered(lambda _: Dataset())
    pending = namespace["_ray"]
    assert "when `_ray` is first used" in repr(pending)
    assert not hasattr(pending, "_repr_html_")
    assert pending.count() == len(pending) == 3


def test_failure_is_one_line_and_the_promise_stays(capsys):
    def fail(_df):
        raise BridgeError("no room", hint="stop something.")

    namespace, lazy = offered(fail)
    lazy.before_cell("_ray")
    assert capsys.readouterr().err == "_ray could not be made: no room\nHint: stop something.\n"
    with pytest.raises(BridgeError):
        namespace["_ray"].count()


def test_interrupted_says_so():
    def interrupt(_df):
        raise KeyboardInterrupt

    namespace, lazy = offered(interrupt)
    lazy.before_cell("_ray.count()")
    with pytest.raises(BridgeError, match="interrupted"):
        namespace["_ray"].count()


def test_forget_takes_only_a_promise():
    namespace, lazy = offered(lambda _: Dataset())
    lazy.forget()
    assert "_ray" not in namespace
    namespace["_ray"] = "mine"
    lazy.forget()
    assert namespace["_ray"] == "mine"
