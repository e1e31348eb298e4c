"""Which view a person means: one that a plugin brings, by its name, or a file of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tradeoff.errors import UnknownName
from tradeoff.formats.plain_file import read_small_text
from tradeoff.text import columns
from tradeoff.vocabulary import View

#: Instead of a name: tells what there is.
LIST: Final = "list"
_SUFFIX: Final = ".toml"


def find_view(name: str, views: Mapping[str, View]) -> View:
    """The view of this name, or the definition in the file of this name."""
    if name in views:
        return views[name]
    path = Path(name).expanduser()
    if path.suffix != _SUFFIX:
        raise UnknownName("view", name, views, f"Or give your own file, whose name ends in {_SUFFIX}.")
    return View(path.stem, definition=read_small_text(path, "view"), source=str(path))


def list_views(views: Mapping[str, View]) -> list[str]:
    """Each with what it tells, for a person."""
    rows = [(name, view.summary) for name, view in sorted(views.items())]
    return ["views", *(columns(rows) or ["  none"])]
