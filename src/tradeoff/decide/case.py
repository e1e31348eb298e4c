"""A group of candidates under a wish, as everything that explains the choice needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

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
    :param offers: what competes under another wish, where that is not the same: cascades have other thresholds then.
    """

    wish: Wish
    ranking: Ranking
    against: tuple[tuple[Reason, ...], ...]
    fitting: tuple[Place, ...]
    steps: tuple[Step, ...] = field(default=())
    offers: Callable[[Wish], Sequence[Candidate]] | None = None

    @property
    def candidates(self) -> Sequence[Candidate]:
        """All of the group's."""
        return self.ranking.candidates

    @property
    def picked(self) -> Candidate | None:
        """The best of those that fit."""
        return self.candidates[self.ranking.pick(self.fitting)] if self.fitting else None

    def under(self, wish: Wish) -> Case:
        """The same group under another wish."""
        return case_of(wish, self.offers(wish) if self.offers else self.candidates, self.offers)

    def with_limit(self, limit: Limit) -> Case:
        """The same group with one limit more, or with another one of that name."""
        others = tuple(one for one in self.wish.limits if one.name != limit.name)
        return self.under(replace(self.wish, limits=(*others, limit)))

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


def case_of(
    wish: Wish, candidates: Sequence[Candidate], offers: Callable[[Wish], Sequence[Candidate]] | None = None
) -> Case:
    """What the wish says of each of the candidates."""
    ranking = ranking_of(wish.goal, candidates)
    against = tuple(reasons_against(candidate, wish) for candidate in candidates)
    fitting = tuple(place for place, reasons in enumerate(against) if not reasons)
    return Case(wish, ranking, against, fitting, tuple(ranking.steps(fitting)) if fitting else (), offers)
