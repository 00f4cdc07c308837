"""A drawing as an image, for notebooks that JupyterLab does not trust. Pure.

JupyterLab's sanitizer (4.6, `Sanitizer` of @jupyterlab/apputils) drops `svg` and what is in it, but
keeps the words of `text` and `title`, which would then run through the page. An `img` may stay,
whatever its `src` is.
"""

from __future__ import annotations

from base64 import b64encode
from html import escape

_ROOT = 'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" color="#767676"'
"""An image is a page of its own: it has no colour to inherit, so its texts get one that can be read
on light and on dark."""


def svg_image(svg: str, *, alt: str, style: str = "") -> str:
    """Wrap a drawing.

    Parameters
    ----------
    svg : str
        One ``<svg>`` element; a ``currentColor`` in it becomes a grey, the page's variables are
        not known there.
    alt : str
        The drawing in words, not escaped; empty when what stands beside it says it already.
    style : str
        The image's own.
    """
    data = b64encode(svg.replace("<svg", f"<svg {_ROOT}", 1).encode()).decode()
    look = f' style="{style}"' if style else ""
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(alt)}"{look}>'
