"""Interrupts are put off to the end of a block, or noted where somebody swallows them."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

from raydp_magic.engine.interrupts import import_whole, interrupts_held, interrupts_noted


def test_put_off_to_the_end_of_the_block():
    done = []

    def block():
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_the_block_stays_that_error():
    with pytest.raises(ZeroDivisionError), interrupts_held():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_are_left_alone():
    handlers = []

    def inside():
        with interrupts_held():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]


def test_one_that_is_swallowed_is_noted():
    with interrupts_noted() as came:
        assert not came()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert came()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_noting_goes_on_inside_a_block_that_holds_them():
    with interrupts_noted() as came:
        with pytest.raises(KeyboardInterrupt), interrupts_held():
            signal.raise_signal(signal.SIGINT)
        assert came()


def test_an_interrupt_does_not_break_an_import(tmp_path, monkeypatch):
    (tmp_path / "slowly_made.py").write_text("import time\ntime.sleep(0.5)\nwhole = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.1, signal.pthread_kill, [threading.get_ident(), signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            import_whole("slowly_made")
    finally:
        signal.signal(signal.SIGINT, before)
    import_whole("slowly_made")
    assert sys.modules["slowly_made"].whole
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        import_whole("no_such_module")
