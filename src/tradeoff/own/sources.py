"""Where the user's arrays come from: ``.npz``, a folder of images or a function; in the end a file of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput
from tradeoff.formats.plain_file import is_folder
from tradeoff.own import apart
from tradeoff.own.functions import is_function
from tradeoff.own.preprocessing import parse_preprocessing

DEFAULT_TIMEOUT: Final = 3600.0


@dataclass(frozen=True)
class Source:
    """What the user named, and the file of arrays that it stands for.

    :param named: as messages call it.
    :param file: an ``.npz`` file.
    :param notes: what was understood on the way, in plain language.
    """

    named: Path
    file: Path
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For a worker."""
        return {"named": str(self.named), "file": str(self.file), "notes": list(self.notes)}


def open_source(text: str, preprocess: str = "", timeout: float = DEFAULT_TIMEOUT) -> Source:
    """Have images read and a function called in a process of their own; an ``.npz`` file is what it is."""
    path = Path(text)
    if is_folder(path):
        return _apart("images", path, timeout, size=_size(preprocess))
    if is_function(text) and not path.exists():
        return _apart("function", path, timeout)
    if not path.exists() and path.suffix != ".npz":
        raise BadInput(
            f"{path}: there is no such file; data is an .npz file, a folder of images by class, or a function as "
            "module:callable"
        )
    return Source(path, path)


def _apart(work: str, path: Path, timeout: float, **more: Any) -> Source:
    folder = apart.new_folder()
    request = {"path": str(path), "what": str(path), "folder": str(folder), **more}
    answer = apart.ask(work, request, timeout)
    return Source(path, folder / apart.ARRAYS, tuple(answer["notes"]))


def _size(preprocess: str) -> int | None:
    """What images are scaled to while they are read, so that they may differ in size."""
    steps = parse_preprocessing(preprocess)
    return int(steps[0].number) if steps and steps[0].name == "resize" else None
