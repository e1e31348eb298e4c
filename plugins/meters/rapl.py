"""The energy counters of Intel and AMD processors, as Linux shows them under ``/sys/class/powercap``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

import tradeoff

ROOT: Final = Path("/sys/class/powercap")
#: The same counters are listed a second time as ``intel-rapl-mmio``; those would count twice.
_ZONE: Final = re.compile(r"intel-rapl:\d+(:\d+)?\Z")
#: Cores and graphics are part of their package already; ``psys`` holds all packages, where there is one.
_COUNTED: Final = {"package": "package", "dram": "dram"}
#: The counter of the hardware goes up in steps of 2^-14 J at the coarsest that is in use, and is renewed so often.
_STEP_JOULES: Final = 2**-14
_STEP_SECONDS: Final = 0.001


@dataclass
class Zone:
    """One counter, which begins again at zero when it is full.

    :param folder: where its files are.
    :param covers: what it sees.
    """

    folder: Path
    covers: str
    _last: int | None = None
    _total: int = 0

    def joules(self) -> float:
        """Joules since it was first asked."""
        now = self.count()
        if self._last is not None:
            gone = now - self._last
            self._total += gone if gone >= 0 else gone + self.range()
        self._last = now
        return self._total / 1e6

    def count(self) -> int:
        """Microjoules as they stand there."""
        return int((self.folder / "energy_uj").read_text(encoding="ascii"))

    def range(self) -> int:
        """Where it begins again."""
        return int((self.folder / "max_energy_range_uj").read_text(encoding="ascii"))


@dataclass
class Counters(tradeoff.Reading):
    """The counters of all packages and of their memory."""

    zones: Sequence[Zone]
    covers: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.covers = tuple(dict.fromkeys(zone.covers for zone in self.zones))
        self.step_joules = _STEP_JOULES * len(self.zones)
        self.step_seconds = _STEP_SECONDS

    def read(self) -> float:
        """The sum of all counters."""
        return sum(zone.joules() for zone in self.zones)


class Rapl(tradeoff.Meter):
    """Reads the counters; needs the right to, which since 2020 root alone has."""

    name: ClassVar[str] = "rapl"
    summary: ClassVar[str] = "the energy counters of Intel and AMD processors: package and memory, on Linux"

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root

    def available(self) -> str:
        """Why it cannot be read here, or nothing."""
        if not self._root.is_dir():
            return f"there is no {self._root}: another system, another processor, or a virtual machine"
        found = list(self._zones())
        if not any(zone.covers == "package" for zone in found):
            return f"{self._root} has no intel-rapl package: the kernel module intel_rapl_common is not loaded"
        for zone in found:
            if zone.covers == "package" and (problem := self._problem(zone)):
                return problem
        return ""

    def open(self) -> tradeoff.Reading:
        """All packages, and of the other counters those that can be read."""
        if problem := self.available():
            raise OSError(problem)
        return Counters([zone for zone in self._zones() if not self._problem(zone)])

    def _zones(self) -> Iterator[Zone]:
        for folder in sorted(self._root.iterdir()):
            if not _ZONE.match(folder.name):
                continue
            try:
                kind = (folder / "name").read_text(encoding="ascii").strip().partition("-")[0]
            except (OSError, UnicodeDecodeError):
                continue
            if kind in _COUNTED:
                yield Zone(folder, _COUNTED[kind])

    def _problem(self, zone: Zone) -> str:
        try:
            zone.count()
            zone.range()
        except PermissionError:
            files = f"{self._root}/intel-rapl:*/energy_uj"
            return f"{zone.folder / 'energy_uj'} may not be read: sudo chmod a+r {files}, until the next start"
        except (OSError, ValueError) as error:
            return f"{zone.folder} cannot be read: {error}"
        return ""


@tradeoff.hookimpl
def tradeoff_meters() -> Sequence[tradeoff.Meter]:
    """``rapl``."""
    return [Rapl()]
