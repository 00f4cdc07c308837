"""Addresses that a browser can open, wherever the kernel runs.

A kernel cannot see its page's address. Under JupyterHub the browser is never on the kernel's
machine, and the hub says so in the kernel's environment; elsewhere addresses stay as they are,
unless the user says that the page reaches this machine through jupyter-server-proxy.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from urllib.parse import urlsplit

SWITCH = "RAYDP_MAGIC_PROXY"
"""``1``: link through jupyter-server-proxy; ``0``: never."""


def link(url: str | None) -> str | None:
    """The address itself, or ``proxy:PORT/path`` to be put below the page's base address.

    Parameters
    ----------
    url : str or None
        What the kernel sees.
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


def through_proxy() -> bool:
    """Whether the browser can reach this machine's ports through the notebook server alone."""
    said = os.environ.get(SWITCH)
    if said is not None:
        return said not in ("", "0")
    under_hub = bool(os.environ.get("JUPYTERHUB_SERVICE_PREFIX"))
    return under_hub and find_spec("jupyter_server_proxy") is not None
