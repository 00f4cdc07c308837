"""Spark's UI and Ray's dashboard for a browser that reaches this machine through a proxy only.

A kernel cannot see its page's address. Under JupyterHub the browser is never on the kernel's
machine, and the hub says so in the kernel's environment; elsewhere addresses stay as they are,
unless the user says that the page reaches this machine through jupyter-server-proxy.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

SWITCH = "RAYDP_MAGIC_PROXY"
"""``1``: link through jupyter-server-proxy; ``0``: never."""


def through_proxy() -> bool:
    """Whether the browser can reach this machine's ports through the notebook server alone."""
    said = os.environ.get(SWITCH)
    if said is not None:
        return said not in ("", "0")
    under_hub = bool(os.environ.get("JUPYTERHUB_SERVICE_PREFIX"))
    return under_hub and find_spec("jupyter_server_proxy") is not None


def link(url: str | None) -> str | None:
    """The address itself, or ``proxy:PORT/path`` to be put below the page's base address.

    Parameters
    ----------
    url : str or None
        What the kernel sees. It must lead to a page and not to a redirection, whose target would
        not be below the page's base address.
    """
    if url is None or not through_proxy():
        return url
    parts = urlsplit(url)
    if parts.port is None:
        return url
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    # jupyter-server-proxy opens other hosts than its own only where it is told to.
    where = str(parts.port) if local else f"{parts.hostname}:{parts.port}"
    return f"proxy:{where}/{parts.path.lstrip('/')}"


def name_for_proxy(context: Any, give: Callable[[str], object]) -> None:
    """Have Spark's UI call its application by what its pages take for the application's id.

    Their scripts (``utils.js``) read it out of the address, as what follows ``/proxy/``: right
    for YARN, and here the port. Without this the executors page asks for an application of that
    name and stays empty. Everything else in Spark goes by the real id.

    Parameters
    ----------
    context : SparkContext
        A running one.
    give : callable
        Gives its UI the name; called only behind a proxy.
    """
    port = ui_port(context)
    if port is not None:
        give(port)


def ui_port(context: Any) -> str | None:
    """The last part of the UI's address as its pages see it; None when the UI is off."""
    url = context.uiWebUrl
    proxied = link(url)
    if url is None or proxied is None or not proxied.startswith("proxy:"):
        return None
    return proxied.removeprefix("proxy:").partition("/")[0]


def rest_address(context: Any) -> str | None:
    """Address of Spark's monitoring REST API for this application; None when the UI is off.

    Parameters
    ----------
    context : SparkContext
        One that has not been stopped.
    """
    if context.uiWebUrl is None:
        return None
    return f"{context.uiWebUrl}/api/v1/applications/{ui_port(context) or context.applicationId}"
