"""Two runs, cell by cell: what changed, how well that is known, and whether it is worth a word.

A change is told when it is beyond chance, after correction for the number of tests, and beyond the smallest effect
worth reporting. What cannot be compared says why.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from tradeoff.compare.changes import bounded, difference, holm, middle, ratio
from tradeoff.compare.comparable import Difference, differences
from tradeoff.compare.quantities import (
    IN_POINTS,
    OF_THE_MACHINE,
    TOGETHER,
    QuantityName,
    fact,
    metric_of,
    quantity_of,
    worth_of,
)
from tradeoff.record import Measurement, Record, Run, last_words

Verdict = Literal["worse", "better", "no difference shown", "cannot be compared"]
VERDICTS: Final[tuple[Verdict, ...]] = ("worse", "better", "no difference shown", "cannot be compared")
#: Over all tests of a comparison, the chance of a claim where nothing changed.
ALPHA: Final = 0.05
#: From so many cells on it is told what their latencies did together.
FEWEST_TOGETHER: Final = 4
Key = tuple[str, str]


# A large comparison holds tens of thousands of these.
@dataclass(frozen=True, slots=True)
class Effect:
    """One measurement of one cell in both runs.

    :param quantity: what it tells of: ``latency`` for a speed-up as well.
    :param change: the new value against the old: a share, 0.03 for 3 % more, or a difference where ``points``.
    :param harm: the same with the sign turned so that more is worse; of a speed-up, the time it costs.
    :param low: lower end of the 95 % interval of ``change``, before any correction.
    :param high: upper end of it.
    :param p: the chance of at least this, were there no difference; ``None`` where none was computed.
    :param adjusted: the same, corrected for all tests of the comparison.
    :param smallest: the smallest effect worth reporting.
    :param reason: why it cannot be compared, or what a reader must know of the verdict.
    """

    suite: str
    cell: str
    measurement: str
    quantity: QuantityName
    unit: str
    old: float | None
    new: float | None
    verdict: Verdict = "cannot be compared"
    change: float | None = None
    harm: float | None = None
    low: float | None = None
    high: float | None = None
    points: bool = False
    p: float | None = None
    adjusted: float | None = None
    smallest: float = 0.0
    reason: str = ""

    @property
    def shown(self) -> bool:
        """Whether it is beyond chance."""
        return self.harm is not None and self.harm != 0 and (self.adjusted is None or self.adjusted < ALPHA)


@dataclass(frozen=True)
class Lone:
    """A cell that only one of the runs has measured, and what became of it in the other."""

    suite: str
    cell: str
    elsewhere: str
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """Two runs and what differs between them.

    :param old: the run that is compared with.
    :param new: the run that is judged.
    :param differences: of machine, versions and settings.
    :param effects: one for each measurement of each cell that both runs have.
    :param only_old: cells that only the old run has measured.
    :param only_new: cells that only the new one has.
    :param tests: the tests that the significance is corrected for.
    :param forced: compared although it should not be.
    """

    old: Run
    new: Run
    differences: tuple[Difference, ...] = ()
    effects: tuple[Effect, ...] = ()
    only_old: tuple[Lone, ...] = ()
    only_new: tuple[Lone, ...] = ()
    tests: int = 0
    forced: bool = False
    counts: Mapping[Verdict, int] = field(default_factory=dict)

    @property
    def refusal(self) -> str:
        """Why times, memory and energy are not compared; empty when they are."""
        decisive = [str(difference) for difference in self.differences if difference.decisive]
        return "" if self.forced or not decisive else f"another machine: {', '.join(decisive)}"


def compare(old: Run, new: Run, *, force: bool = False) -> Comparison:
    """Join the two runs on suite and cell, and judge every measurement that both have."""
    told = differences(old, new)
    empty = Comparison(old, new, told, forced=force and any(difference.decisive for difference in told))
    before, after = last_words(old.records), last_words(new.records)
    both = [key for key in before if _measured(before[key]) and _measured(after.get(key))]
    found = [effect for key in both for effect in _effects(before[key], after[key], empty.refusal)]
    effects = tuple(_corrected([*found, *_together(found, after)]))
    counted = Counter(effect.verdict for effect in effects)
    return replace(
        empty,
        effects=effects,
        only_old=tuple(_lone(before, after)),
        only_new=tuple(_lone(after, before)),
        tests=sum(effect.p is not None for effect in effects),
        counts={verdict: counted[verdict] for verdict in VERDICTS if counted[verdict]},
    )


def _measured(record: Record | None) -> bool:
    return record is not None and record.status == "measured"


def _lone(ours: Mapping[Key, Record], theirs: Mapping[Key, Record]) -> Iterator[Lone]:
    for key, record in ours.items():
        other = theirs.get(key)
        if _measured(record) and not _measured(other):
            yield Lone(*key, other.status if other else "not selected", other.reason if other else "")


# --- one cell ---------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """An effect before the correction for the number of tests; made for every number, so it has to be cheap."""

    suite: str
    cell: str
    measurement: str
    quantity: QuantityName
    unit: str
    old: float | None = None
    new: float | None = None
    change: float | None = None
    harm: float | None = None
    low: float | None = None
    high: float | None = None
    points: bool = False
    p: float | None = None
    smallest: float = 0.0
    reason: str = ""


_NOTHING: Final = Measurement(None, "1", provenance="unavailable")


def _effects(old: Record, new: Record, refusal: str) -> Iterator[_Found]:
    metric, cell = metric_of(new), new.cell.spelling
    names = (
        old.measurements
        if old.measurements.keys() == new.measurements.keys()
        else {**old.measurements, **new.measurements}
    )
    for name in names:
        one, two = old.measurements.get(name, _NOTHING), new.measurements.get(name, _NOTHING)
        quantity = quantity_of(name, two if _available(two) else one, metric)
        if quantity is None or not (_available(one) or _available(two)):
            continue
        unit = two.unit if two.value is not None else one.unit
        reason = _obstacle(quantity, one, two, (old, new), refusal)
        if reason:
            yield _Found(new.suite, cell, name, quantity, unit, one.value, two.value, reason=reason)
            continue
        worth = worth_of(name, quantity, old, new)
        points = name in IN_POINTS and quantity == "accuracy"
        found = difference(one, two, _samples(name, old, new)) if points else ratio(one, two, worth)
        yield _Found(
            *(new.suite, cell, name, quantity, unit, one.value, two.value),
            *(found.value, _harm(found.value, two.direction, points), found.low, found.high, points, found.p),
            *(worth.smallest, found.reason),
        )


def _obstacle(
    quantity: QuantityName, old: Measurement, new: Measurement, records: tuple[Record, Record], refusal: str
) -> str:
    """Why the two numbers cannot be compared; empty when they can."""
    missing = [run for run, number in (("old", old), ("new", new)) if not _available(number)]
    if missing:
        return f"no number in the {missing[0]} run"
    if old.unit != new.unit:
        return f"the units differ: {old.unit} and {new.unit}"
    if old.provenance != new.provenance:
        return f"{old.provenance} in the old run, {new.provenance} in the new one"
    if old.direction != new.direction or new.direction == "none":
        return "nothing says which way is better"
    if quantity != "accuracy" and not (old.value and new.value and old.value > 0 and new.value > 0):
        return "a share of nothing cannot be told"
    if new.provenance == "measured" and quantity in OF_THE_MACHINE:
        return refusal or (_unsure(old, new, records) if quantity == "latency" else "")
    return ""


def _unsure(old: Measurement, new: Measurement, records: tuple[Record, Record]) -> str:
    noisy = [run for run, record in zip(("old", "new"), records, strict=True) if "noisy" in record.verdicts]
    if noisy:
        return f"noisy in the {' and the '.join(noisy)} run"
    return "" if bounded(old, new) else "no interval says how well it is known"


def _available(measurement: Measurement) -> bool:
    value = measurement.value
    return value is not None and measurement.provenance != "unavailable" and math.isfinite(value)


def _harm(change: float, direction: str, points: bool) -> float:
    if direction == "lower":
        return change
    return -change if points else 1 / (1 + change) - 1


def _samples(name: str, old: Record, new: Record) -> tuple[float, float] | None:
    """Over how many samples a share of right answers was counted, where both records say so."""
    before, after = fact(old.facts, "test_samples"), fact(new.facts, "test_samples")
    if name != "accuracy" or before is None or after is None or min(before, after) < 1:
        return None
    return before, after


# --- all of them ------------------------------------------------------------------------------------


def _corrected(effects: Sequence[_Found]) -> Iterator[Effect]:
    """Holm's correction over all tests, then the verdicts."""
    adjusted = holm([effect.p for effect in effects])
    for place, found in enumerate(effects):
        corrected = adjusted[place]
        yield Effect(
            *(found.suite, found.cell, found.measurement, found.quantity, found.unit, found.old, found.new),
            *(_verdict(found, corrected), found.change, found.harm, found.low, found.high, found.points),
            *(found.p, corrected, found.smallest, found.reason),
        )


