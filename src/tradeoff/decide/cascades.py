"""Cascades: a small model answers what it is sure of, and passes the rest on to a large one.

What that gives is counted from the answers of both to the same samples, one by one. Nothing here chooses: a threshold
is found on the validation split (``cascading``), and what it gives is told on the test split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tradeoff.answers import Answers
from tradeoff.compare.quantities import fact
from tradeoff.decide.candidates import Candidate, doubts_of
from tradeoff.decide.objectives import ACCURACY, Number, wilson
from tradeoff.errors import BadInput
from tradeoff.record import Measurement, Record
from tradeoff.vocabulary import Provenance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

#: Nothing is as sure as that: everything is passed on.
ABOVE: Final = 1.0001
#: What a request takes depends on whether it is passed on.
MEANS: Final = ("latency", "energy")
#: Under which name a record has what is added up of both: they are there at the same time.
_SUMS: Final[Mapping[str, str]] = {
    "p99": "a request that is passed on waits for both, one after the other",
    "size": "both are shipped",
    "ram": "both are held at once; what they share, such as a runtime, is counted twice",
    "flash": "both are stored; what they share, such as a runtime, is counted twice",
}
#: The more of these it went through, the less it was measured.
_INDIRECT: Final[tuple[Provenance, ...]] = ("measured", "simulated", "modelled", "published", "unavailable")


@dataclass(frozen=True)
class Curve:
    """What becomes of a split as the threshold rises: what is less sure than that is passed on.

    :param thresholds: rising.
    :param passed: how many samples are passed on at each.
    :param right: how many answers of the cascade are right at each.
    :param samples: in the split.
    """

    thresholds: Floats
    passed: Counts
    right: Counts
    samples: int

    @property
    def shares(self) -> Floats:
        """Passed on, of all."""
        return self.passed / self.samples

    @property
    def accuracies(self) -> Floats:
        """Right, of all."""
        return self.right / self.samples


def thresholds_of(small: Answers) -> Floats:
    """All that differ in what they pass on: nothing first, everything last."""
    import numpy as np

    return np.unique(np.array((0.0, *small.confidence, ABOVE), dtype=np.float64))


def curve_of(small: Answers, large: Answers, thresholds: Any = None) -> Curve:
    """The curve of two models over the same samples; by default at all thresholds that make a difference."""
    import numpy as np

    if len(small) != len(large) or not len(small):
        raise BadInput(
            f"{len(small)} answers and {len(large)} answers are no cascade: they must be of the same samples"
        )
    asked = thresholds_of(small) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    confidence = np.asarray(small.confidence, dtype=np.float64)
    order = confidence.argsort(kind="stable")
    # Sorted by confidence, what is passed on is a beginning.
    passed = np.searchsorted(confidence[order], asked, side="left")
    gained = np.asarray(large.right, dtype=np.int64)[order] - np.asarray(small.right, dtype=np.int64)[order]
    right = int(sum(small.right)) + np.concatenate(([0], np.cumsum(gained)))[passed]
    return Curve(asked, passed, right, len(small))


@dataclass(frozen=True)
class Stage:
    """What a cascade does on one split.

    :param share: passed on, of the samples.
    :param accuracy: of the answers that come out of it.
    :param samples: so many are told one by one.
    :param of: so many the split has.
    """

    share: float
    accuracy: float
    samples: int
    of: int

    @property
    def reach(self) -> tuple[float, float]:
        """The interval of the share: another split would pass on another one."""
        return wilson(self.share, self.samples)


@dataclass(frozen=True)
class Cascade(Candidate):
    """Two candidates as one. Its record is made of theirs, so that it is judged as any other.

    :param threshold: what the small one is less sure of is passed on.
    :param validation: what that gave where it was chosen.
    :param test: what it gives elsewhere.
    """

    small: Candidate = field(kw_only=True)
    large: Candidate = field(kw_only=True)
    threshold: float = field(kw_only=True)
    validation: Stage = field(kw_only=True)
    test: Stage = field(kw_only=True)

    @property
    def spelling(self) -> str:
        """Of both, with device and load once."""
        cell = self.record.cell
        return f"{self.name}/{cell.device}/{cell.load}"

    @property
    def name(self) -> str:
        """``dense/int8/litert>cnn/baseline/litert``."""
        return f"{self.small.name}>{self.large.name}"

    @property
    def halves(self) -> tuple[Candidate, ...]:
        """The two."""
        return self.small, self.large


@dataclass(frozen=True)
class Tried:
    """A pair that was looked at.

    :param cascade: ``None`` where one of the two is as good alone, or no threshold keeps the limits.
    :param why: in that case.
    :param validation: its curve where the threshold was chosen.
    :param test: at the same thresholds, where it is judged.
    """

    small: Candidate
    large: Candidate
    cascade: Cascade | None
    why: str
    validation: Curve
    test: Curve

    @property
    def name(self) -> str:
        """As a cascade of the two would be called."""
        return f"{self.small.name}>{self.large.name}"

    @property
    def spelling(self) -> str:
        """The same with device and load."""
        cell = self.small.record.cell
        return f"{self.name}/{cell.device}/{cell.load}"


@dataclass(frozen=True)
class Cascades:
    """All pairs of a group under a wish.

    :param left_out: what could not be looked at, each in one line.
    """

    tried: tuple[Tried, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[Cascade, ...]:
        """Those that compete."""
        return tuple(one.cascade for one in self.tried if one.cascade is not None)


def points_of(tried: Tried, most: int = 40) -> list[dict[str, float | str]]:
    """The curves of a pair as rows, at thresholds that pass on evenly more and more; the chosen one is among them."""
    import numpy as np

    wanted = np.linspace(0, tried.validation.samples, most)
    places = {*np.searchsorted(tried.validation.passed, wanted).tolist(), 0, len(tried.validation.thresholds) - 1}
    if tried.cascade is not None:
        places.add(int(np.searchsorted(tried.validation.thresholds, tried.cascade.threshold)))
    return [
        _point(tried, name, curve, place)
        for name, curve in (("validation", tried.validation), ("test", tried.test))
        for place in sorted(places)
    ]


def _point(tried: Tried, split: str, curve: Curve, place: int) -> dict[str, float | str]:
    share = float(curve.shares[place])
    found: dict[str, float | str] = {"split": split, "threshold": float(curve.thresholds[place]), "share": share}
    means = {
        name: mean(ours.value, theirs.value, share)
        for name in MEANS
        if (ours := tried.small.numbers.get(name)) and (theirs := tried.large.numbers.get(name))
    }
    return {**found, ACCURACY: float(curve.accuracies[place]), **means}


def stage_of(curve: Curve, place: int, of: int) -> Stage:
    """One point of a curve."""
    return Stage(float(curve.shares[place]), float(curve.accuracies[place]), curve.samples, of)


def cascade_of(small: Candidate, large: Candidate, threshold: float, validation: Stage, test: Stage) -> Cascade:
    """Both as one candidate, with the numbers of the test split."""
    record = _record(small, large, test)
    return Cascade(record, small.run, small=small, large=large, threshold=threshold, validation=validation, test=test)


def mean(small: float, large: float, share: float) -> float:
    """Of a request: all pay for the small one, those that are passed on for the large one as well."""
    return small + share * large


# --- the record -------------------------------------------------------------------------------------


def _record(small: Candidate, large: Candidate, test: Stage) -> Record:
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
