"""What two numbers differ by, and how well that is known: intervals, chances, the correction for many tests."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final, NamedTuple

from tradeoff.compare.quantities import Worth
from tradeoff.measure.estimating import CONFIDENCE
from tradeoff.record import Measurement

_Z: Final = statistics.NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
#: Of normal values: their standard deviation by their median deviation, and the error of a median by that of a mean.
_FROM_MIDDLE: Final = 1.4826
_OF_A_MEDIAN: Final = 1.2533
_UNCOUNTED: Final = "how sure this is cannot be told: the records do not say over how many samples"
_ONCE: Final = "measured once: judged by the smallest effect alone"


class Change(NamedTuple):
    """A share or a difference, with its 95 % interval; ``p`` is the chance of at least this, were there none."""

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str = ""


def difference(old: Measurement, new: Measurement, samples: tuple[float, float] | None) -> Change:
    """Two shares of right answers; without the answers themselves they are taken as two independent samples."""
    shares = old.value or 0.0, new.value or 0.0
    change = shares[1] - shares[0]
    if samples is None:
        return Change(change, reason=_UNCOUNTED if change else "")
    error = math.sqrt(sum(_variance(share, count) for share, count in zip(shares, samples, strict=True)))
    return Change(change, max(-1.0, change - _Z * error), min(1.0, change + _Z * error), _chance(change, error))


def _variance(share: float, count: float) -> float:
    """Of a share of right answers, with two right and two wrong ones added: none of ten is no proof of never."""
    likely = (share * count + 2) / (count + 4)
    return likely * (1 - likely) / (count + 4)


def ratio(old: Measurement, new: Measurement, worth: Worth) -> Change:
    """New by old; the two intervals are combined on the log scale, each with its own lopsidedness."""
    change = _log(new.value) - _log(old.value)
    counted = worth.exact or new.provenance != "measured"
    if counted or not bounded(old, new):
        return Change(math.expm1(change), reason="" if counted or not change else _ONCE)
    apart = _Z * worth.apart
    below = math.hypot(_log(new.value) - _log(new.low), _log(old.high) - _log(old.value), apart)
    above = math.hypot(_log(new.high) - _log(new.value), _log(old.value) - _log(old.low), apart)
    error = (below if change > 0 else above) / _Z
    return Change(math.expm1(change), math.expm1(change - below), math.expm1(change + above), _chance(change, error))


def bounded(old: Measurement, new: Measurement) -> bool:
    """Whether both numbers have an interval that a logarithm can be taken of."""
    return all(bound is not None and bound > 0 for bound in (old.low, old.high, new.low, new.high))


def middle(changes: Sequence[float], worth: Worth) -> Change:
    """What many shares have in common: their median, on the log scale."""
    logs = [math.log1p(change) for change in changes]
    centre = statistics.median(logs)
    spread = _FROM_MIDDLE * statistics.median(abs(value - centre) for value in logs)
    error = math.hypot(_OF_A_MEDIAN * spread / math.sqrt(len(logs)), worth.apart)
    value, low, high = (math.expm1(one) for one in (centre, centre - _Z * error, centre + _Z * error))
    return Change(value, low, high, _chance(centre, error))


def holm(chances: Sequence[float | None]) -> list[float | None]:
    """Each chance corrected for the number of tests; where none was made there is none."""
    tested = sorted((p, place) for place, p in enumerate(chances) if p is not None)
    adjusted: list[float | None] = [None] * len(chances)
    worst = 0.0
    for done, (p, place) in enumerate(tested):
        worst = max(worst, min(1.0, p * (len(tested) - done)))
        adjusted[place] = worst
    return adjusted


def _log(value: float | None) -> float:
    return math.log(value) if value else -math.inf


def _chance(change: float, error: float) -> float:
    """Of a difference at least as large, were there none."""
    if error <= 0:
        return 1.0 if change == 0 else 0.0
    return math.erfc(abs(change) / error / math.sqrt(2))
