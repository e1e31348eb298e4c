"""What a worker prints: kept within bounds, and quoted so that it does nothing to a terminal."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from tradeoff.text import safe, size

#: A file that has grown beyond this is cut; that much of its beginning and of its end stays.
_MOST: Final = 8_000_000
_HEAD: Final = 1_000_000
_TAIL: Final = 1_000_000
_LINES: Final = 15
_BYTES: Final = 16_384
_WIDTH: Final = 500
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class WorkerLog:
    """The file into which a worker's output goes; the worker appends to it while it is looked at."""

    path: Path
    _emptied: int = _HEAD

    def trim(self) -> None:
        """Give back the disk that the middle of too large a file takes; the worker may go on writing."""
        # A log that is not there yet, or not any more, cannot be too large.
        with contextlib.suppress(OSError), self.path.open("r+b", buffering=0) as stream:
            length = os.fstat(stream.fileno()).st_size
            if length - self._emptied > _MOST:
                if _punch(stream.fileno(), self._emptied, length - _TAIL):
                    self._emptied = length - _TAIL
                else:
                    # Without holes in files, what comes at this moment is lost.
                    _cut(stream)

    def settle(self) -> None:
        """Cut the middle out of too large a file, now that nobody writes to it any more."""
        with contextlib.suppress(OSError), self.path.open("r+b", buffering=0) as stream:
            if os.fstat(stream.fileno()).st_size > _MOST:
                _cut(stream)
                self._emptied = _HEAD

    def tail(self) -> str:
        """The last lines."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - _BYTES))
                text = stream.read().decode("utf-8", errors="replace")
        except OSError as error:
            return f"(its output cannot be read: {error})"
        return "\n".join(harmless(text).splitlines()[-_LINES:])


def _cut(stream: FileIO) -> None:
    length = stream.seek(-_TAIL, os.SEEK_END) + _TAIL
    tail = stream.read(_TAIL)
    stream.truncate(_HEAD)
    stream.seek(_HEAD)
    stream.write(f"\n[... {size(length - _HEAD - len(tail))} left out ...]\n".encode() + tail)


def _punch(descriptor: int, start: int, end: int) -> bool:
    """Make a hole in a file, which then takes no room on the disk; ``False`` where that cannot be done."""
    if sys.platform != "linux":
        return False
    fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if fallocate is None:
        return False
    keep_size, punch_hole = 1, 2
    offset, length = ctypes.c_int64(start), ctypes.c_int64(end - start)
    return bool(fallocate(descriptor, keep_size | punch_hole, offset, length) == 0)


def harmless(text: str) -> str:
    """Several lines without colours, control characters or endless lines: what a stranger wrote, to be shown."""
    lines = (safe(line.expandtabs()) for line in _COLOURS.sub("", text).splitlines())
    return "\n".join(line if len(line) <= _WIDTH else f"{line[:_WIDTH]}..." for line in lines)
