"""Which view a person means: one that a plugin brings, by its name, or a file of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput, UnknownName
from tradeoff.formats.plain_file import refuse_special
from tradeoff.text import columns
from tradeoff.vocabulary import View

#: Instead of a name: tells what there is.
LIST: Final = "list"
_SUFFIX: Final = ".toml"
_LARGEST: Final = 100_000


def find_view(name: str, views: Mapping[str, View]) -> View:
    """The view of this name, or the definition in the file of this name."""
    if name in views:
        return views[name]
    path = Path(name).expanduser()
    if path.suffix != _SUFFIX:
        raise UnknownName("view", name, views, f"Or give your own file, whose name ends in {_SUFFIX}.")
    return View(path.stem, definition=_text_of(path), source=str(path))


def _text_of(path: Path) -> str:
    refuse_special(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput(f"{path} has more than {_LARGEST:,} bytes: it is no view")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error


def list_views(views: Mapping[str, View]) -> list[str]:
    """Each with what it tells, for a person."""
    rows = [(name, view.summary) for name, view in sorted(views.items())]
    return ["views", *(columns(rows) or ["  none"])]
