"""A stranger's zip file: what its table of contents says is checked before anything is unpacked."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.text import safe

_ENCRYPTED: Final = 0x1
_METHODS: Final = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
_MEMBERS: Final = 10_000
#: Real weights and real data do not shrink to a hundredth; a file of zeros that fills the memory does.
_EXPANSION: Final = 100
#: So much unpacks from any file: labels of a few classes and masks can shrink a lot.
_HARMLESS: Final = 64 * 1024**2


def check_zip(path: Path, archive: zipfile.ZipFile, limit: int, what: str, called: Callable[[str], str] = str) -> None:
    """Raise for members that hide each other, are no plain files, or unpack to more than they should.

    :param limit: bytes of all members together.
    :param what: what a file of this kind holds, for the error.
    :param called: the name under which a member is found.
    """
    infos = archive.infolist()
    if len(infos) > _MEMBERS:
        raise BadInput(f"{path} has {len(infos)} members; up to {_MEMBERS} are taken")
    name, count = Counter(called(info.filename) for info in infos).most_common(1)[0] if infos else ("", 0)
    if count > 1:
        raise BadInput(f"{path} has {count} members named {clipped(name)!r}: one hides another; write it anew")
    for info in infos:
        fault = _fault(info)
        if fault:
            raise BadInput(f"{path}: its member {clipped(info.filename)!r} is {fault}; write it anew without that")
    total = sum(info.file_size for info in infos)
    if total > limit:
        raise BadInput(
            f"{path} would unpack to {total / 1024**3:.1f} GiB, too many bytes for {what}; "
            f"up to {limit / 1024**3:.1f} GiB are taken"
        )
    held = sum(info.compress_size for info in infos)
    if total > max(_HARMLESS, _EXPANSION * min(held, path.stat().st_size)):
        raise BadInput(
            f"{path} would unpack to {total / 1024**2:.0f} MiB, more than {_EXPANSION} times what it holds: too many "
            f"for {what}, and what a file made to fill the memory looks like; write it anew without compression if it "
            "is yours"
        )


def clipped(name: str) -> str:
    """A name of a stranger's, short and without control characters."""
    return safe(name if len(name) <= 60 else f"{name[:60]}...")


def _fault(info: zipfile.ZipInfo) -> str | None:
    if info.flag_bits & _ENCRYPTED:
        return "encrypted"
    if info.compress_type not in _METHODS:
        return "compressed in an unusual way"
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link or a special file"
    return None
