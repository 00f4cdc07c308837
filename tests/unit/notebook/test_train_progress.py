"""A training's display from its first look to what stays."""

from __future__ import annotations

from contextvars import ContextVar
from types import SimpleNamespace

import pytest

from raydp_magic.notebook import train_progress
from raydp_magic.notebook.train_progress import TrainProgress
from raydp_magic.train.runs import Look, under_way

cell = ContextVar("cell")


@pytest.fixture
def shell(monkeypatch):
    """A kernel's, whose publisher notes what it is given, and for which cell."""
    monkeypatch.setattr(train_progress, "LOOK_SECONDS", 0.01)
    published = []

    def publish(data, metadata, transient, update):
        published.append((cell.get(None), transient["display_id"], update, data))

    return SimpleNamespace(
        kernel=object(), display_pub=SimpleNamespace(publish=publish), published=published
    )


@pytest.fixture
def progress(shell):
    shown = TrainProgress(shell, lambda: True)
    shown.listen()
    yield shown
    shown.remove()


def train(shell, label="TorchEstimator", error=None):
    with under_way("r", label, "epoch", 2, 1) as entry:
        points = ({"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0})
        entry.enter("starting", lambda: Look(points, first_at=1.0, last_at=2.0))
        wait_for(lambda: shell.published)
        if error:
            raise error


def wait_for(condition):
    import time

    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_display_in_its_own_cell_ends_as_a_line_and_a_curve(shell, progress):
    cell.set("3")
    train(shell)
    cells, ids, updates, data = zip(*shell.published, strict=True)
    assert set(cells) == {"3"}
    assert len(set(ids)) == 1
    assert updates[0] is False
    assert all(updates[1:])
    assert data[-1]["text/plain"].startswith("TorchEstimator: 2 epochs, train_loss 1, 1 worker")
    assert "data:image/svg+xml;base64," in data[-1]["text/html"]


def test_a_failed_one_says_so(shell, progress):
    with pytest.raises(ValueError, match="x"):
        train(shell, error=ValueError("x"))
    assert "2 epochs, failed" in shell.published[-1][3]["text/plain"]


def test_off_is_off(shell):
    shown = TrainProgress(shell, lambda: False)
    shown.listen()
    try:
        with under_way("r", "T", "epoch", 1, 1):
            pass
        assert shell.published == []
    finally:
        shown.remove()


def test_without_a_terminal_nothing_is_written(capsys):
    shown = TrainProgress(SimpleNamespace(), lambda: True)
    shown.listen()
    try:
        with under_way("r", "T", "epoch", 1, 1):
            pass
    finally:
        shown.remove()
    assert capsys.readouterr().out == ""
