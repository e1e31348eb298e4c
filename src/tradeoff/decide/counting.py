"""What two models give together, counted from the answers of both to the same samples, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradeoff.answers import Answers
from tradeoff.decide.objectives import wilson
from tradeoff.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

#: Nothing is as sure as that: everything is passed on.
ABOVE: Final = 1.0001
#: What a request takes depends on whether it is passed on.
MEANS: Final = ("latency", "energy")


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


def stage_of(curve: Curve, place: int, of: int) -> Stage:
    """One point of a curve."""
    return Stage(float(curve.shares[place]), float(curve.accuracies[place]), curve.samples, of)


def mean(small: float, large: float, share: float) -> float:
    """Of a request: all pay for the small one, those that are passed on for the large one as well."""
    return small + share * large
