"""Takes one proposal through the stages, and ends it as soon as a number says that it cannot be chosen."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tradeoff.cell import Cell
from tradeoff.chain import parse_chain
from tradeoff.corridor import Corridor
from tradeoff.decide.advice import Reason
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.judging import reasons_against, used
from tradeoff.decide.objectives import OBJECTIVES
from tradeoff.decide.wishes import Wish
from tradeoff.errors import BadInput, Refused, TradeoffError
from tradeoff.fingerprint import digest
from tradeoff.measure.timing import Timing
from tradeoff.record import Record, record_from_json, record_to_json
from tradeoff.runs.replay import ReplayClock
from tradeoff.searching.by_validation import by_validation
from tradeoff.searching.outcomes import Ended, Outcome
from tradeoff.searching.proxies import beyond, cannot_win, knowable, sketch_of, texts, with_leeway, without_size
from tradeoff.searching.space import Dial
from tradeoff.supply import Supply
from tradeoff.vocabulary import Progress

#: What the cells are told to be planned for: the suite that a run would have them in.
SUITE: Final = "test_inference"
#: Folders of records: of trials that went to the end, and of those that a run would have measured as well.
_JUDGED: Final = "judged"
_MEASURED: Final = "measured"


@dataclass
class NoBenchmark:
    """Stands where a run has pytest-benchmark's fixture: nobody shows the samples round by round here."""

    fullname: str = ""
    group: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    extra_info: dict[str, Any] = field(default_factory=dict)
    stats: None = None
    _mode: str = ""

    def pedantic(self, call: Callable[[], Any], rounds: int, iterations: int) -> None:
        """The fixture would call it so often."""


