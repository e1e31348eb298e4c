"""Why a candidate that fits was not chosen: where the goal left it behind."""

from __future__ import annotations

from tradeoff.decide.advice import Reason, Rejection
from tradeoff.decide.amounts import written
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.cascades import Cascade
from tradeoff.decide.cascading import remark
from tradeoff.decide.case import Case
from tradeoff.decide.judging import name_of, share, told
from tradeoff.decide.objectives import OBJECTIVES
from tradeoff.decide.ranking import Place, Weighted


def rejection(case: Case, place: Place, chosen: Place) -> Rejection:
    """What speaks against a candidate; where nothing does, why the choice was better."""
    candidate = case.candidates[place]
    told = (
        (Reason("goal", "cascade", remark(candidate, case.wish), candidate.test.share),)
        if isinstance(candidate, Cascade)
        else ()
    )
    return Rejection(candidate, (*(case.against[place] or (_lost(case, place, chosen),)), *told))


def _lost(case: Case, place: Place, chosen: Place) -> Reason:
    ranking = case.ranking
    if isinstance(ranking, Weighted):
        ours, theirs = ranking.score(place), ranking.score(chosen)
        if ours > theirs:
            text = f"fits; weighted sum {ours:.3g}, the choice has {theirs:.3g}"
            return Reason("goal", "score", text, ours, theirs, ours - theirs)
        return _equal(case, place, chosen)
    for step in case.steps[:-1]:
        if ranking.cost(place, step.name) > step.bound:
            return _worse(case.candidates[place], step.name, step.bound, "what cannot be told from the best")
    name = case.wish.goal.names[-1]
    if ranking.cost(place, name) > ranking.cost(chosen, name):
        return _worse(case.candidates[place], name, ranking.cost(chosen, name), "the choice")
    return _equal(case, place, chosen)


def _worse(candidate: Candidate, name: str, bound: float, than: str) -> Reason:
    number = candidate.numbers[name]
    by = number.cost - bound
    more = "less" if number.direction == "higher" else "more"
    text = f"fits; {name_of(number)} {told(number)} is {written(by, number.unit)}{share(by, bound)} {more} than {than}"
    return Reason("goal", name, text, number.value, -bound if number.direction == "higher" else bound, by)


def _equal(case: Case, place: Place, chosen: Place) -> Reason:
    """As good for the goal; what the choice has beyond that."""
    ours, theirs = case.candidates[place].numbers, case.candidates[chosen].numbers
    for name in OBJECTIVES:
        if name in theirs and (name not in ours or ours[name].cost > theirs[name].cost):
            text = f"fits, and is as good for {case.wish.goal}; the choice is better in {name}"
            value = ours[name].value if name in ours else None
            return Reason("goal", name, text, value, theirs[name].value, 0.0)
    return Reason("goal", str(case.wish.goal), "fits, and is in nothing worse: the first by name was taken", by=0.0)
