"""Two runs by their fronts: how much of the room before one reference point the cells of each cover."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from tradeoff.compare.quantities import OF_THE_MACHINE
from tradeoff.decide.candidates import Candidate, Conditions, groups_of
from tradeoff.decide.objectives import ACCURACY, OBJECTIVES, Number
from tradeoff.record import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

Verdict = Literal["better", "worse", "no difference shown"]
#: What accuracy is weighed against.
COSTS: Final = ("latency", "throughput", "energy", "size", "ram", "flash")
#: Fewer cells than this are no front: they are compared one by one.
FEWEST: Final = 3
#: The reference lies so far beyond the worst of both runs, as a share of the extent of all points.
_BEYOND: Final = 0.1
#: The end of a wide interval may be below zero, where no logarithm is.
_LEAST: Final = 1e-3
#: What is timed is of the machine whatever it is called, and so is memory.
_HERE: Final = frozenset({*OF_THE_MACHINE, "throughput", "ram"})


@dataclass(frozen=True)
class Volume:
    """What share of the room a run's cells cover; more is better.

    :param low: with every number at the worse end of its interval.
    :param high: with every one at the better end.
    """

    value: float
    low: float
    high: float
    cells: int


@dataclass(frozen=True)
class FrontChange:
    """Accuracy against one cost, in both runs.

    :param conditions: of the cells; without a machine.
    :param reference: the point before which the room lies, one for both runs: accuracy, and the cost.
    :param doubtful: cells that are left out of both, for a doubt about them.
    """

    conditions: Conditions
    cost: str
    old: Volume
    new: Volume
    reference: tuple[float, float]
    doubtful: int = 0

    @property
    def verdict(self) -> Verdict:
        """A difference is shown where even the ends of the intervals say so."""
        if self.new.low > self.old.high:
            return "better"
        return "worse" if self.new.high < self.old.low else "no difference shown"


def front_changes(old: Run, new: Run, *, machines_differ: bool = False) -> list[FrontChange]:
    """Every front that both runs have; of different machines those that do not depend on the machine."""
    before, after = (_groups(run) for run in (old, new))
    return [
        change
        for conditions in before
        if conditions in after
        for cost in COSTS
        for change in _changes(conditions, cost, (before[conditions], after[conditions]), machines_differ)
    ]


def _groups(run: Run) -> dict[Conditions, Sequence[Candidate]]:
    found: dict[Conditions, list[Candidate]] = {}
    for group in groups_of([run]):
        found.setdefault(group.conditions._replace(machine=""), []).extend(group.candidates)
    return dict(found)


def _changes(
    conditions: Conditions, cost: str, runs: tuple[Sequence[Candidate], Sequence[Candidate]], machines_differ: bool
) -> Iterator[FrontChange]:
    known = [[one for one in some if {ACCURACY, cost} <= one.numbers.keys()] for some in runs]
    sound = [[one for one in some if not _doubted(one, cost)] for some in known]
    if min(map(len, sound)) < FEWEST:
        return
    origins = {one.numbers[cost].provenance for some in sound for one in some}
    names = {one.numbers[name].name for some in sound for one in some for name in (ACCURACY, cost)}
    # Modelled in one run and measured in the other, or memory of two kinds, is no comparison.
    if len(origins) > 1 or len(names) > 2 or (machines_differ and origins == {"measured"} and cost in _HERE):
        return
    doubtful = sum(map(len, known)) - sum(map(len, sound))
    (first, second), reference = _volumes([[(o.numbers[ACCURACY], o.numbers[cost]) for o in some] for some in sound])
    yield FrontChange(conditions, cost, first, second, reference, doubtful)


def _doubted(one: Candidate, cost: str) -> bool:
    return bool(one.doubts.keys() & ({"parity"} | ({"noisy", "overloaded"} if OBJECTIVES[cost].timed else set())))


# --- the room ---------------------------------------------------------------------------------------


def _volumes(sets: Sequence[Sequence[tuple[Number, Number]]]) -> tuple[list[Volume], tuple[float, float]]:
    """The volume of each set, and the reference in the units of the records."""
    import numpy as np

    everything = np.array([[number.cost for number in pair] for some in sets for pair in some])
    scale = _Scale(everything)
    found = []
    for some in sets:
        middle = np.array([[number.cost for number in pair] for pair in some])
        worst = np.array([[number.most for number in pair] for pair in some])
        best = np.array([[number.least for number in pair] for pair in some])
        found.append(Volume(scale.covered(middle), scale.covered(worst), scale.covered(best), len(some)))
    worse, dear = scale.reference
    accuracy, cost = sets[0][0]
    return found, (_turned(worse, accuracy), _turned(dear, cost))


def _turned(cost: float, number: Number) -> float:
    return -cost if number.direction == "higher" else cost


class _Scale:
    """From 0, the best of all points, to 1, the worst; what is above zero by its logarithm."""

    def __init__(self, points: Matrix) -> None:
        import numpy as np

        self._logarithmic = points.min(axis=0) > 0
        self._tiny = np.where(self._logarithmic, _LEAST * points.min(axis=0), 0.0)
        straight = self._straightened(points)
        self._low = straight.min(axis=0)
        extent = straight.max(axis=0) - self._low
        # Where all are alike any extent will do: it is the same for both runs, and the reference tells it.
        self._extent = np.where(extent > 0, extent, 1.0)

    def _straightened(self, points: Matrix) -> Any:
        import numpy as np

        return np.where(self._logarithmic, np.log(np.maximum(points, self._tiny + (~self._logarithmic))), points)

    def covered(self, points: Matrix) -> float:
        """The share of the room that is no better than some point."""
        import moocore
        import numpy as np

        placed = (self._straightened(points) - self._low) / self._extent
        reference = np.full(placed.shape[1], 1 + _BEYOND)
        room = float((1 + _BEYOND) ** placed.shape[1])
        return float(moocore.hypervolume(placed, ref=reference)) / room

    @property
    def reference(self) -> tuple[float, ...]:
        """The point where the room ends, as costs."""
        import numpy as np

        straight = self._low + (1 + _BEYOND) * self._extent
        return tuple(map(float, np.where(self._logarithmic, np.exp(straight * self._logarithmic), straight)))
