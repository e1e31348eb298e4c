"""The statistics of this project, all of them: medians, ratios, their intervals, percentiles.

What is timed comes in lots: the rounds of one load of an artifact in one process. Rounds of one lot resemble each other
more than those of two, since where weights come to lie in memory is chance; so an interval is made over lots, wherever
there are enough of them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tradeoff.measure.timing import Lot

#: Middle half wider than this share of the median: the number does not repeat.
NOISY_SPREAD: Final = 0.25
#: A round in which the control took this much longer than at its best was disturbed.
SLOWED: Final = 1.15
#: A round for which the process had the processor by this share less than usual was disturbed.
WAITED: Final = 0.02
#: With fewer lots a bootstrap over them would be narrower than it may be.
FEWEST_LOTS: Final = 5
#: Processes differ more than lots of one process do; the interval is over them where there are so many.
FEWEST_PROCESSES: Final = 3
#: Of all rounds at least this share has to be undisturbed.
FEWEST_SHARE: Final = 0.25
#: A lot with fewer undisturbed rounds than this says little.
FEWEST_ROUNDS: Final = 3
CONFIDENCE: Final = 0.95
_RESAMPLES: Final = 4000
_Z: Final = statistics.NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


@dataclass(frozen=True)
class Estimate:
    """A median with its 95 % interval.

    :param spread: how wide the middle half of all rounds is, as a share of the median.
    :param over: what the interval was made over: ``processes``, ``loads`` where these are too few, else ``rounds``.
    """

    median: float
    low: float
    high: float
    spread: float
    over: str

    @property
    def noisy(self) -> bool:
        """Whether the spread is too wide for the number to be relied on."""
        return self.spread > NOISY_SPREAD

    @property
    def margin(self) -> float:
        """Half the interval, as a share of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else math.inf


