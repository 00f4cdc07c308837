"""The kernel's side of the panel's wire protocol, for one channel: a widget or a comm.

Messages are heard on whatever thread the kernel hands them over (a subshell's while a cell
runs), snapshots come on the sampler's, and what may take long runs on a thread of its own.
Several views may sit behind one channel, and a closed page says nothing: now and then, and when
one view says that it is hidden, the others are made to speak up.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from raydp_magic.loaded import ask
from raydp_magic.monitoring import diff
from raydp_magic.panel.actions import WITHOUT_CLUSTER, Surroundings, failure, perform
from raydp_magic.panel.start_picture import start_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp_magic.monitoring.snapshot import Preset, Snapshot
    from raydp_magic.spec import ClusterSpec

Message = dict[str, Any]

LOOK_SECONDS = 0.5
OLD_SECONDS = 5.0
"""A last snapshot of this age was taken when somebody last looked: a view gets a new one."""
LEASE_SECONDS = 120.0
"""After this time without a word of any view, they are asked whether they are still there."""


class Watching(Protocol):
    """A subscription: called to end it."""

    def __call__(self) -> None:
        """End it."""

    def watch(self, watching: bool, /) -> None:
        """Say whether anybody can see it."""


_STARTING = "raydp_magic.cluster.starting"


def _presets() -> tuple[Preset, ...]:
    """Sizes to offer for a start, from what is free now."""
    from raydp_magic.cluster.asking import known_nodes
    from raydp_magic.cluster.presets import presets
    from raydp_magic.monitoring.snapshot import Preset

    with contextlib.suppress(Exception):  # a Ray that goes away right now
        return tuple(Preset(*one) for one in presets(known_nodes(None) or []))
    return ()


def kernel_cluster() -> Any:
    """The kernel's cluster or None; imports nothing and waits for nothing."""
    return ask(_STARTING, "peek")


def being_started() -> ClusterSpec | None:
    """What the kernel is starting; imports nothing and waits for nothing."""
    spec: ClusterSpec | None = ask(_STARTING, "being_started")
    return spec


def _nothing(ended: str | None, offered: tuple[Preset, ...]) -> Message:
    from raydp_magic import __version__

    return {
        "type": "none",
        "ended": ended,
        "presets": [dict(vars(preset)) for preset in offered],
        "actions": list(WITHOUT_CLUSTER),
        "versions": {"raydp_magic": __version__},
    }


