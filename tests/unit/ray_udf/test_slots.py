"""A pool's plan: who starts, runs and ends, without Ray."""

from raydp_magic.ray_udf.slots import End, Run, Slots, Start


def test_actors_start_as_batches_wait_and_no_more_than_allowed():
    slots = Slots(2, 10.0)
    assert slots.came(0) == [Start(1)]
    assert slots.came(1) == [Start(2)]
    assert slots.came(2) == []


def test_batches_run_in_their_order_on_whoever_is_free():
    slots = Slots(2, 10.0)
    for batch in range(3):
        slots.came(batch)
    assert slots.ready(2, 0.0) == [Run(0, 2)]
    assert slots.ready(1, 0.0) == [Run(1, 1)]
    assert slots.ready(1, 1.0) == [Run(2, 1)]
    assert slots.ready(2, 2.0) == []
    assert slots.came(3) == [Run(3, 2)]


def test_one_batch_at_a_time_needs_one_actor():
    slots = Slots(8, 10.0)
    assert slots.came(0) == [Start(1)]
    assert slots.ready(1, 0.0) == [Run(0, 1)]
    assert slots.ready(1, 1.0) == []
    assert slots.came(1) == [Run(1, 1)]


def test_an_actor_with_nothing_to_do_ends_and_another_starts_when_it_is_needed():
    slots = Slots(1, 10.0)
    slots.came(0)
    slots.ready(1, 0.0)
    slots.ready(1, 5.0)
    assert slots.idle(14.0) == []
    assert slots.idle(15.0) == [End(1)]
    assert slots.idle(99.0) == []
    assert slots.came(1) == [Start(2)]


def test_a_batch_that_nobody_wants_is_not_run():
    slots = Slots(1, 10.0)
    slots.came(0)
    slots.came(1)
    slots.left(0)
    assert slots.ready(1, 0.0) == [Run(1, 1)]
    slots.left(1)  # it runs already
    assert slots.ready(1, 1.0) == []


def test_an_actor_that_is_gone_is_replaced_when_a_batch_waits():
    slots = Slots(1, 10.0)
    slots.came(0)
    slots.ready(1, 0.0)
    slots.came(1)
    assert slots.lost(1) == [Start(2)]
    assert slots.ready(2, 1.0) == [Run(1, 2)]
    assert slots.lost(2) == []


def test_who_works_is_known():
    slots = Slots(2, 10.0)
    slots.came(0)
    slots.ready(1, 0.0)
    assert slots.busy == {1}
    slots.ready(1, 1.0)
    assert slots.busy == set()