def estimate(groups: Sequence[Sequence[float]], over: str = "loads", fewest: int = FEWEST_LOTS) -> Estimate:
    """The median of the groups' medians, and how well it is known.

    :param groups: samples that belong together, such as those of one load.
    :param over: what the groups are called.
    :param fewest: with fewer groups the interval is made over all of their samples.
    """
    pooled = sorted(value for group in groups for value in group)
    if not pooled:
        raise ValueError("an estimate needs a sample")
    medians = [statistics.median(group) for group in groups if group]
    median = statistics.median(medians)
    enough = len(medians) >= fewest
    low, high = widened(bootstrap(medians), median, len(medians)) if enough else ordered_interval(pooled)
    quarter, three_quarters = pooled[len(pooled) // 4], pooled[(3 * len(pooled)) // 4]
    spread = (three_quarters - quarter) / median if median else 0.0
    # The median of medians may lie outside of what bounds the median of all: it is part of its own interval.
    return Estimate(median, min(low, median), max(high, median), spread, over if enough else "rounds")


def estimate_lots(lots: Sequence[Lot], pick: Callable[[Lot], Sequence[float]]) -> Estimate:
    """What ``pick`` takes of each lot: over processes where they are enough, else over loads."""
    by_process: dict[int, list[float]] = {}
    for lot in lots:
        by_process.setdefault(lot.process, []).extend(pick(lot))
    if len(by_process) >= FEWEST_PROCESSES:
        return estimate(list(by_process.values()), "processes", FEWEST_PROCESSES)
    return estimate([pick(lot) for lot in lots])


def timings(lot: Lot) -> Sequence[float]:
    """Of the cell."""
    return lot.rounds


def bootstrap(
    values: Sequence[float], statistic: Callable[..., object] | None = None, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The interval of the median, or of another statistic, by resampling; the same values give the same interval."""
    import numpy as np
    from scipy.stats import bootstrap as resampled

    if min(values) == max(values):
        return float(values[0]), float(values[0])
    found = resampled(
        (np.asarray(values),),
        statistic or np.median,
        confidence_level=confidence,
        n_resamples=_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def widened(interval: tuple[float, float], middle: float, count: int) -> tuple[float, float]:
    """The interval as much wider as so few values ask for: by Student's quantile over the normal one.

    Resampling cannot leave the range of the values, and of five the extremes are too near. Durations and their ratios
    are widened in proportion, so that none becomes negative.
    """
    from scipy.stats import t

    factor = float(t.ppf(0.5 + CONFIDENCE / 2, count - 1)) / _Z
    low, high = interval
    if low <= 0:
        return middle - factor * (middle - low), middle + factor * (high - middle)
    return float(middle * (low / middle) ** factor), float(middle * (high / middle) ** factor)


def ordered_interval(ordered: Sequence[float]) -> tuple[float, float]:
    """Two of the ordered samples that bound their median, whatever the distribution."""
    count = len(ordered)
    half = _Z * math.sqrt(count) / 2
    return ordered[max(0, math.floor(count / 2 - half))], ordered[min(count - 1, math.ceil(count / 2 + half))]


def ratios(lot: Lot) -> tuple[float, ...]:
    """How many times faster than the baseline, pair by pair."""
    return tuple(theirs / ours for theirs, ours in zip(lot.baseline, lot.rounds, strict=False))


# --- what was disturbed -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Sifted:
    """The lots without the rounds in which the processor was slow.

    :param lots: what is left; all of it, where nearly nothing would be.
    :param share: of the rounds that were undisturbed.
    :param speed: of the processor in the middle of all rounds, where 1 is its best.
    """

    lots: tuple[Lot, ...]
    share: float
    speed: float

    @property
    def disturbed(self) -> bool:
        """Whether too few rounds are left to speak for the others."""
        return self.share < FEWEST_SHARE


def control_of(lots: Sequence[Lot]) -> float | None:
    """Seconds of the control in the lot where it was quickest."""
    found = [statistics.median(lot.controls) for lot in lots if lot.controls]
    return min(found) if found else None


def sift(lots: Sequence[Lot], best: float | None) -> Sifted:
    """Leave out the rounds in which the processor was slow, or somebody else had it."""
    controls = [seconds for lot in lots for seconds in lot.controls]
    if best is None or not controls:
        return Sifted(tuple(lots), 1.0, 1.0)
    limits = best * SLOWED, _usual([wait for lot in lots for wait in lot.waits]) + WAITED
    left = [_undisturbed(lot, *limits) for lot in lots]
    share = sum(len(lot.rounds) for lot in left) / len(controls)
    speed = min(1.0, best / statistics.median(controls))
    kept = tuple(lot for lot in left if len(lot.rounds) >= FEWEST_ROUNDS)
    return Sifted(kept, share, speed) if kept else Sifted(tuple(lots), 0.0, speed)


def _usual(waits: Sequence[float]) -> float:
    """What a request waits of itself, such as for an accelerator: the tenth part that waited least tells."""
    return sorted(waits)[len(waits) // 10]


def _undisturbed(lot: Lot, slow: float, waited: float) -> Lot:
    kept = [
        number
        for number, (seconds, wait) in enumerate(zip(lot.controls, lot.waits, strict=True))
        if seconds <= slow and wait <= waited
    ]

    def only(column: Sequence[float]) -> tuple[float, ...]:
        return tuple(column[number] for number in kept) if column else ()

    return replace(
        lot,
        rounds=only(lot.rounds),
        baseline=only(lot.baseline),
        controls=only(lot.controls),
        waits=only(lot.waits),
    )


# --- percentiles ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Percentile:
    """The value that this share of all requests does not exceed, and between what it lies."""

    share: float
    value: float
    low: float
    high: float


def samples_needed(share: float) -> int:
    """Fewer samples than this cannot bound the percentile from above."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(share))


def percentile(samples: Sequence[float], share: float) -> Percentile | None:
    """The percentile with the interval that its order statistics give; ``None`` when the samples are too few."""
    count = len(samples)
    if count < samples_needed(share):
        return None
    ordered = sorted(samples)
    half = _Z * math.sqrt(count * share * (1 - share))
    middle = min(count - 1, math.ceil(count * share) - 1)
    low = ordered[max(0, math.floor(count * share - half) - 1)]
    return Percentile(share, ordered[middle], low, ordered[min(count - 1, math.ceil(count * share + half))])
