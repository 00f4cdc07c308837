"""The fleet is a pure state machine: no Ray, no JVM, no clock."""

from copy import copy

import pytest

from raydp_magic.cluster.fleet import (
    PAST_OF_SLOT,
    PAST_REMOVED,
    CreateActor,
    Decommission,
    Fleet,
    Launch,
    Release,
    backoff,
    exit_reason,
)


def running(executors=2, max_restarts=5):
    fleet = Fleet(max_restarts)
    fleet.scale(executors, 0.0)
    for slot in range(executors):
        fleet.actor_ready(slot, "node", 1.0)
    fleet.observe({str(i) for i in range(executors)}, 2.0)
    assert fleet.up == executors
    return fleet


def test_a_start_asks_for_actors_then_jvms():
    fleet = Fleet(5)
    assert fleet.scale(2, 0.0) == [CreateActor(0), CreateActor(1)]
    assert fleet.actor_ready(1, "n", 1.0) == [Launch(1, "0")]
    assert fleet.actor_ready(0, "n", 1.0) == [Launch(0, "1")]
    fleet.observe({"0"}, 2.0)
    assert fleet.up == 1


def test_a_dead_jvm_is_replaced_in_its_actor_after_a_back_off():
    fleet = running()
    assert fleet.jvm_exited(0, "0", -9, ("why",), 10.0) == []
    assert fleet.slots[0].phase == "lost"
    assert "killed" in fleet.slots[0].message
    assert "try 2 of 6" in fleet.slots[0].message
    assert fleet.tick(10.4) == []
    assert fleet.tick(10.6) == [Launch(0, "2")]  # ids are never used twice
    fleet.observe({"1", "2"}, 12.0)
    assert fleet.up == 2


def test_a_dead_actor_is_asked_for_again():
    fleet = running()
    fleet.actor_died(1, "its Ray actor ended", 10.0)
    assert fleet.tick(11.0) == [CreateActor(1)]
    assert fleet.actor_ready(1, "other", 12.0) == [Launch(1, "2")]


def test_an_executor_that_keeps_dying_is_given_up_with_its_log():
    fleet = running(1, max_restarts=2)
    now, executor = 10.0, "0"
    for _ in range(2):
        fleet.jvm_exited(0, executor, 1, ("last words",), now)
        now += 60
        [launch] = fleet.tick(now)
        executor = launch.executor_id
    fleet.jvm_exited(0, executor, 1, ("last words",), now)
    assert fleet.tick(now + 3600) == []
    [slot] = fleet.given_up
    assert "given up after 3 tries" in slot.message
    assert slot.log_tail == ("last words",)


def test_old_deaths_are_forgiven():
    fleet = running(1, max_restarts=1)
    fleet.jvm_exited(0, "0", -9, (), 10.0)
    fleet.tick(20.0)
    fleet.observe({"1"}, 21.0)
    fleet.jvm_exited(0, "1", -9, (), 21.0 + 3600)
    assert fleet.slots[0].phase == "lost"


def test_scaling_down_drains_running_executors_and_drops_the_others():
    fleet = running(2)
    fleet.scale(3, 5.0)
    assert fleet.scale(1, 6.0) == [Release(2), Decommission(1, "1")]
    assert fleet.slots[1].phase == "draining"
    assert fleet.jvm_exited(1, "1", 0, (), 9.0) == [Release(1)]
    assert list(fleet.slots) == [0]


def test_scaling_up_while_one_drains_makes_a_new_one():
    fleet = running(2)
    fleet.scale(1, 5.0)
    assert fleet.scale(2, 6.0) == [CreateActor(2)]


def test_an_actor_that_comes_after_its_slot_went_is_released():
    fleet = Fleet(5)
    fleet.scale(2, 0.0)
    fleet.scale(1, 1.0)
    assert fleet.actor_ready(1, "n", 2.0) == [Release(1)]


def test_late_news_of_an_earlier_jvm_change_nothing():
    fleet = running(1)
    fleet.jvm_exited(0, "0", -9, (), 10.0)
    fleet.tick(20.0)
    assert fleet.jvm_exited(0, "0", -9, (), 21.0) == []
    assert fleet.slots[0].phase == "starting"


def test_back_off_grows_to_a_bound():
    waits = [backoff(n) for n in range(1, 12)]
    assert waits == sorted(waits)
    assert waits[0] == 0.5
    assert waits[-1] == 30.0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "signal 9"),
        (137, "signal 9"),
        (52, "out of memory"),
        (-11, "signal 11"),
        (77, "exit code 77"),
    ],
)
def test_exit_codes_are_said_in_words(code, words):
    assert words in exit_reason(code)


