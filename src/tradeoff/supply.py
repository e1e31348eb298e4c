"""What the corridor asks for: what is made once and kept, and what each run takes anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tradeoff.baseline import can_be_had
from tradeoff.cell import Cell
from tradeoff.errors import TradeoffError
from tradeoff.fingerprint import digest
from tradeoff.kept import Kept, shipped
from tradeoff.loads.blocks import Block
from tradeoff.loads.serving import Served
from tradeoff.measure.energy import Metered, why_not
from tradeoff.measure.lots import Lots, time_in_lots
from tradeoff.measure.metering import Told
from tradeoff.measure.pinning import cores_for
from tradeoff.measure.speed import SpeedBook
from tradeoff.measure.timing import Timing
from tradeoff.store import Entry
from tradeoff.vocabulary import Progress


@dataclass(frozen=True)
class Timed:
    """Durations of one cell's requests.

    :param cell: the cell they were measured for: another one, where that has the same content.
    :param lots: what was timed.
    """

    cell: str
    lots: Lots


@dataclass
class Supply(Kept):
    """The stages of the corridor as the planning process sees them.

    :param meters: what energy is read from, by name.
    :param pin: the cores that are timed on, as they were asked for.
    """

    meters: tuple[str, ...] = ()
    pin: str | None = None
    _cores: dict[int, tuple[int, ...] | None] = field(default_factory=dict)
    _metered: dict[tuple[Any, ...], Metered] = field(default_factory=dict)
    _meters: Mapping[str, str] | None = None
    _timed: dict[tuple[Any, ...], Timed] = field(default_factory=dict)
    _served: dict[tuple[Any, ...], Served] = field(default_factory=dict)
    _speed: SpeedBook = field(init=False)

    def __post_init__(self) -> None:
        self._speed = SpeedBook(self.store.root)

    def timed(self, cell: Cell, artifact: Entry, timing: Timing, progress: Progress) -> Timed:
        """Durations of the cell's requests; equal content on one runtime is timed once a run."""
        baseline = self._baseline(cell, artifact, progress)
        against = baseline.facts["content"] if baseline else ""
        where = (digest(self.where(cell, artifact)), cell.load, self.data(cell.model, progress).key, against)
        if where not in self._timed:
            request = {
                **self.how(cell),
                **shipped(artifact),
                "stage": "time",
                "data": str(self.data(cell.model, progress).path),
                "batch": cell.load.batch,
                "cores": self.cores(cell),
                "baseline": shipped(baseline) if baseline else None,
            }
            lots = time_in_lots(self.workers, self.running(cell), request, timing, self._speed, progress)
            self._timed[where] = Timed(cell.spelling, lots)
        return self._timed[where]

    def served(self, cell: Cell, artifact: Entry, timing: Timing, progress: Progress) -> Served:
        """What requests met that arrived as the load's scenario says; equal content on one runtime, once a run."""
        where = (digest(self.where(cell, artifact)), cell.load, self.data(cell.model, progress).key)
        if where not in self._served:
            request = {
                **self.how(cell),
                **shipped(artifact),
                "stage": "serve",
                "data": str(self.data(cell.model, progress).path),
                "cores": self.cores(cell),
                "scenario": cell.load.scenario,
                "values": cell.load.parameters,
                "seed": self.seed,
                "timing": timing.to_json(),
            }
            answer = self.workers.ask(self.running(cell), request, progress)
            blocks = tuple(Block.from_json(block) for block in answer["blocks"])
            self._served[where] = Served(cell.spelling, cell.load.scenario, blocks, answer["facts"])
        return self._served[where]

    def metered(self, cell: Cell, artifact: Entry, timing: Timing, progress: Progress) -> Metered:
        """What meters tell of the cell's requests; equal content on one runtime is metered once a run.

        Whatever goes wrong here costs the energy, and nothing that was measured before.
        """
        where = (digest(self.where(cell, artifact)), cell.load, self.data(cell.model, progress).key)
        if where not in self._metered:
            self._metered[where] = self._ask_meters(cell, artifact, timing, progress)
        return self._metered[where]

    def _ask_meters(self, cell: Cell, artifact: Entry, timing: Timing, progress: Progress) -> Metered:
        if self._meters is None:
            self._meters = {name: why_not(self.registry.meters[name]) for name in self.meters}
        refused = {name: why for name, why in self._meters.items() if why}
        usable = [name for name in self._meters if name not in refused]
        if not usable:
            return Metered(refused=refused)
        request = {
            **self.how(cell),
            **shipped(artifact),
            "stage": "meter",
            "data": str(self.data(cell.model, progress).path),
            "batch": cell.load.batch,
            "cores": self.cores(cell),
            "meters": usable,
            "timing": timing.to_json(),
        }
        try:
            answer = self.workers.ask(self.running(cell), request, progress)
        except TradeoffError as error:
            return Metered(refused={**refused, **dict.fromkeys(usable, str(error))})
        return Metered({name: Told.from_json(told) for name, told in answer.items()}, refused)

    def cores(self, cell: Cell) -> list[int] | None:
        """The cores that a cell is timed on, if it may not go where it likes; chosen once a run."""
        threads = int(cell.backend.parameters.get("threads", 1)) * int(cell.load.parameters.get("lanes", 1))
        if threads not in self._cores:
            self._cores[threads] = cores_for(self.pin, threads)
        found = self._cores[threads]
        return list(found) if found else None

    def _baseline(self, cell: Cell, artifact: Entry, progress: Progress) -> Entry | None:
        """The baseline on the same backend, unless it cannot be had there or it is the same."""
        other = self.baseline(cell)
        if other == cell or not can_be_had(self.registry, other):
            return None
        try:
            baseline = self.artifact(other, progress)
        except TradeoffError:
            # It has a cell of its own, in which it is told; here there is only no ratio.
            return None
        return None if baseline.facts["content"] == artifact.facts["content"] else baseline
