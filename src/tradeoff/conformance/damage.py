"""Artifacts as a bad disk or a wrong path would have them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

KINDS: Final = ("empty", "cut short", "foreign")


def damaged(artifact: Path, kind: str, folder: Path) -> Path:
    """A copy of ``artifact`` in ``folder``, of which every file is spoilt."""
    copy = copied(artifact, folder)
    for file in sorted(copy.rglob("*")) if copy.is_dir() else [copy]:
        if file.is_file():
            file.write_bytes(_spoilt(file.read_bytes(), kind))
    return copy


def copied(artifact: Path, folder: Path) -> Path:
    """A copy of ``artifact``, file or folder, in another folder."""
    folder.mkdir(parents=True)
    copy = folder / artifact.name
    if artifact.is_dir():
        shutil.copytree(artifact, copy)
    else:
        shutil.copy(artifact, copy)
    return copy


def _spoilt(content: bytes, kind: str) -> bytes:
    if kind == "empty":
        return b""
    if kind == "cut short":
        return content[: len(content) // 2]
    return b"This is no model.\n" * (1 + len(content) // 18)
