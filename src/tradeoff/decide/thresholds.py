"""Which threshold of a pair is best for a wish: decided on the validation split, and on nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tradeoff.decide.amounts import written
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.counting import MEANS, Curve
from tradeoff.decide.objectives import ACCURACY, OBJECTIVES, wilson
from tradeoff.decide.ranking import Scale
from tradeoff.decide.wishes import Goal, Limit, Wish

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Kept = NDArray[np.bool_]

#: What depends on the threshold; everything else of a pair is the same at all of them.
MOVED: Final = (ACCURACY, *MEANS)


@dataclass(frozen=True)
class Pair:
    """A small and a large candidate, with their curve over the validation split."""

    small: Candidate
    large: Candidate
    curve: Curve

    def values(self, name: str) -> Floats | None:
        """An objective at every threshold; ``None`` for what none moves, or what one of the two does not have."""
        if name == ACCURACY:
            return self.curve.accuracies
        ours, theirs = self.small.numbers.get(name), self.large.numbers.get(name)
        if name not in MEANS or ours is None or theirs is None:
            return None
        return ours.value + theirs.value * self.curve.shares

    def costs(self, name: str) -> Floats | None:
        """The same, less being better."""
        values = self.values(name)
        return -values if values is not None and name == ACCURACY else values


def best_threshold(pair: Pair, wish: Wish, scales: Mapping[str, Scale]) -> int | str:
    """The place of the best one on the curve, or why there is none.

    :param scales: of a weighted goal, over all that competes.
    """
    import numpy as np

    kept = np.ones(len(pair.curve.thresholds), dtype=bool)
    for limit in wish.limits:
        kept &= _keeping(pair, limit)
    if not kept.any():
        return _why_none(pair, wish)
    places = np.flatnonzero(kept)
    if wish.goal.kind == "weighted":
        return int(places[_sums(pair, wish.goal, scales)[places].argmin()])
    for name in wish.goal.names[:-1]:
        places = _tied(pair, name, places)
    costs = pair.costs(wish.goal.names[-1])
    # Of equals the first: it passes on least.
    return int(places[0] if costs is None else places[costs[places].argmin()])


def _keeping(pair: Pair, limit: Limit) -> Kept:
    import numpy as np

    values = pair.values(limit.objective)
    if values is None:
        return np.ones(len(pair.curve.thresholds), dtype=bool)
    kept: Kept = values <= limit.value if limit.most else values >= limit.value
    return kept


def _tied(pair: Pair, name: str, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The best, and in accuracy all that cannot be told from it: a mean grows with every sample passed on."""
    costs = pair.costs(name)
    if costs is None:
        return places
    if name != ACCURACY:
        least: NDArray[np.int64] = places[costs[places] == costs[places].min()]
        return least
    samples = pair.curve.samples
    best = int(pair.curve.right[places].max())
    end = wilson(best / samples, samples)[0]
    fewest = best
    while fewest and wilson((fewest - 1) / samples, samples)[1] >= end:
        fewest -= 1
    kept: NDArray[np.int64] = places[pair.curve.right[places] >= fewest]
    return kept


def _sums(pair: Pair, goal: Goal, scales: Mapping[str, Scale]) -> Floats:
    import numpy as np

    found = np.zeros(len(pair.curve.thresholds))
    for name, weight in goal.terms:
        costs, scale = pair.costs(name), scales[name]
        if costs is not None:
            found += weight * ((np.log(costs) if scale.logarithmic else costs) - scale.low) / scale.extent
    return found


def _why_none(pair: Pair, wish: Wish) -> str:
    """The limits that no threshold keeps, alone or together, with the best that there is."""
    moved = [limit for limit in wish.limits if pair.values(limit.objective) is not None]
    alone = [limit for limit in moved if not _keeping(pair, limit).any()]
    if not alone:
        return f"on the validation split no threshold keeps {' and '.join(limit.name for limit in moved)} together"
    return f"on the validation split no threshold keeps {'; or '.join(_at_best(pair, limit) for limit in alone)}"


def _at_best(pair: Pair, limit: Limit) -> str:
    values = pair.values(limit.objective)
    if values is None:
        return limit.name
    best = float(values.min() if limit.most else values.max())
    return f"{limit.name}: {limit.objective} is {written(best, OBJECTIVES[limit.objective].unit)} at best"
