"""The progress of a start in a kernel: one display, whose seconds tick."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from raydp_magic.notebook.progress import ProgressDisplay, progress_text


@dataclass(frozen=True)
class Step:
    phase: str = "ray"
    executors_up: int = 0
    executors_wanted: int = 2
    elapsed: float = 1.0


@pytest.fixture
def shown(monkeypatch):
    """Texts as they come, and an event for each that is waited for."""

    class Shown(list):
        more = threading.Event()

        def update(self, bundle, *, raw):
            assert raw
            self.append(bundle["text/plain"])
            self.more.set()

    texts = Shown()

    def display(bundle, *, raw, display_id):
        assert display_id
        texts.update(bundle, raw=raw)
        return texts

    monkeypatch.setattr("IPython.display.display", display)
    return texts


def seconds(text):
    return float(text.rpartition("(")[2].removesuffix(" s)"))


def test_the_seconds_tick_between_reports_and_end_with_the_start(shown):
    with ProgressDisplay(SimpleNamespace(kernel=object()), tick=0.06) as progress:
        progress(Step())
        for _ in range(3):
            shown.more.clear()
            assert shown.more.wait(10)
    progress.finish("ready")
    assert all(text.startswith("Ray ..., driver ..., 0/2 executors (") for text in shown[:-1])
    assert seconds(shown[0]) == 1.0
    assert seconds(shown[-2]) >= 1.1
    assert shown[-1] == "ready"
    assert not [t for t in threading.enumerate() if t.name == "raydp_magic-start"]


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt])
def test_a_start_that_fails_or_is_interrupted_ticks_no_more(shown, raised):
    progress = ProgressDisplay(SimpleNamespace(kernel=object()), tick=0.01)

    def start():
        with progress:
            progress(Step())
            raise raised

    with pytest.raises(raised):
        start()
    progress.fail()
    assert shown[-1] == "not started"
    assert not [t for t in threading.enumerate() if t.name == "raydp_magic-start"]


def test_nothing_is_shown_before_the_first_report(shown):
    with ProgressDisplay(SimpleNamespace(kernel=object()), tick=0.01):
        assert not shown.more.wait(0.1)
    assert shown == []


def test_an_address_is_a_link_where_html_is_shown(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **_: shown.append(bundle))
    url = "http://127.0.0.1:4040/?a&b"
    ProgressDisplay(SimpleNamespace(kernel=object())).finish(f"ready <i>. Spark UI: {url}")
    assert shown[0]["text/plain"].endswith(url)
    assert 'href="http://127.0.0.1:4040/?a&amp;b" target="_blank"' in shown[0]["text/html"]
    assert "<i>" not in shown[0]["text/html"]


def test_one_executor_is_one():
    assert progress_text(Step(executors_wanted=1)) == "Ray ..., driver ..., 0/1 executor (1.0 s)"


def test_a_terminal_gets_a_line_a_phase_and_no_thread(capsys):
    with ProgressDisplay(SimpleNamespace(), tick=0.01) as progress:
        for step in (Step(), Step(elapsed=2.0), Step("driver"), Step("executors", 1)):
            progress(step)
        assert not [t for t in threading.enumerate() if t.name == "raydp_magic-start"]
    assert len(capsys.readouterr().out.splitlines()) == 3
