"""The best speed that this machine has shown: what a round is held against to tell whether it was disturbed.

A shared machine may be slow for minutes on end. Within one run nothing would tell; so the best that was ever seen is
kept beside the store.
"""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tradeoff.fingerprint import digest
from tradeoff.machine import describe_machine

NAME: Final = "speed.json"
_SAME: Final = ("processor", "architecture", "cores", "python")


@dataclass
class SpeedBook:
    """Seconds of the control at its quickest, kept in ``folder`` for machines of this kind."""

    folder: Path
    _best: float | None = field(default=None, init=False)

    def best(self, seen: float | None) -> float | None:
        """The quickest so far, with what was ``seen`` just now."""
        if self._best is None:
            self._best = self._read().get(_kind())
        if seen is not None and (self._best is None or seen < self._best):
            self._best = seen
            self._write(seen)
        return self._best

    def _read(self) -> dict[str, float]:
        try:
            data = json.loads((self.folder / NAME).read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(data, dict):
            return {}
        return {kind: value for kind, value in data.items() if isinstance(value, float) and 0 < value < math.inf}

    def _write(self, seconds: float) -> None:
        """Another run may write at the same time: one of two nearly equal numbers stays. What cannot be written, such
        as in a store that is read-only, is known for this run alone.
        """
        with contextlib.suppress(OSError):
            part = self.folder / f"{NAME}.{id(self)}.part"
            part.write_text(json.dumps({**self._read(), _kind(): seconds}), encoding="utf-8")
            part.replace(self.folder / NAME)


def _kind() -> str:
    machine = describe_machine()
    return digest([machine.get(name) for name in _SAME])[:16]
