"""What Ray can ever run beside Spark's executors."""

import pytest

from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.errors import UsageError
from raydp_magic.ray_udf.room import check_room, most_at_once, room_beside


def node(name, **total):
    return NodeRoom(name, name, name, is_head=False, total=total, free={})


def test_executors_take_their_part_of_their_node():
    nodes = [node("a", CPU=4.0, GPU=1.0), node("b", CPU=2.0)]
    room = room_beside(nodes, [("a", {"CPU": 1.0}), ("a", {"CPU": 1.0}), ("gone", {"CPU": 1.0})])
    assert room == [{"CPU": 2.0, "GPU": 1.0}, {"CPU": 2.0}]
    assert most_at_once({"CPU": 1}, room) == 4
    assert most_at_once({"CPU": 1.5}, room) == 2
    assert most_at_once({"CPU": 0.1}, [{"CPU": 0.3}]) == 3
    assert most_at_once({"CPU": 1, "GPU": 0.5}, room) == 2
    assert most_at_once({"CPU": 3}, room) == 0
    assert most_at_once({"fpga": 1}, room) == 0
    assert most_at_once({}, room) is None


def test_what_never_fits_is_refused_with_the_numbers():
    nodes = [node("a", CPU=4.0)]
    room = room_beside(nodes, [("a", {"CPU": 2.0}), ("a", {"CPU": 2.0})])
    with pytest.raises(UsageError) as caught:
        check_room({"CPU": 1}, nodes, room, pool=False)
    assert str(caught.value).startswith(
        "Each batch asks for 1 CPU; this Ray has 4 CPU, and Spark's executors leave 0 CPU\nHint: "
    )
    check_room({}, nodes, room, pool=False)


def test_each_node_is_named_when_none_alone_is_enough():
    nodes = [node("a", CPU=2.0, GPU=1.0), node("b", CPU=2.0)]
    room = room_beside(nodes, [("b", {"CPU": 1.0})])
    with pytest.raises(UsageError, match="Each actor asks for 3 CPU; .* leave 2 CPU; 1 CPU on its"):
        check_room({"CPU": 3}, nodes, room, pool=True)
    with pytest.raises(UsageError, match="leave 2 CPU, 1 GPU; 1 CPU, 0 GPU on its 2 nodes"):
        check_room({"CPU": 1, "GPU": 2}, nodes, room, pool=True)


def test_what_an_autoscaler_may_bring_is_no_room_for_the_first_batch():
    """Seen to wait for ever: the node's own Spark task found no core beside those of the query."""
    nodes, coming = [node("head")], [node("to come", CPU=1.0)]
    room = room_beside(nodes, [])
    with pytest.raises(UsageError, match="no live Ray node has that") as caught:
        check_room({"CPU": 1}, nodes, room, pool=False, coming=coming)
    assert "min_worker_nodes=1" in caught.value.hint
    with pytest.raises(UsageError, match="asks for 2 CPU; this Ray has 0 CPU"):
        check_room({"CPU": 2}, nodes, room, pool=False, coming=coming)
    check_room({"CPU": 1}, [*nodes, *coming], [*room, {"CPU": 1.0}], pool=False, coming=coming)
