"""A group of candidates under a wish, as everything that explains the choice needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tradeoff.decide.advice import Reason
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.judging import reasons_against
from tradeoff.decide.ranking import Place, Ranking, Step, ranking_of
from tradeoff.decide.wishes import Limit, Wish


@dataclass(frozen=True)
class Case:
    """A group under a wish.

    :param against: what speaks against each candidate, before any of them are ranked.
    :param fitting: the places of those against which nothing does.
    :param steps: how the goal thins these out.
    """

    wish: Wish
    ranking: Ranking
    against: tuple[tuple[Reason, ...], ...]
    fitting: tuple[Place, ...]
    steps: tuple[Step, ...] = field(default=())

    @property
    def candidates(self) -> Sequence[Candidate]:
        """All of the group's."""
        return self.ranking.candidates

    def only_for(self, limit: Limit) -> list[Place]:
        """Those against which nothing speaks but that they are beyond this limit, the nearest first."""
        found = [
            place
            for place, reasons in enumerate(self.against)
            if len(reasons) == 1 and reasons[0].why == "limit" and reasons[0].about == limit.name
        ]
        return sorted(found, key=lambda place: self.against[place][0].by or 0.0)

    def keeping(self, members: Iterable[Place], limit: Limit) -> list[Place]:
        """Those of the members that keep a further limit."""
        numbers = ((place, self.candidates[place].numbers.get(limit.objective)) for place in members)
        return [place for place, number in numbers if number is not None and limit.kept(number)]


def case_of(wish: Wish, candidates: Sequence[Candidate]) -> Case:
    """What the wish says of each of the candidates."""
    ranking = ranking_of(wish.goal, candidates)
    against = tuple(reasons_against(candidate, wish) for candidate in candidates)
    fitting = tuple(place for place, reasons in enumerate(against) if not reasons)
    return Case(wish, ranking, against, fitting, tuple(ranking.steps(fitting)) if fitting else ())
