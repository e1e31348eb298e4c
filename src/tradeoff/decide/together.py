"""The record of a cascade, made of those of its two halves: with it a cascade is judged like any other candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tradeoff.compare.quantities import fact
from tradeoff.decide.candidates import Candidate, doubts_of
from tradeoff.decide.counting import MEANS, Stage, mean
from tradeoff.decide.objectives import ACCURACY, Number
from tradeoff.record import Measurement, Record
from tradeoff.vocabulary import Provenance

#: Under which name a record has what is added up of both: they are there at the same time.
_SUMS: Final[Mapping[str, str]] = {
    "p99": "a request that is passed on waits for both, one after the other",
    "size": "both are shipped",
    "ram": "both are held at once; what they share, such as a runtime, is counted twice",
    "flash": "both are stored; what they share, such as a runtime, is counted twice",
}
#: The more of these it went through, the less it was measured.
_INDIRECT: Final[tuple[Provenance, ...]] = ("measured", "simulated", "modelled", "published", "unavailable")


def record_of(small: Candidate, large: Candidate, test: Stage) -> Record:
    """What would have been recorded of both together."""
    ours, theirs = small.record, large.record
    floor = fact(ours.facts, "floor")
    below = [f"below floor {floor:g}"] if floor is not None and test.accuracy < floor else []
    same = {name: ours.facts[name] for name in ("task", "metric", "floor", "device_provenance") if name in ours.facts}
    facts = {**same, **_quiet(ours, theirs), "test_samples": test.samples}
    verdicts = (*_verdicts(small), *_verdicts(large), *below)
    numbers = _measurements(small, large, test)
    return Record(
        ours.cell, ours.suite, "measured", measurements=numbers, verdicts=tuple(dict.fromkeys(verdicts)), facts=facts
    )


def _quiet(ours: Record, theirs: Record) -> dict[str, float]:
    """As quiet as the less quiet one."""
    both = {name: (fact(ours.facts, name), fact(theirs.facts, name)) for name in ("undisturbed", "speed")}
    return {name: min(one, other) for name, (one, other) in both.items() if one is not None and other is not None}


def _verdicts(candidate: Candidate) -> Sequence[str]:
    """What is said against one of them; its own floor is no matter, since others may answer for it."""
    found = candidate.record.verdicts
    kept = [text for text in found if "floor" not in doubts_of(replace(candidate.record, verdicts=(text,)))]
    return [f"{text}{' of ' if ':' in text else ': '}{candidate.name}" for text in kept]


def _measurements(small: Candidate, large: Candidate, test: Stage) -> dict[str, Measurement]:
    found = {ACCURACY: Measurement(test.accuracy, "1", "higher", _origin(small, large, ACCURACY), note=_partly(test))}
    for name in (*MEANS, *_SUMS):
        ours, theirs = small.numbers.get(name), large.numbers.get(name)
        known = ours or theirs
        if known is None:
            continue
        if ours is None or theirs is None or ours.name != theirs.name:
            note = _lacking(name, small, large)
            found[known.name] = Measurement(None, known.unit, "lower", "unavailable", note=note)
        else:
            found[ours.name] = _mean(ours, theirs, test) if name in MEANS else _sum(ours, theirs, name)
    return found


def _lacking(name: str, small: Candidate, large: Candidate) -> str:
    without = [one.name for one in (small, large) if name not in one.numbers]
    return f"{' and '.join(without)} has none" if without else "the two have it of different kinds"


def _origin(small: Candidate, large: Candidate, name: str) -> Provenance:
    """The less direct one of both."""
    return _least_direct(*(one.numbers[name] for one in (small, large) if name in one.numbers))


def _least_direct(*numbers: Number) -> Provenance:
    return _INDIRECT[max((_INDIRECT.index(one.provenance) for one in numbers), default=0)]


def _partly(stage: Stage) -> str:
    return f"over the first {stage.samples:,} of {stage.of:,} samples" if stage.samples < stage.of else ""


def _mean(ours: Number, theirs: Number, test: Stage) -> Measurement:
    """Over all requests; the interval knows that another split would pass on another share."""
    least, most = test.reach
    return Measurement(
        mean(ours.value, theirs.value, test.share),
        ours.unit,
        "lower",
        _least_direct(ours, theirs),
        mean(ours.low, theirs.low, least),
        mean(ours.high, theirs.high, most),
        _noted(ours, theirs, f"mean over requests, of which {100 * test.share:.3g} % are passed on"),
    )


def _sum(ours: Number, theirs: Number, name: str) -> Measurement:
    low, high = ours.low + theirs.low, ours.high + theirs.high
    exact = low == high
    origin = _least_direct(ours, theirs)
    return Measurement(
        ours.value + theirs.value,
        ours.unit,
        "lower",
        origin,
        None if exact else low,
        None if exact else high,
        _noted(ours, theirs, f"of both: {_SUMS[name]}"),
    )


def _noted(ours: Number, theirs: Number, text: str) -> str:
    return "; ".join(dict.fromkeys(part for part in (ours.note, theirs.note, text) if part))
