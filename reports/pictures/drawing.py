"""The chart library: Vega and Vega-Lite as vl-convert carries them, for pages and for files. Nothing is fetched."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput

if TYPE_CHECKING:
    from types import ModuleType

#: How to get it.
INSTALL: Final = "pip install 'tradeoff[html]'"
#: Dots for each point of a picture's width.
_SCALE: Final = 2.0
_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
_VERSION: Final = "6.4"


def library() -> ModuleType | None:
    """vl-convert, where it is installed."""
    try:
        import vl_convert
    except ImportError:
        return None
    found: ModuleType = vl_convert
    return found


def script() -> str | None:
    """Vega, Vega-Lite and vega-embed as one script for a page; nothing where the library is not installed.

    Putting it together takes seconds, and gives the same each time: it is kept in the user's cache.
    """
    found = library()
    if found is None:
        return None
    kept = _cache() / f"vega-{found.__version__}-{_VERSION}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = kept.read_text(encoding="utf-8")
        if text.endswith(_END):
            return text
    text = harmless(found.javascript_bundle(vl_version=_VERSION)) + _END
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(kept)
    return text


#: A file that was cut short does not end like this.
_END: Final = "\n/* end of Vega */\n"


def _cache() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("tradeoff"))


def harmless(code: str) -> str:
    """A script that no page takes for the end of itself; within strings and patterns both mean the same."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def drawn(spec: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, bytes]:
    """A picture as SVG and as PNG."""
    found = library()
    if found is None:
        raise BadInput(f"pictures need vl-convert-python: {INSTALL}")
    whole = {"$schema": _SCHEMA, **spec, "config": dict(config), "background": "white", "padding": 16}
    svg: str = found.vegalite_to_svg(whole, vl_version=_VERSION)
    png: bytes = found.svg_to_png(svg, scale=_SCALE)
    return svg, png