@dataclass
class Trier:
    """Builds and judges cells, and keeps what is known of them.

    :param supply: the stages.
    :param wish: what is looked for.
    :param folder: where the record of each cell is kept.
    """

    supply: Supply
    wish: Wish
    folder: Path
    progress: Progress
    timing: Timing = field(default_factory=Timing)

    def attempt(self, cell: Cell, best: float | None, *, to_the_end: bool) -> Outcome:
        """One trial.

        :param best: the least cost in the first objective of what fits so far.
        :param to_the_end: judge it whatever is known of it before: it is what others are measured by.
        """
        try:
            if not to_the_end and (found := self._sketch(cell, best)):
                return found
            return self._full(cell, best, to_the_end=to_the_end)
        except TradeoffError as error:
            return Outcome("failed", str(error))

    def unusable(self, cell: Cell, dials: Iterable[Dial]) -> dict[str, str]:
        """The techniques of a chain that failed which refuse the model by themselves, each with the reason."""
        found, names = {}, {step.technique for step in cell.chain.model_steps}
        for dial in dials:
            if dial.technique not in names:
                continue
            techniques = self.supply.registry.techniques
            chain = parse_chain(dial.steps[len(dial.steps) // 2], techniques)
            try:
                self.supply.variants(cell.model, (sketch_of(chain, techniques) or chain).model_steps, self.progress)
            except Refused as error:
                found[dial.technique] = str(error)
            except TradeoffError:
                # Something else is wrong, which the trial has told.
                continue
        return found

    # --- from cheap to dear -------------------------------------------------------------------------

    def _sketch(self, cell: Cell, best: float | None) -> Outcome | None:
        """What ends it before it is trained, if anything does."""
        chain = sketch_of(cell.chain, self.supply.registry.techniques)
        if chain is None or not knowable(self.wish, self._here(cell)):
            return None
        try:
            record, lenient = self._counted(replace(cell, chain=chain))
        except TradeoffError:
            # It may be that it cannot be had with so little training; with all of it, it says so itself.
            return None
        return self._ended_by("sketch", record, best) if self._ended_by("sketch", lenient, best) else None

    def _full(self, cell: Cell, best: float | None, *, to_the_end: bool) -> Outcome:
        corridor = self._corridor(cell)
        artifact = corridor.convert(corridor.build())
        if not self._here(cell):
            corridor.time(artifact, NoBenchmark())
        if not to_the_end and (found := self._ended_by("built", corridor.record(), best)):
            return found
        corridor.evaluate(artifact)
        # What is timed here is only needed to decide, and not of what is out already.
        if self._here(cell) and not beyond(by_validation(corridor.record()), self.wish):
            self._measure(corridor, artifact, every=False)
        record = corridor.record(status="measured")
        self._keep(_JUDGED, record)
        return judged(record, self.wish)

    def _counted(self, cell: Cell) -> tuple[Record, Record]:
        """What is counted or modelled of a sketch, and the same as it may be held against the trained chain."""
        corridor = self._corridor(cell)
        variant = corridor.build()
        artifact = corridor.convert(variant)
        if not self._here(cell):
            corridor.time(artifact, NoBenchmark())
        record = corridor.record()
        if variant is not None and variant.facts.get("bits"):
            return record, without_size(record)
        return record, with_leeway(record) if cell.chain.artifact_steps else record

    def _ended_by(self, ended: Ended, record: Record, best: float | None) -> Outcome | None:
        found = beyond(record, self.wish)
        why = texts(found) or cannot_win(record, self.wish, best)
        if not why:
            return None
        return Outcome(ended, why, _numbers(record), _missed(found))

    # --- measuring ----------------------------------------------------------------------------------

    def _measure(self, corridor: Corridor, artifact: Any, *, every: bool) -> None:
        """On this machine: what the wish needs, or everything that a run would have."""
        needed = used(self.wish)
        timed = any(OBJECTIVES[name].timed for name in needed)
        if every or timed:
            corridor.time(artifact, NoBenchmark())
        if every or "energy" in needed:
            corridor.energy(artifact)
        if every or "ram" in needed:
            corridor.footprint(artifact)
        if every:
            corridor.profile(artifact)

    def complete(self, cell: Cell) -> Record:
        """All that a run would measure of a cell; once."""
        kept = self._read(_MEASURED, cell)
        if kept is not None:
            return kept
        corridor = self._corridor(cell)
        artifact = corridor.convert(corridor.build())
        corridor.evaluate(artifact)
        if self._here(cell):
            self._measure(corridor, artifact, every=True)
        else:
            corridor.time(artifact, NoBenchmark())
            corridor.profile(artifact)
        record = corridor.record(status="measured")
        self._keep(_MEASURED, record)
        return record

    # --- what is kept -------------------------------------------------------------------------------

    def kept(self, cell: Cell) -> Record | None:
        """What was known of a cell when it was judged, in this process or another."""
        return self._read(_JUDGED, cell)

    def _read(self, kind: str, cell: Cell) -> Record | None:
        # What is not there, or no record, is made again.
        with suppress(OSError, ValueError, BadInput):
            return record_from_json(json.loads(self._file(kind, cell.spelling).read_text(encoding="utf-8")))
        return None

    def _keep(self, kind: str, record: Record) -> None:
        path = self._file(kind, record.cell.spelling)
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(record_to_json(record), default=str), encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise TradeoffError(f"{path} cannot be written: {error}") from error

    def _file(self, kind: str, cell: str) -> Path:
        return self.folder / kind / f"{digest(cell)[:24]}.json"

    def _corridor(self, cell: Cell) -> Corridor:
        return Corridor(cell, SUITE, self.supply, ReplayClock(), self.timing, self.progress)

    def _here(self, cell: Cell) -> bool:
        return self.supply.device(cell).is_here


def judged(record: Record, wish: Wish) -> Outcome:
    """What the sampler is told of a cell that was judged: by validation alone."""
    seen = by_validation(record)
    reasons = reasons_against(Candidate(seen, ""), wish)
    numbers = Candidate(seen, "").numbers
    unknown = [one for one in reasons if one.why == "unknown"]
    if unknown and not any(one.why == "limit" for one in reasons):
        return Outcome("failed", texts(unknown), _numbers(seen))
    # What was not timed, since a limit speaks against it, is as bad as can be.
    values = tuple(numbers[name].cost if name in numbers else 1e30 for name in wish.goal.names)
    return Outcome("judged", texts(reasons), _numbers(seen), _missed(reasons), values)


def _numbers(record: Record) -> dict[str, float]:
    found = {name: one.value for name, one in Candidate(record, "").numbers.items()}
    macs = record.measurements.get("macs")
    return {**found, **({"macs": macs.value} if macs is not None and macs.value is not None else {})}


def _missed(reasons: Iterable[Reason]) -> dict[str, float]:
    return {one.about: _share(one) for one in reasons}


def _share(reason: Reason) -> float:
    if reason.why != "limit" or reason.by is None or not reason.bound:
        return 1.0
    return min(abs(reason.by / reason.bound), 1e6) if math.isfinite(reason.by) else 1e6
