"""Files as strangers send them: what would never end, or is no file at all, is known before it is opened."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput

_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def refuse_special(path: Path) -> None:
    """Raise for what can block or go on for ever when it is read; whatever else is wrong, opening it will tell."""
    try:
        kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode))
    except (OSError, ValueError):
        return
    if kind:
        raise BadInput(f"{path} is {kind}, not a file; copy what it gives into a file first")


def is_folder(path: Path) -> bool:
    """Whether it is a folder; of a name that cannot be one, opening it will tell."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
