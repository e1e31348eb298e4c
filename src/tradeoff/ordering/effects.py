"""What order does: differences within one seed, and an interval over seeds that does not sell noise as an effect."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from statistics import mean, stdev
from typing import Final

#: Of all statements of one table together.
CONFIDENCE: Final = 0.95

Members = tuple[str, ...]
#: By the techniques in their order, the metric of each seed; every list is as long, and in the same order of seeds.
Scores = Mapping[Members, Sequence[float]]


@dataclass(frozen=True)
class Effect:
    """A difference between chains.

    :param told: which.
    :param mean: over seeds.
    :param low: lower end of its interval; none for one seed.
    :param high: upper end.
    """

    told: str
    mean: float
    low: float | None = None
    high: float | None = None

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def effect(told: str, differences: Sequence[float], statements: int) -> Effect:
    """The mean and its interval, by Student's t over seeds, made as much wider as ``statements`` at once take."""
    middle = mean(differences)
    if len(differences) < 2:
        return Effect(told, middle)
    from scipy.stats import t

    spread = stdev(differences) / math.sqrt(len(differences))
    half = float(t.ppf(1 - (1 - CONFIDENCE) / 2 / statements, len(differences) - 1)) * spread
    return Effect(told, middle, middle - half, middle + half)


def of_chains(scores: Scores) -> dict[Members, Effect]:
    """What each chain gains over the model as it is."""
    chains = [members for members in scores if members]
    return {one: effect(", then ".join(one), _less(scores[one], scores[()]), len(chains)) for one in chains}


def of_pairs(scores: Scores, names: Sequence[str]) -> list[Effect]:
    """What one order of two gains over the other."""
    pairs = [pair for pair in combinations(names, 2) if pair in scores and pair[::-1] in scores]
    return [
        effect(f"{one}, then {other}, over the reverse", _less(scores[one, other], scores[other, one]), len(pairs))
        for one, other in pairs
    ]


def of_orders(scores: Scores, names: Sequence[str]) -> list[Effect]:
    """What each order of all gains over the mean of all orders; of two, that is half of what a pair tells."""
    orders = [order for order in permutations(names) if order in scores]
    if len(names) < 3 or not orders:
        return []
    middle = [mean(values) for values in zip(*(scores[order] for order in orders), strict=True)]
    found = [effect(", then ".join(order), _less(scores[order], middle), len(orders)) for order in orders]
    return sorted(found, key=lambda one: -one.mean)


def of_company(scores: Scores, names: Sequence[str]) -> list[Effect]:
    """What two together lose or gain beyond what each does alone: their interaction, over both orders."""
    pairs = [pair for pair in combinations(names, 2) if pair in scores and pair[::-1] in scores]
    return [
        effect(
            f"{one} with {other}",
            [
                (there + back) / 2 - first - second + none
                for there, back, first, second, none in zip(
                    scores[one, other], scores[other, one], scores[one,], scores[other,], scores[()], strict=True
                )
            ],
            len(pairs),
        )
        for one, other in pairs
    ]


def _less(values: Sequence[float], others: Sequence[float]) -> list[float]:
    return [value - other for value, other in zip(values, others, strict=True)]
