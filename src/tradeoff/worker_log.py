"""What a worker prints: kept within bounds, and quoted so that it does nothing to a terminal."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
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
    """The file into which a worker's output goes; the worker appends to it, so it may be cut meanwhile."""

    path: Path
    _left_out: int = 0
    _note: bytes = b""

    def trim(self) -> None:
        """Cut the middle out of a file that has become too large."""
        # A log that is not there yet, or not any more, cannot be too large.
        with contextlib.suppress(OSError):
            if self.path.stat().st_size > _MOST:
                self._cut()

    def _cut(self) -> None:
        with self.path.open("r+b", buffering=0) as stream:
            stream.seek(-_TAIL, os.SEEK_END)
            tail = stream.read(_TAIL)
            self._left_out += os.fstat(stream.fileno()).st_size - _HEAD - len(self._note) - len(tail)
            stream.truncate(_HEAD)
        self._note = f"\n[... {size(self._left_out)} left out ...]\n".encode()
        with self.path.open("ab") as stream:
            stream.write(self._note + tail)

    def tail(self) -> str:
        """The last lines."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - _BYTES))
                text = stream.read().decode("utf-8", errors="replace")
        except OSError as error:
            return f"(its output cannot be read: {error})"
        return "\n".join(harmless(text).splitlines()[-_LINES:])


def harmless(text: str) -> str:
    """Several lines without colours, control characters or endless lines: what a stranger wrote, to be shown."""
    lines = (safe(line.expandtabs()) for line in _COLOURS.sub("", text).splitlines())
    return "\n".join(line if len(line) <= _WIDTH else f"{line[:_WIDTH]}..." for line in lines)
