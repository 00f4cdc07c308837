"""Whether Ray Data tells of its executions to us, or by itself."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import pytest

from raydp_magic.engine import data_runs


@pytest.fixture
def arrive(monkeypatch):
    """Have Ray Data imported, as far as is looked at; gives its settings and a handler."""
    monkeypatch.setitem(sys.modules, "ray.data.context", None)
    handler = logging.StreamHandler()
    monkeypatch.setattr(logging.getLogger("ray.data"), "handlers", [handler])

    def arrive(*, bars=True):
        context = SimpleNamespace(custom_execution_callback_classes=[], enable_progress_bars=bars)
        module = SimpleNamespace(DataContext=SimpleNamespace(get_current=lambda: context))
        monkeypatch.setitem(sys.modules, "ray.data.context", module)
        return context, handler

    yield arrive
    data_runs.unwatch()


def test_its_own_voice_is_off_while_it_is_watched(arrive):
    context, handler = arrive()
    data_runs.watch()
    data_runs.watch()
    assert context.custom_execution_callback_classes == [data_runs.Watcher]
    assert not context.enable_progress_bars
    assert not handler.filter(said(logging.INFO, "Starting execution of Dataset d"))
    assert not handler.filter(said(logging.WARNING, "Progress bars disabled. To enable, set it"))
    assert handler.filter(said(logging.WARNING, "An operator ran out of memory"))
    data_runs.unwatch()
    assert context.custom_execution_callback_classes == []
    assert context.enable_progress_bars
    assert handler.filter(said(logging.INFO, "Starting execution of Dataset d"))


def test_one_that_comes_during_a_cell_is_watched_before_it_makes_a_dataset(arrive):
    data_runs.watch()
    context, handler = arrive()
    data_runs.catch_up()
    assert context.custom_execution_callback_classes == [data_runs.Watcher]
    assert not context.enable_progress_bars
    assert not handler.filter(said(logging.INFO, "Starting execution of Dataset d"))


def test_nobody_watches_unasked_and_bars_that_a_user_took_off_stay_off(arrive):
    context, _ = arrive(bars=False)
    data_runs.catch_up()
    assert context.custom_execution_callback_classes == []
    data_runs.watch()
    data_runs.unwatch()
    assert not context.enable_progress_bars


def said(level, text):
    return logging.LogRecord("ray.data.x", level, "f", 1, text, (), None)
