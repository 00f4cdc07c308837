"""The live panel as an anywidget.

The views hear and ask by the widget's custom messages, see :mod:`raydp_magic.panel.service`.
ipykernel's ``iopub_socket`` is a ``BackgroundSocket``, whose sends are handed to the IOPub
thread, so a message may be sent from any thread and leaves while a cell runs.

A panel is displayed as two outputs: the live view, and a static copy that the live view hides
while it is on the page. Whatever runs no widgets (nbconvert's HTML without network, code hosts,
a notebook reopened without its kernel) shows the copy. The copy is published anew when something
worth saving changes, and when the cluster ends it takes the live view's place, so that the saved
notebook holds the last state.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import anywidget
import traitlets
from IPython.core.getipython import get_ipython

from raydp_magic.panel import STATIC, Watched
from raydp_magic.panel.comm_route import as_addressed
from raydp_magic.panel.kept import record
from raydp_magic.panel.service import PanelService
from raydp_magic.panel.static_html import render_html
from raydp_magic.panel.text import render_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp_magic.monitoring.snapshot import Snapshot

_ENDED = ("stopped", "failed")
_NOTHING = {"text/html": "", "text/plain": ""}


class PanelWidget(anywidget.AnyWidget):
    """The live panel of one cluster.

    Parameters
    ----------
    cluster : Cluster
        What to show. It is followed until it stops or the widget is closed.

    Attributes
    ----------
    snapshot : dict
        Wire form of a :class:`~raydp_magic.monitoring.snapshot.Snapshot`: what a view shows
        before the kernel speaks, of long lists the first rows. It is renewed when something
        worth saving changes.
    """

    _esm = STATIC / "panel.js"
    _css = STATIC / "panel.css"
    snapshot = traitlets.Dict().tag(sync=True)
    panel_id = traitlets.Unicode().tag(sync=True)

    def __init__(self, cluster: Watched) -> None:
        self._last = cluster.status()
        self._saved = _worth_saving(self._last)
        super().__init__(snapshot=record(self._last))
        as_addressed(self.comm)
        self.panel_id = self.model_id
        self._lock = Lock()
        self._closed = False
        self._outputs: list[tuple[Callable[..., None], str]] = []
        shell = get_ipython()
        self._service = PanelService(
            self.send,
            cluster=cluster,
            variables=shell.user_ns if shell is not None else None,
            heard=self._on_snapshot,
        )
        self.on_msg(lambda _widget, message, _buffers: self._service.hear(message))

    def close(self) -> None:
        """Take the panel away and stop following the cluster. Idempotent."""
        self._closed = True
        self._service.close()
        super().close()

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        """Take in one snapshot; runs on the sampler's thread."""
        with self._lock:
            if self._closed:
                return
            before, self._last = self._last, snapshot
            outputs = list(self._outputs)
        worth = _worth_saving(snapshot)
        if worth != self._saved:
            self._saved = worth
            self.snapshot = record(snapshot)
            turned = (snapshot.state in _ENDED) != (before.state in _ENDED)
            for publish, stem in outputs:
                if turned:  # else the live view moves by itself
                    self._publish_live(publish, stem, update=True)
                self._publish_copy(publish, stem, update=True)

    def _ipython_display_(self) -> None:
        """Display the live view and its static copy."""
        shell = get_ipython()
        if shell is None or not hasattr(shell, "kernel"):
            print(render_text(self._last))
            return
        # This cell's publisher, kept: inside `%%capture` another one is in its place.
        publish = shell.display_pub.publish
        with self._lock:
            stem = f"raydp-{self.panel_id}-{len(self._outputs)}"
            self._outputs.append((publish, stem))
        self._publish_live(publish, stem, update=False)
        self._publish_copy(publish, stem, update=False)

    def _publish_live(self, publish: Callable[..., None], stem: str, *, update: bool) -> None:
        """Publish the live view, or an empty output once there is nothing to follow."""
        gone = self._closed or self._last.state in _ENDED
        data = _NOTHING if gone else self._view()
        publish(data=data, metadata={}, transient={"display_id": f"{stem}-live"}, update=update)

    def _publish_copy(self, publish: Callable[..., None], stem: str, *, update: bool) -> None:
        copy = f'<div class="raydp-static-{self.panel_id}">{render_html(self._last)}</div>'
        data = {"text/html": copy, "text/plain": render_text(self._last)}
        publish(data=data, metadata={}, transient={"display_id": f"{stem}-copy"}, update=update)

    def _view(self) -> dict[str, Any]:
        """Only the widget view: the static copy stands beside it, not in it.

        nbconvert prefers the view of a notebook whose widget state was saved, and then needs
        the network to draw it.
        """
        return {**self._bare(), "text/plain": ""}

    def _bare(self) -> dict[str, Any]:
        """Only what anywidget itself puts into a bundle."""
        bundle = super()._repr_mimebundle_()
        return {} if bundle is None else bundle[0]

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Put everything into one bundle, for who displays the panel in another way."""
        static = {"text/html": render_html(self._last), "text/plain": render_text(self._last)}
        return {**self._bare(), **static}, {}


def _worth_saving(snapshot: Snapshot) -> tuple[object, ...]:
    """Collect what makes a saved copy old: ticking numbers would dirty the notebook all day."""
    return (
        snapshot.state,
        tuple((executor.id, executor.state, executor.tries) for executor in snapshot.executors),
        tuple(sorted((node.id, node.alive) for node in snapshot.nodes)),
        snapshot.ledger,
        snapshot.problems,
    )


_open: WeakKeyDictionary[Any, PanelWidget] = WeakKeyDictionary()


def open_panel(cluster: Watched) -> PanelWidget:
    """Give the cluster's panel, a new one when there is none or it was closed."""
    panel = _open.get(cluster)
    if panel is None or panel._closed:
        panel = _open[cluster] = PanelWidget(cluster)
    return panel
