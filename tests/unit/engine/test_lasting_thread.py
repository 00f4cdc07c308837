"""A thread that stays for what it has started."""

import threading

import pytest

from raydp_magic.engine.lasting_thread import in_lasting_thread, let_end


def elsewhere(call):
    box = []
    thread = threading.Thread(target=lambda: box.append(call()))
    thread.start()
    thread.join(10)
    return box[0]


def test_the_main_thread_needs_no_other():
    assert in_lasting_thread(threading.current_thread) is threading.main_thread()


def test_elsewhere_the_thread_outlives_its_caller_until_it_may_end():
    starter = elsewhere(lambda: in_lasting_thread(threading.current_thread))
    assert starter.is_alive()
    let_end()
    starter.join(10)
    assert not starter.is_alive()


def test_a_failure_is_the_callers_and_leaves_no_thread():
    started = []

    def fail():
        started.append(threading.current_thread())
        raise KeyError("why")

    def call():
        with pytest.raises(KeyError, match="why"):
            in_lasting_thread(fail)
        return True

    assert elsewhere(call)
    started[0].join(10)
    assert not started[0].is_alive()
    let_end()
