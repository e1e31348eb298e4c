"""Cascades: a small model answers what it is sure of, and passes the rest on to a large one.

Nothing here chooses: a threshold is found on the validation split (``cascading``), and what it gives is told of the
test split.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tradeoff.decide.candidates import Candidate
from tradeoff.decide.counting import MEANS, Curve, Stage, mean
from tradeoff.decide.objectives import ACCURACY
from tradeoff.decide.together import record_of


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


def cascade_of(small: Candidate, large: Candidate, threshold: float, validation: Stage, test: Stage) -> Cascade:
    """Both as one candidate, with the numbers of the test split."""
    record = record_of(small, large, test)
    return Cascade(record, small.run, small=small, large=large, threshold=threshold, validation=validation, test=test)
