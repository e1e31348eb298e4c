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


def require_file(path: Path, what: str, how: str) -> None:
    """Raise for what is missing, empty, a folder or no file at all."""
    if is_folder(path):
        raise BadInput(f"{path} is a folder; {what} is needed: {how}")
    refuse_special(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(1)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file; {what} is needed: {how}") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if not start:
        raise BadInput(f"{path} is empty; {what} is needed: {how}")


def read_small_text(path: Path, what: str, largest: int = 100_000) -> str:
    """The text of a file that a person writes by hand; ``what`` is how an error calls it."""
    refuse_special(path)
    try:
        if path.stat().st_size > largest:
            raise BadInput(f"{path} has more than {largest:,} bytes: it is no {what}")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