class PanelService:
    """Speaks with the views behind one channel.

    Parameters
    ----------
    send : callable
        Sends one message; called from several threads, one at a time.
    cluster : Cluster, optional
        The cluster to show until it ends; by default whichever runs in this kernel.
    keeps : bool
        Go on showing the last state of a cluster that has ended, with the offer of a start, until
        another one runs; else say that none runs. With a `cluster` it always does.
    variables : dict, optional
        The user's namespace.
    started : callable, optional
        Given the cluster that a view has started.
    heard : callable, optional
        Given each snapshot, seen or not, before the views.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        *,
        cluster: Any = None,
        keeps: bool = False,
        variables: dict[str, Any] | None = None,
        started: Callable[[Any], None] = lambda _: None,
        heard: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        self._send = send
        self._fixed = cluster
        self._keeps = keeps or cluster is not None
        self._heard = heard
        self._told_start = started
        self._around = Surroundings({} if variables is None else variables, self._started)
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._cluster: Any = None
        self._subscription: Watching | None = None
        self._shown: Any = None  # the cluster, spec or "none" that the views know of
        self._record: Message | None = None
        self._seq = 0
        self._visible = False
        self._heard_at = 0.0
        self._closed = False
        self._ended: Snapshot | None = None  # the last state, of which there is no more news
        # Asked for a cluster that had ended already: shown is that one, whichever runs now.
        self._past = False
        if cluster is not None:
            last = cluster.sampler.last
            self._past = last is not None and last.ended
            if self._past:
                self._fixed, self._ended = None, last
            else:
                self._follow(cluster)

    # What views say ------------------------------------------------------------------------------

    def hear(self, message: Any) -> None:
        """One message of a view; returns at once."""
        if self._closed or not isinstance(message, dict):
            return
        self._heard_at = time.monotonic()
        kind = message.get("type")
        if kind == "hello":
            with self._lock:
                self._shown = self._record = None
            if message.get("visible"):  # a hidden one does not speak for the others
                self._set_visible(True)
            self._look()
        elif kind == "visible":
            self._set_visible(bool(message.get("visible")))
            if message.get("visible"):
                self._look()
            else:
                self._probe()
        elif kind == "ask":
            threading.Thread(
                target=self._answer, args=(message,), name="raydp_magic-action", daemon=True
            ).start()

    def close(self) -> None:
        """The channel is gone. Idempotent."""
        self._closed = True
        self._wake.set()
        self._follow(None)

    def _answer(self, message: Message) -> None:
        answer: Message = {"type": "answer", "id": message.get("id")}
        details = message.get("with")
        cluster = self._present()
        try:
            action = str(message.get("do"))
            value = perform(
                action, details if isinstance(details, dict) else {}, cluster, self._around
            )
            answer |= {"ok": True, "value": value}
        except Exception as error:  # noqa: BLE001 - the view that asked is told
            text, hint = failure(error)
            answer |= {"ok": False, "error": text, "hint": hint}
        self._say(answer)
        self._look()
        if self._subscription is not None:
            self._subscription.watch(self._visible)  # the next picture now

    def _started(self, cluster: Any) -> None:
        """A view of ours has started it."""
        self._past = False
        self._told_start(cluster)

    # What views are shown ------------------------------------------------------------------------

    def _set_visible(self, visible: bool) -> None:
        self._visible = visible
        subscription = self._subscription
        if subscription is not None:
            subscription.watch(visible)

    def _probe(self) -> None:
        """Whoever is still there says hello: this fits on nothing that a view has."""
        with self._lock:
            self._seq += 2
            self._say({"type": "diff", "seq": self._seq, "base": self._seq - 1, "diff": {}})
            self._record = None

    def _look(self) -> None:
        """See to it that the views know what there is; does not wait."""
        with self._lock:
            self._wake.set()
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(
                    target=self._run, name="raydp_magic-panel", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.clear()
            with contextlib.suppress(Exception):
                self._round()
            with self._lock:
                if self._closed or not (self._visible or self._wake.is_set()):
                    self._thread = None
                    return
            if time.monotonic() - self._heard_at > LEASE_SECONDS:
                self._heard_at = time.monotonic()
                self._set_visible(False)
                self._probe()
            self._wake.wait(LOOK_SECONDS)

    def _present(self) -> Any:
        """The cluster to show and to act on, None without one."""
        if self._past:
            return None
        return kernel_cluster() if self._fixed is None else self._fixed

    def _round(self) -> None:
        spec = being_started()  # before the cluster, which is there when this is over
        cluster = self._present()
        if cluster is not None and self._shown is not cluster:
            self._follow(cluster)
            snapshot = cluster.sampler.last
            if snapshot is None or time.time() - snapshot.taken_at > OLD_SECONDS:
                snapshot = cluster.status()
            with self._lock:
                self._shown, self._record = cluster, None
                self._show(snapshot)
        elif cluster is None and spec is not None:
            self._follow(None)
            if self._shown is not spec:
                self._record = None
            self._shown = spec
            self._show(start_picture(spec, time.time()))
        elif cluster is None and self._shown != "none":
            ended, last, offered = self._end_text(), self._ended, _presets()
            self._follow(None)
            with self._lock:
                self._shown, self._record = "none", None
                if last is None:
                    self._say(_nothing(ended, offered))
                else:
                    self._show(replace(last, actions=WITHOUT_CLUSTER, presets=offered))

    def _end_text(self) -> str | None:
        why = ask(_STARTING, "last_end")
        if why is not None:
            return f"The cluster has ended: {why}"
        return None if self._cluster is None else "The cluster was stopped"

    def _follow(self, cluster: Any) -> None:
        """Hear the snapshots of this cluster, and of no other."""
        with self._lock:
            if cluster is self._cluster and (cluster is None or self._subscription is not None):
                return
            before, self._subscription = self._subscription, None
            self._cluster = cluster
        if before is not None:
            before()
        if cluster is None:
            return
        subscription = cluster.sampler.subscribe(self._on_snapshot)
        subscription.watch(self._visible)
        with self._lock:
            if self._cluster is cluster and not self._closed:
                self._subscription, subscription = subscription, None
        if subscription is not None:
            subscription()

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        """Runs on the sampler's thread."""
        self._heard(snapshot)
        with self._lock:
            known = self._record
            turned = known is not None and known["state"] != snapshot.state
            if (self._visible or turned) and self._shown is self._cluster:
                self._show(snapshot)
        if snapshot.ended and self._keeps:
            self._fixed, self._ended = None, snapshot
            self._follow(None)
            self._wake.set()

    def _show(self, snapshot: Snapshot) -> None:
        record = snapshot.to_wire()
        with self._lock:
            before, self._record = self._record, record
            base, self._seq = self._seq, self._seq + 1
            if before is None:
                self._say({"type": "snapshot", "seq": self._seq, "snapshot": record})
            else:
                change = diff.make(before, record)
                self._say({"type": "diff", "seq": self._seq, "base": base, "diff": change})

    def _say(self, message: Message) -> None:
        with self._lock:
            if not self._closed:
                with contextlib.suppress(Exception):  # a page that went away
                    self._send(message)
