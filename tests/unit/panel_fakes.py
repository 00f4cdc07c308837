"""A cluster and a sampler for panels, fed with the fixtures, and a view of one."""

import json
import threading
from pathlib import Path

from raydp_magic.monitoring import diff
from raydp_magic.monitoring.snapshot import from_json
from raydp_magic.panel.service import PanelService

FOLDER = Path(__file__).parents[1] / "fixtures" / "snapshots"
FIXTURES = sorted(FOLDER.glob("*.json"))


def snapshot(name):
    return from_json(json.loads((FOLDER / f"{name}.json").read_text()))


class FakeWatch:
    def __init__(self, sampler, callback):
        self.sampler, self.callback, self.watching = sampler, callback, True

    def watch(self, watching):
        self.watching = watching

    def __call__(self):
        if self in self.sampler.watches:
            self.sampler.watches.remove(self)


class FakeSampler:
    def __init__(self, last=None):
        self.watches, self.last = [], last

    def subscribe(self, callback):
        self.watches.append(FakeWatch(self, callback))
        return self.watches[-1]

    def deliver(self, snapshot):
        """From another thread, as the real one does."""
        self.last = snapshot
        for watch in list(self.watches):
            thread = threading.Thread(target=watch.callback, args=(snapshot,))
            thread.start()
            thread.join()


class FakeCluster:
    def __init__(self, name="running"):
        self._now = snapshot(name)
        self.sampler = FakeSampler(self._now)

    def status(self):
        return self._now


class View:
    """A view that knows what the protocol let it know."""

    def __init__(self, **options):
        self.heard, self.record, self.seq = [], None, None
        self.news = threading.Condition()
        self.service = PanelService(self.take, **options)

    def take(self, message):
        with self.news:
            self.heard.append(message)
            if message["type"] == "snapshot":
                self.record, self.seq = message["snapshot"], message["seq"]
            elif message["type"] == "diff" and message["base"] == self.seq:
                self.record = diff.apply(self.record, message["diff"])
                self.seq = message["seq"]
            self.news.notify_all()

    def says(self, kind, **fields):
        self.service.hear({"type": kind, **fields})

    def hello(self, visible=True):
        self.says("hello", schema=3, visible=visible)
        self.until(lambda: self.heard)

    def until(self, condition, seconds=5):
        with self.news:
            assert self.news.wait_for(condition, seconds), self.heard

    def asks(self, action, **details):
        number = 1 + sum(m["type"] == "answer" for m in self.heard)
        self.says("ask", id=number, do=action, **{"with": details})
        self.until(lambda: any(m.get("id") == number for m in self.heard))
        return next(m for m in self.heard if m.get("id") == number)
