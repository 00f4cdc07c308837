"""``_ray`` is made when it is used, and not before."""

from __future__ import annotations

import ast

import pytest
from IPython.core.error import InputRejected
from IPython.core.inputtransformer2 import TransformerManager

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


def meet(lazy, code):
    """What IPython does before it runs a cell."""
    return lazy.visit(ast.parse(TransformerManager().transform_cell(code)))


def test_made_once_when_the_cell_uses_it():
    made = []
    namespace, lazy = offered(lambda df: made.append(df) or Dataset())
    for code in ("x = my_ray + _rays + a._ray", "pass", "print('_ray')  # _ray", "_ray = 1"):
        meet(lazy, code)
    assert isinstance(namespace["_ray"], PendingDataset)
    assert made == []
    meet(lazy, "_ray.count()")
    assert isinstance(namespace["_ray"], Dataset)
    meet(lazy, "_ray")
    assert made == ["df"]


@pytest.mark.parametrize(
    "code", ["%%raydp_spark\n_ray.count()", "%time _ray.count()", "def f():\n    return _ray"]
)
def test_magics_and_functions_count_as_use(code):
    namespace, lazy = offered(lambda _: Dataset())
    meet(lazy, code)
    assert isinstance(namespace["_ray"], Dataset)


def test_a_pending_one_makes_itself_for_code_that_reaches_it():
    namespace, _ = offered(lambda _: Dataset())
    pending = namespace["_ray"]
    assert "when `_ray` is first used" in repr(pending)
    assert not hasattr(pending, "_repr_html_")
    assert pending.count() == len(pending) == 3


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (BridgeError("no room", hint="stop something."), "could not be made: no room\nHint: stop"),
        (KeyboardInterrupt(), "KeyboardInterrupt: making `_ray` was stopped"),
        (ZeroDivisionError("odd"), "could not be made: ZeroDivisionError: odd"),
    ],
)
def test_a_failure_keeps_the_cell_from_running_and_the_promise(raised, said):
    def fail(_df):
        raise raised

    namespace, lazy = offered(fail)
    with pytest.raises(InputRejected) as caught:
        meet(lazy, "_ray")
    assert said in "\n".join(caught.value._render_traceback_())
    assert isinstance(namespace["_ray"], PendingDataset)


def test_forget_takes_only_a_promise():
    namespace, lazy = offered(lambda _: Dataset())
    lazy.forget()
    assert "_ray" not in namespace
    namespace["_ray"] = "mine"
    lazy.forget()
    assert namespace["_ray"] == "mine"
