"""What a plugin leaves behind beside what it returns: files where it was, files for a while, pickles it has opened."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_TEMPORARY: Final = ("TMPDIR", "TEMP", "TMP")


@dataclass
class Left:
    """Files that are still there, each with where it lies."""

    files: list[str] = field(default_factory=list)


@contextmanager
def left_behind(folder: Path) -> Iterator[Left]:
    """Have what is done here work in an empty folder, with an empty one for temporary files, and see what stays."""
    left = Left()
    places = {"the working folder": folder / "here", "the folder of temporary files": folder / "temporary"}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    before = Path.cwd(), {name: os.environ.get(name) for name in _TEMPORARY}, tempfile.tempdir
    here, temporary = places.values()
    os.chdir(here)
    os.environ.update(dict.fromkeys(_TEMPORARY, str(temporary)))
    tempfile.tempdir = str(temporary)
    try:
        yield left
    finally:
        os.chdir(before[0])
        tempfile.tempdir = before[2]
        for name, value in before[1].items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    gc.collect()
    left.files += [
        f"{path.relative_to(place).as_posix()} in {where}"
        for where, place in places.items()
        for path in sorted(place.rglob("*"))
    ]


@dataclass
class _Ear:
    """Hears of every class that a pickle names. An audit hook stays for ever: there is one, and it listens at times."""

    heard: list[str] | None = None
    is_there: bool = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.heard is not None and event == "pickle.find_class":
            self.heard.append(".".join(map(str, arguments)))


_EAR: Final = _Ear()


@contextmanager
def unpickled() -> Iterator[list[str]]:
    """The classes that pickles name which are opened here."""
    if not _EAR.is_there:
        sys.addaudithook(_EAR)
        _EAR.is_there = True
    heard: list[str] = []
    _EAR.heard = heard
    try:
        yield heard
    finally:
        _EAR.heard = None


def pickles_in(path: Path) -> list[str]:
    """Files of an artifact that begin as a pickle does, also inside a zip file."""
    import zipfile

    found = []
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_file():
            continue
        if _is_pickle(file.read_bytes()[:4]):
            found.append(file.name)
        elif zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                found += [f"{file.name}/{name}" for name in archive.namelist() if _is_pickle(archive.read(name)[:4])]
    return found


def _is_pickle(head: bytes) -> bool:
    """From protocol 2 on a pickle tells its own; those before it are plain text and no longer written."""
    return len(head) >= 3 and head[0] == 0x80 and 2 <= head[1] <= 5 and head[2] in b"\x95}]()cX\x8a\x8c\x58"
