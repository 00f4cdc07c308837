"""What Ray says of a dead actor, in one line, and whether another try makes sense."""

from __future__ import annotations

import pytest

from raydp_magic.cluster.supervisor import actor_death_reason
from raydp_magic.engine.executor import UnfitNodeError, check_python

DIED = """The actor died because of an error raised in its creation task, \x1b[36mray::ExecutorActor.__init__()
  File "x.py", line 3, in __init__
    raise Broken("no disk")
{}"""


@pytest.mark.parametrize(
    ("last", "reason", "for_good"),
    [
        ("OSError: no space left on device", "OSError: no space left on device", False),
        ("ModuleNotFoundError: No module named 'raydp_magic'", "install it on every node", True),
        ("raydp_magic.engine.executor.UnfitNodeError: no python there", "no python there", True),
    ],
)
def test_the_innermost_cause_is_told(last, reason, for_good):
    why, permanent = actor_death_reason(RuntimeError(DIED.format(last)))
    assert reason in why
    assert "\n" not in why
    assert permanent is for_good


def test_a_death_without_a_python_error_is_told_as_ray_tells_it():
    why, permanent = actor_death_reason(RuntimeError("\nThe node died.\nMore.\n"))
    assert why == "its Ray actor ended: The node died."
    assert not permanent


def test_a_python_that_is_not_on_the_node_is_named():
    with pytest.raises(UnfitNodeError, match="/nowhere/python"):
        check_python("/nowhere/python")
    check_python("/bin/sh")