def _verdict(found: _Found, adjusted: float | None) -> Verdict:
    if found.harm is None or found.change is None:
        return "cannot be compared"
    shown = found.change != 0 and (adjusted is None or adjusted < ALPHA)
    # What is counted in whole steps lies on the limit sooner than beyond it.
    if not shown or abs(found.change) < found.smallest - _ROUNDING:
        return "no difference shown"
    return "worse" if found.harm > 0 else "better"


_ROUNDING: Final = 1e-12


def _together(effects: Iterable[_Found], new: Mapping[Key, Record]) -> Iterator[_Found]:
    """What the latencies of one backend did together: what moves all cells alike is seen sooner than in any of them."""
    groups: dict[tuple[str, str], list[float]] = {}
    for effect in effects:
        if effect.measurement != "latency" or effect.change is None:
            continue
        record = new[effect.suite, effect.cell]
        # What is the same artifact twice was timed once.
        if record.same_as is None:
            axes = record.cell
            groups.setdefault((effect.suite, f"*/*/{axes.backend}/{axes.device}/*"), []).append(effect.change)
    for (suite, cells), changes in groups.items():
        if len(changes) >= FEWEST_TOGETHER:
            found = middle(changes, TOGETHER)
            yield _Found(
                *(suite, cells, "latency", "latency", "s"),
                change=found.value,
                harm=found.value,
                low=found.low,
                high=found.high,
                p=found.p,
                smallest=TOGETHER.smallest,
                reason=f"{len(changes)} cells together: this machine, or what they share",
            )
