"""Which bundle an executor goes to; no Ray."""

from raydp_magic.cluster.placement import bundles_for, free_seat
from raydp_magic.spec import make_spec


def seats(executors, count):
    taken = {}
    for slot in range(executors):
        taken[slot] = free_seat(taken, count, ())
    return list(taken.values())


def test_executors_go_to_the_bundles_in_turn_and_around():
    assert seats(2, 3) == [0, 1]
    assert seats(5, 3) == [0, 1, 2, 0, 1]


def test_a_bundle_that_became_free_is_taken_before_a_used_one():
    assert free_seat({0: 0, 2: 2}, 3, ()) == 1


def test_a_bundle_whose_executor_is_leaving_comes_before_one_that_stays_used():
    assert free_seat({0: 0, 1: 1}, 2, {1}) == 1
    assert free_seat({0: 0, 1: 1}, 3, {1}) == 2


def test_our_own_group_has_a_bundle_an_executor_of_just_its_size():
    spec = make_spec(executors=2, ray_cpus=0.5, gpus=1, resources={"big": 2})
    [one, other] = bundles_for(spec, None)
    assert one == other
    assert one == {"CPU": 0.5, "memory": spec.reserved_bytes, "GPU": 1, "big": 2}
    assert bundles_for(spec, "10.0.0.1")[0]["node:10.0.0.1"] > 0
