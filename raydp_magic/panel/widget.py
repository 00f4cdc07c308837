"""The live panel as an anywidget.

The views hear and ask by the widget's custom messages, see :mod:`raydp_magic.panel.service`.
ipykernel's ``iopub_socket`` is a ``BackgroundSocket``, whose sends are handed to the IOPub
thread, so a message may be sent from any thread and leaves while a cell runs.

A panel is displayed as two outputs: the live view, and a static copy that the live view hides
while it is on the page. Whatever runs no widgets (nbconvert's HTML without network, code hosts,
a notebook reopened without its kernel) shows the copy. The copy is published anew when something
worth saving changes, and when the cluster ends, so that the saved notebook holds the last state.
The live view stays then: it has the form to start the next one.
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

_NONE = "Spark is not running in this kernel"


class PanelWidget(anywidget.AnyWidget):
    """The live panel of a cluster, and then of the next one that runs in this kernel.

    Parameters
    ----------
    cluster : Cluster or None
        What to show first; None when there is none yet.

    Attributes
    ----------
    snapshot : dict
        Wire form of a :class:`~raydp_magic.monitoring.snapshot.Snapshot`: what a view shows
        before the kernel speaks, of long lists the first rows; empty without a cluster. It is
        renewed when something worth saving changes.
    """

    _esm = STATIC / "panel.js"
    _css = STATIC / "panel.css"
    snapshot = traitlets.Dict().tag(sync=True)
    panel_id = traitlets.Unicode().tag(sync=True)

    def __init__(self, cluster: Watched | None) -> None:
        self._last = None if cluster is None else cluster.status()
        self._saved = None if self._last is None else _worth_saving(self._last)
        super().__init__(snapshot={} if self._last is None else record(self._last))
        as_addressed(self.comm)
        self.panel_id = self.model_id
        self._lock = Lock()
        self._closed = False
        self._outputs: list[tuple[Callable[..., None], str]] = []
        shell = get_ipython()
        self._service = PanelService(
            self.send,
            cluster=cluster,
            keeps=True,
            started=_started,
            variables=shell.user_ns if shell is not None else None,
            heard=self._on_snapshot,
        )
        self.on_msg(lambda _widget, message, _buffers: self._service.hear(message))

    def close(self) -> None:
        """Take the panel away and stop following the cluster. Idempotent."""
        self._closed = True
        self._service.close()
        super().close()

    def _shows_another(self, cluster: Watched) -> bool:
        """Whether it went on with the next cluster, after the end of this one."""
        last = cluster.sampler.last
        return last is not None and self._last is not None and last.app_id != self._last.app_id

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        """Take in one snapshot; runs on the sampler's thread."""
        with self._lock:
            if self._closed:
                return
            self._last = snapshot
            outputs = list(self._outputs)
        worth = _worth_saving(snapshot)
        if worth != self._saved:
            self._saved = worth
            self.snapshot = record(snapshot)
            for publish, stem in outputs:  # the live view moves by itself
                self._publish_copy(publish, stem, update=True)

    def _ipython_display_(self) -> None:
        """Display the live view and its static copy."""
        shell = get_ipython()
        if shell is None or not hasattr(shell, "kernel"):
            print(self._text())
            return
        # This cell's publisher, kept: inside `%%capture` another one is in its place.
        publish = shell.display_pub.publish
        with self._lock:
            stem = f"raydp-{self.panel_id}-{len(self._outputs)}"
            self._outputs.append((publish, stem))
        if not self._closed:
            live = {"display_id": f"{stem}-live"}
            publish(data=self._view(), metadata={}, transient=live, update=False)
        self._publish_copy(publish, stem, update=False)

    def _publish_copy(self, publish: Callable[..., None], stem: str, *, update: bool) -> None:
        copy = f'<div class="raydp-static-{self.panel_id}">{self._html()}</div>'
        data = {"text/html": copy, "text/plain": self._text()}
        publish(data=data, metadata={}, transient={"display_id": f"{stem}-copy"}, update=update)

    def _html(self) -> str:
        return f"<p>{_NONE}</p>" if self._last is None else render_html(self._last)

    def _text(self) -> str:
        return _NONE if self._last is None else render_text(self._last)

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
        static = {"text/html": self._html(), "text/plain": self._text()}
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


def _started(cluster: Any) -> None:
    """A view has started it: the magics, where they are loaded, bind `spark`."""
    shell = get_ipython()
    magics = None if shell is None else shell.magics_manager.registry.get("RaydpMagics")
    if magics is not None:
        magics.started_elsewhere(cluster)


_open: WeakKeyDictionary[Any, PanelWidget] = WeakKeyDictionary()


def open_panel(cluster: Watched | None) -> PanelWidget:
    """Give the cluster's panel, a new one when there is none, or it was closed or went on."""
    if cluster is None:
        return PanelWidget(None)
    panel = _open.get(cluster)
    if panel is None or panel._closed or panel._shows_another(cluster):
        panel = _open[cluster] = PanelWidget(cluster)
    return panel
