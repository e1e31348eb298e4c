"""How long a cell lasts that wakes a device for a request every so often."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tradeoff.errors import BadInput

_YEAR: Final = 365.25 * 86_400
_LIPO: Final = re.compile(r"lipo:(\d+(?:\.\d+)?)(?:mah)?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Cell:
    """A cell as its makers rate it; real ones give less when they are cold, old or drained fast."""

    name: str
    capacity_mah: float
    volts: float
    lost_a_year: float

    @property
    def joules(self) -> float:
        """All that is in it."""
        return self.capacity_mah * 3.6 * self.volts


_CELLS: Final = {
    "cr2032": Cell("CR2032", 225, 3.0, 0.01),
    "aa": Cell("AA alkaline", 2500, 1.5, 0.03),
    "aa-lithium": Cell("AA lithium", 3000, 1.5, 0.01),
}
_LIPO_VOLTS: Final = 3.7
_LIPO_LOST: Final = 0.30
KNOWN: Final = "CR2032, AA, AA-lithium, LiPo:1000 (mAh)"


def cell_of(spelling: str) -> Cell:
    """The cell that a person names."""
    if found := _LIPO.match(spelling):
        capacity = float(found[1])
        if 1 <= capacity <= 1e6:
            return Cell(f"LiPo {capacity:g} mAh", capacity, _LIPO_VOLTS, _LIPO_LOST)
    if spelling.lower() not in _CELLS:
        raise BadInput(f"there is no cell {spelling!r}; known: {KNOWN}")
    return _CELLS[spelling.lower()]


@dataclass(frozen=True)
class Life:
    """What a duty cycle draws, and how long a cell bears it.

    :param watts: on the average.
    :param seconds: until the cell is empty, what it loses by itself included.
    :param share: of the power that computing takes; the rest is sleep.
    """

    cell: str
    every: float
    watts: float
    seconds: float
    share: float


def life_of(cell: Cell, every: float, busy: float, energy: float, sleep_watts: float) -> Life:
    """A request of ``energy`` joules and ``busy`` seconds, every so many seconds, and sleep between them."""
    if busy > every:
        raise BadInput(f"a request every {every:g} s cannot be: one takes {busy:.3g} s")
    resting = sleep_watts * (every - busy)
    watts = (energy + resting) / every
    leaking = cell.joules * cell.lost_a_year / _YEAR
    return Life(cell.name, every, watts, cell.joules / (watts + leaking), energy / (energy + resting))
