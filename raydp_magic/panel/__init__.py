"""The panel: a live widget, and the same facts as static HTML and as plain text.

Nothing heavy is imported here; the widget library comes in with the first :func:`panel_for`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from raydp_magic.errors import RaydpMagicError

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp_magic.monitoring.snapshot import Snapshot
    from raydp_magic.panel.service import Watching
    from raydp_magic.panel.static_html import render_html
    from raydp_magic.panel.text import render_text
    from raydp_magic.panel.widget import PanelWidget

__all__ = ["panel_for", "render_html", "render_text"]

STATIC = Path(__file__).parent / "static"
"""Where the build of ``labextension/`` puts the JavaScript and the stylesheet."""

_HOME = {
    "render_html": "raydp_magic.panel.static_html",
    "render_text": "raydp_magic.panel.text",
}


class Sampling(Protocol):
    """What the panel needs of a sampler."""

    @property
    def last(self) -> Snapshot | None:
        """The newest snapshot."""

    def subscribe(self, callback: Callable[[Snapshot], None], /) -> Watching:
        """Call back with each new snapshot; returns how to stop."""


class Watched(Protocol):
    """What the panel needs of a cluster."""

    @property
    def sampler(self) -> Sampling:
        """The source of snapshots."""

    def status(self) -> Snapshot:
        """One snapshot, now."""


def panel_for(cluster: Watched | None) -> PanelWidget:
    """Give the live panel of a cluster, the same one each time while it is open.

    Parameters
    ----------
    cluster : Cluster or None
        The cluster to show; without one the panel has only the form that starts one.

    Returns
    -------
    PanelWidget
        A widget that follows the cluster until it stops, keeps its last state, and offers a start.

    Raises
    ------
    RaydpMagicError
        When the panel's JavaScript was not built (a source checkout).
    """
    missing = [name for name in ("panel.js", "panel.css") if not (STATIC / name).is_file()]
    if missing:
        raise RaydpMagicError(
            f"The panel is not built: raydp_magic/panel/static lacks {' and '.join(missing)}",
            hint="run `make build` in the checkout, or install the package with pip.",
        )
    from raydp_magic.panel.widget import open_panel

    return open_panel(cluster)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'raydp_magic.panel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
