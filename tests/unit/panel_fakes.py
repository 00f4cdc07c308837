"""A cluster and a sampler for panels, fed with the fixtures."""

import json
import threading
from pathlib import Path

from raydp_magic.monitoring.snapshot import from_json

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
