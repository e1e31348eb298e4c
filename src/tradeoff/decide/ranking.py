"""Which of several candidates is best for a goal, and what decided it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from tradeoff.decide.candidates import Candidate
from tradeoff.decide.objectives import OBJECTIVES
from tradeoff.decide.wishes import Goal

Place = int


class Ranking(ABC):
    """Candidates under one goal. Whatever is picked is dominated by none of those that it was picked from.

    :param candidates: all of them; each has a number for every objective of the goal, or is never picked from.
    """

    def __init__(self, goal: Goal, candidates: Sequence[Candidate]) -> None:
        self.goal = goal
        self.candidates = candidates
        # Equals by the goal are told apart by everything else, so that nothing better in passing is left lying.
        order = sorted(range(len(candidates)), key=lambda place: _costs(candidates[place]))
        self._order = {place: position for position, place in enumerate(order)}
        self._cost = {name: [_cost(candidate, name) for candidate in candidates] for name in goal.names}

    @abstractmethod
    def pick(self, members: Sequence[Place]) -> Place:
        """The best of some, which are not none."""

    @abstractmethod
    def steps(self, members: Sequence[Place]) -> list[Step]:
        """What the members are held against, one after the other, until the best is left."""

    def cost(self, place: Place, name: str) -> float:
        """What a candidate has of an objective, less being better."""
        return self._cost[name][place]

    def last(self, members: Sequence[Place], name: str) -> Place:
        """The best in one objective by its estimate; of equals the best in everything else."""
        costs = self._cost[name]
        return min(members, key=lambda place: (costs[place], self._order[place]))


@dataclass(frozen=True)
class Step:
    """One objective of a goal, as it thins out the candidates.

    :param bound: the cost up to which a candidate stays.
    :param left: so many do.
    """

    name: str
    bound: float
    left: int


def ranking_of(goal: Goal, candidates: Sequence[Candidate]) -> Ranking:
    """The ranking that the goal asks for."""
    return Weighted(goal, candidates) if goal.kind == "weighted" else InOrder(goal, candidates)


def _cost(candidate: Candidate, name: str) -> float:
    number = candidate.numbers.get(name)
    return math.inf if number is None else number.cost


def _costs(candidate: Candidate) -> tuple[float | str, ...]:
    return (*(_cost(candidate, name) for name in OBJECTIVES), candidate.spelling)


class InOrder(Ranking):
    """The best in the first objective and all that cannot be told from it; of these the best in the next, and so on."""

    def pick(self, members: Sequence[Place]) -> Place:
        """The last objective is judged by its estimate: one has to be chosen."""
        left = list(members)
        for name in self.goal.names[:-1]:
            left = self._tied(left, name)
        return self.last(left, self.goal.names[-1])

    def steps(self, members: Sequence[Place]) -> list[Step]:
        """Each objective with the cost up to which candidates stay."""
        left, found = list(members), []
        for name in self.goal.names[:-1]:
            left = self._tied(left, name)
            found.append(Step(name, max(self.cost(place, name) for place in left), len(left)))
        best = self.last(left, self.goal.names[-1])
        return [*found, Step(self.goal.names[-1], self.cost(best, self.goal.names[-1]), 1)]

    def _tied(self, members: Sequence[Place], name: str) -> list[Place]:
        """The best and its ties, and whatever is better than one of these: an interval may be narrow by chance."""
        best = self.last(members, name)
        most, costs = self.candidates[best].numbers[name].most, self._cost[name]
        bound = max(costs[place] for place in members if self.candidates[place].numbers[name].least <= most)
        return [place for place in members if costs[place] <= bound]


class Weighted(Ranking):
    """The least weighted sum, each objective from 0, the best of all candidates, to 1, the worst.

    Costs that are all above zero are taken by their logarithm: twice the time is as bad for a quick model as for a slow
    one. The scale is made of all candidates, not of those that fit, so that no limit changes it.
    """

    def __init__(self, goal: Goal, candidates: Sequence[Candidate]) -> None:
        super().__init__(goal, candidates)
        self.scales = {name: self._scale(name) for name in goal.names}
        self._scores = [
            sum(weight * self.scales[name][place] for name, weight in goal.terms) for place in range(len(candidates))
        ]

    def pick(self, members: Sequence[Place]) -> Place:
        """The least sum."""
        return min(members, key=lambda place: (self._scores[place], self._order[place]))

    def steps(self, members: Sequence[Place]) -> list[Step]:
        """There is one: the sum."""
        return [Step("score", self.score(self.pick(members)), 1)]

    def score(self, place: Place) -> float:
        """The weighted sum of what a candidate has."""
        return self._scores[place]

    def _scale(self, name: str) -> list[float]:
        costs = self._cost[name]
        # What is put together of others depends on the limits, which must not move the scale.
        scale = scale_over([cost for cost, one in zip(costs, self.candidates, strict=True) if not one.halves])
        return [scale.of(cost) for cost in costs]


@dataclass(frozen=True)
class Scale:
    """From 0, the best, to 1, the worst.

    :param logarithmic: whether costs are taken by their logarithm.
    """

    low: float
    extent: float
    logarithmic: bool

    def of(self, cost: float) -> float:
        """Where a cost lies; below 0 or above 1 where nothing on the scale was as good or as bad."""
        if not self.logarithmic:
            return (cost - self.low) / self.extent
        return (math.log(cost) - self.low) / self.extent if cost > 0 else -math.inf


def scale_over(costs: Sequence[float]) -> Scale:
    """The scale of some costs; by logarithms where all of them are above zero."""
    known = [cost for cost in costs if math.isfinite(cost)]
    logarithmic = bool(known) and min(known) > 0
    if logarithmic:
        known = [math.log(cost) for cost in known]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return Scale(low, high - low if high > low else 1.0, logarithmic)


@dataclass(frozen=True)
class Influence:
    """Within which weights of one objective the choice stays, the others being as they are.

    :param below: what is chosen with less; ``None`` where nothing else is, down to nothing.
    :param above: what is chosen with more.
    """

    name: str
    weight: float
    least: float
    most: float
    below: Place | None = None
    above: Place | None = None


def influences(ranking: Weighted, members: Sequence[Place], chosen: Place) -> list[Influence]:
    """How far each weight can be moved before another one is chosen: scores are straight lines over a weight."""
    return [_influence(ranking, members, chosen, name, weight) for name, weight in ranking.goal.terms]


def _influence(ranking: Weighted, members: Sequence[Place], chosen: Place, name: str, weight: float) -> Influence:
    rest = {other: share for other, share in ranking.goal.terms if other != name}
    least, most = 0.0, math.inf
    below: Place | None = None
    above: Place | None = None
    for place in members:
        apart = sum(s * (ranking.scales[o][place] - ranking.scales[o][chosen]) for o, s in rest.items())
        slope = ranking.scales[name][place] - ranking.scales[name][chosen]
        if slope == 0:
            continue
        crossing = -apart / slope
        # With more weight than the crossing this one is better where it has less of the objective's cost.
        if slope < 0 and weight <= crossing < most:
            most, above = crossing, place
        if slope > 0 and least < crossing <= weight:
            least, below = crossing, place
    return Influence(name, weight, least, most, below, above)