def test_a_fleet_without_any_hope_says_so():
    fleet = running(2, max_restarts=0)
    fleet.jvm_exited(0, "0", -9, (), 10.0)
    assert not fleet.hopeless
    fleet.jvm_exited(1, "1", -9, (), 10.0)
    assert fleet.hopeless


def test_what_would_end_the_same_way_again_is_given_up_at_once():
    fleet = Fleet(5)
    fleet.scale(1, 0.0)
    assert fleet.actor_died(0, "no raydp_magic there", 1.0, for_good=True) == []
    assert fleet.tick(3600.0) == []
    [slot] = fleet.given_up
    assert slot.message == "no raydp_magic there"


def test_a_restart_replaces_the_jvm_in_its_actor_and_forgives():
    fleet = running()
    fleet.slots[0].tries = 4
    assert fleet.restart(0, 10.0) == [Decommission(0, "0"), Launch(0, "2")]
    assert (fleet.slots[0].phase, fleet.slots[0].tries) == ("starting", 1)
    assert fleet.jvm_exited(0, "0", 143, (), 11.0) == []  # the old one's end is no news
    fleet.observe({"2"}, 12.0)
    assert fleet.slots[0].phase == "up"


def test_a_restart_gives_one_that_was_given_up_another_chance():
    fleet = running(1, max_restarts=0)
    fleet.actor_died(0, "gone", 10.0)
    assert fleet.hopeless
    assert fleet.restart(0, 20.0) == [CreateActor(0)]
    assert not fleet.hopeless
    assert fleet.restart(0, 21.0) == []  # it is on its way


def test_removing_one_wants_one_fewer_and_takes_just_that_one():
    fleet = running(3)
    assert fleet.remove(0, 10.0) == [Decommission(0, "0")]
    assert fleet.wanted == 2
    assert fleet.remove(0, 11.0) == []  # twice is once
    assert fleet.jvm_exited(0, "0", 0, (), 12.0) == [Release(0)]
    assert sorted(fleet.slots) == [1, 2]
    fleet.jvm_exited(1, "1", -9, (), 13.0)
    assert fleet.remove(1, 14.0) == [Release(1)]
    assert fleet.wanted == 1


def test_a_copy_of_a_slot_is_one_of_its_own():
    slot = running(1).slots[0]
    other = copy(slot)
    assert other == slot
    other.phase = "lost"
    assert slot.phase == "up"


def past(fleet, slot=0):
    return [(one.executor_id, one.why) for one in fleet.slots[slot].past]


def test_a_dead_executor_is_remembered_with_its_words_when_it_is_replaced():
    fleet = running()
    fleet.jvm_exited(0, "0", 52, ("heap",), 10.0)
    fleet.tick(20.0)
    fleet.observe({"2"}, 21.0)
    assert fleet.slots[0].message == ""
    [one] = fleet.slots[0].past
    assert (one.executor_id, one.slot, one.ended, one.log_tail) == ("0", 0, 10.0, ("heap",))
    assert "out of memory" in one.why
    assert fleet.slots[1].past == ()


def test_what_ended_an_executor_first_is_what_is_remembered():
    fleet = running(1)
    fleet.jvm_exited(0, "0", -9, (), 10.0)
    fleet.actor_died(0, "its Ray actor ended", 11.0)
    fleet.restart(0, 12.0)
    [(executor, why)] = past(fleet)
    assert executor == "0"
    assert "signal 9" in why


def test_restarts_are_remembered_and_only_the_last_five_of_a_slot():
    fleet = running(1)
    for turn in range(PAST_OF_SLOT + 2):
        fleet.restart(0, 10.0 + turn)
    assert past(fleet) == [(str(n), "it was restarted") for n in range(2, PAST_OF_SLOT + 2)]


def test_removed_executors_are_remembered_and_only_so_many():
    fleet = running(1)
    fleet.scale(2, 3.0)  # one that has not begun: nothing to remember
    fleet.remove(1, 4.0)
    assert fleet.removed == ()
    for turn in range(PAST_REMOVED + 5):
        fleet.scale(2, 5.0)
        number = max(fleet.slots)
        [launch] = fleet.actor_ready(number, "node", 6.0)
        fleet.observe({launch.executor_id}, 7.0)
        fleet.remove(number, 8.0)
        fleet.jvm_exited(number, launch.executor_id, 0, (f"{turn}",), 9.0)
    assert len(fleet.removed) == PAST_REMOVED
    assert fleet.removed[-1].why == "it was removed: the executor left"
    assert fleet.removed[-1].log_tail == (f"{PAST_REMOVED + 4}",)
