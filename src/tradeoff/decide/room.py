"""What would change the answer: more room under a limit, another limit, another weight, a doubt that is put up with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tradeoff.decide.advice import Reason, Rejection, Relaxation
from tradeoff.decide.amounts import as_limit, parse_amount, written
from tradeoff.decide.candidates import DOUBTS, Candidate
from tradeoff.decide.case import Case
from tradeoff.decide.judging import gains_of, name_of, share
from tradeoff.decide.objectives import OBJECTIVES
from tradeoff.decide.ranking import Influence, InOrder, Place, Weighted, influences, ranking_of
from tradeoff.decide.wishes import LIMITS, Limit


def relaxations(case: Case, chosen: Place | None) -> Iterator[Relaxation]:
    """For each limit the least that changes the choice, and what would be chosen without it, if that is another one."""
    for limit in case.wish.limits:
        beyond = case.only_for(limit)
        if not beyond or case.ranking.pick((*case.fitting, *beyond)) == chosen:
            continue
        first = _first(case, beyond, chosen)
        yield from _kept(case, chosen, _relaxation(case, chosen, limit, beyond, first))
        if case.ranking.pick((*case.fitting, *beyond)) != case.ranking.pick((*case.fitting, *beyond[: first + 1])):
            yield from _kept(case, chosen, _relaxation(case, chosen, limit, beyond, _enough(case, beyond)))


def _kept(case: Case, chosen: Place | None, found: Relaxation) -> Iterator[Relaxation]:
    """What the relaxation gives when it is tried: cascades find other thresholds under another limit."""
    if case.offers is None:
        yield found
        return
    choice = case.candidates[chosen] if chosen is not None else None
    limit = replace(found.limit, value=parse_amount(found.limit.name, found.to, found.limit.unit))
    after = case.with_limit(limit).picked
    if after is not None and after != choice and (choice is None or _preferred(case, after, choice)):
        yield replace(found, candidate=after, gains=gains_of(after, choice) if choice is not None else ())


def _preferred(case: Case, after: Candidate, choice: Candidate) -> bool:
    """Whether it is what one would rather have; a threshold found for a wider limit may be worse on the test split."""
    return ranking_of(case.wish.goal, (choice, after)).pick((0, 1)) == 1


def _first(case: Case, beyond: Sequence[Place], chosen: Place | None) -> int:
    """How far one has to go into ``beyond`` until another one is chosen."""
    low, high = 0, len(beyond) - 1
    while low < high:
        middle = (low + high) // 2
        if case.ranking.pick((*case.fitting, *beyond[: middle + 1])) != chosen:
            high = middle
        else:
            low = middle + 1
    return low


def _enough(case: Case, beyond: Sequence[Place]) -> int:
    """How far one has to go until that is chosen which would be chosen without the limit."""
    return _first_with(case, beyond, case.ranking.pick((*case.fitting, *beyond)))


def _first_with(case: Case, beyond: Sequence[Place], wanted: Place) -> int:
    start = beyond.index(wanted)
    if case.ranking.pick((*case.fitting, *beyond[: start + 1])) == wanted:
        return start
    # With intervals, something further away can untie what comes before; then all of it is needed.
    return len(beyond) - 1


def _relaxation(case: Case, chosen: Place | None, limit: Limit, beyond: Sequence[Place], last: int) -> Relaxation:
    number = case.candidates[beyond[last]].numbers[limit.objective]
    # Others may lie just as far beyond the limit.
    opened = [
        p for p in beyond if limit.missed_by(case.candidates[p].numbers[limit.objective]) <= limit.missed_by(number)
    ]
    candidate = case.candidates[case.ranking.pick((*case.fitting, *opened))]
    gains = gains_of(candidate, case.candidates[chosen]) if chosen is not None else ()
    to = _limit_text(case, replace(limit, value=number.value), (*case.fitting, *beyond), (*case.fitting, *opened))
    return Relaxation(limit, limit.missed_by(number), to, candidate, gains)


def _limit_text(case: Case, limit: Limit, members: Iterable[Place], wanted: Sequence[Place]) -> str:
    """The limit, rounded only if that lets in nothing else that would be chosen."""
    text = as_limit(limit.value, limit.unit, limit.most)
    rounded = replace(limit, value=parse_amount(limit.name, text, limit.unit))
    kept = case.keeping(members, rounded)
    same = kept and case.ranking.pick(kept) == case.ranking.pick(wanted)
    return text if same else exactly(limit.value, limit.unit)


def exactly(value: float, unit: str) -> str:
    """The value to its last digit, in the unit of the records."""
    return f"{value!r}{'/s' if unit == '1/s' else '' if unit == '1' else unit}"


# --- the runner-up ----------------------------------------------------------------------------------


def instead_of(case: Case, chosen: Place, second: Place) -> Iterator[str]:
    """What would make the runner-up the choice."""
    yield from _by_being_better(case, chosen, second)
    for name in OBJECTIVES:
        limit = _tightest(case, name, chosen, second)
        if limit is not None:
            limited = _limited(case, limit)
            if limited.picked == case.candidates[second]:
                text = _limit_text(limited, limit, limited.fitting, limited.fitting)
                if _still(case, replace(limit, value=parse_amount(limit.name, text, limit.unit)), second):
                    yield f"--{limit.name} {text}"


def _still(case: Case, limit: Limit, second: Place) -> bool:
    """Whether the limit as it is told gives the same where cascades find other thresholds for it."""
    return case.offers is None or case.with_limit(limit).picked == case.candidates[second]


def _limited(case: Case, limit: Limit) -> Case:
    """The case with one limit more, or tighter."""
    if case.offers is None and not any(candidate.doubts for candidate in case.candidates):
        return replace(case, fitting=tuple(case.keeping(case.fitting, limit)))
    # A limit can give a doubt consequence, or take it away; and cascades find other thresholds.
    return case.with_limit(limit)


def _tightest(case: Case, name: str, chosen: Place, second: Place) -> Limit | None:
    """A limit that the runner-up just keeps and the choice does not."""
    ours, theirs = case.candidates[second].numbers.get(name), case.candidates[chosen].numbers.get(name)
    if ours is None or theirs is None or ours.cost >= theirs.cost:
        return None
    most = ours.direction == "lower"
    option = next((option for option, (about, side) in LIMITS.items() if about == name and side == most), None)
    # No option with a unit can be set to nothing at all.
    return Limit(option, name, most, ours.value, "") if option and (ours.value > 0 or ours.unit == "1") else None


def _by_being_better(case: Case, chosen: Place, second: Place) -> Iterator[str]:
    if not isinstance(case.ranking, InOrder):
        return
    ranking = case.ranking
    for step in case.steps:
        by = ranking.cost(second, step.name) - step.bound
        if by > 0:
            number = case.candidates[second].numbers[step.name]
            side = "more" if number.direction == "higher" else "less"
            enough = "would tie it with the best" if step is not case.steps[-1] else "would make it equal"
            yield f"{written(by, number.unit)}{share(by, number.value)} {side} {name_of(number)} {enough}"
            return


# --- weights ----------------------------------------------------------------------------------------


def weights_told(case: Case, chosen: Place) -> Iterator[str]:
    """Within what each weight can be moved."""
    if isinstance(case.ranking, Weighted):
        for one in influences(case.ranking, case.fitting, chosen):
            yield f"{_told(case, one)}{'; all thresholds staying as they are' if case.offers else ''}"


def _told(case: Case, one: Influence) -> str:
    ends = []
    if one.below is not None:
        ends.append(f"below {one.least:.3g} {case.candidates[one.below].name}")
    if one.above is not None:
        ends.append(f"above {one.most:.3g} {case.candidates[one.above].name}")
    told = "; ".join(ends) or "with any other the same is chosen"
    return f"weight of {one.name} {one.weight:g}: {told}"


# --- doubts, and when nothing fits ------------------------------------------------------------------


def allowing(case: Case, chosen: Place | None) -> Iterator[str]:
    """What would be chosen if a doubt were put up with."""
    for doubt in DOUBTS:
        doubtful = [
            place
            for place, reasons in enumerate(case.against)
            if reasons and all(reason.why == "doubt" and reason.about == doubt for reason in reasons)
        ]
        if not doubtful:
            continue
        found: Candidate | None = case.candidates[case.ranking.pick((*case.fitting, *doubtful))]
        if case.offers is not None:
            found = case.under(replace(case.wish, allow=case.wish.allow | {doubt})).picked
        if found is not None and (chosen is None or found != case.candidates[chosen]):
            yield f"{found.name} would be chosen with --allow {doubt}; better measure it again"


def nearest_miss(rejected: Sequence[Rejection]) -> Rejection | None:
    """The candidate that lacks least: in what is unknown or in doubt, then in how many limits, then by how far."""
    return min(rejected, key=_distance, default=None)


def _distance(rejection: Rejection) -> tuple[int, int, float, str]:
    beyond = [reason for reason in rejection.reasons if reason.why == "limit"]
    return (
        len(rejection.reasons) - len(beyond),
        len(beyond),
        max((_relative(reason) for reason in beyond), default=0.0),
        rejection.candidate.spelling,
    )


def _relative(reason: Reason) -> float:
    return (reason.by or 0.0) / abs(reason.bound) if reason.bound else math.inf


def what_to_change(case: Case, rejected: Sequence[Rejection]) -> Iterator[str]:
    """Limits that nobody can be held against, and what the nearest miss would need."""
    for limit in case.wish.limits:
        if rejected and all(limit.objective not in one.candidate.numbers for one in rejected):
            yield f"no candidate has {limit.objective}, so {limit.name} cannot be judged: leave it out, or measure it"
    nearest = nearest_miss(rejected)
    if nearest is not None and len(nearest.reasons) > 1 and all(r.why == "limit" for r in nearest.reasons):
        limits = {limit.name: limit for limit in case.wish.limits}
        needed = {
            r.about: as_limit(r.value or 0.0, limits[r.about].unit, limits[r.about].most) for r in nearest.reasons
        }
        if case.offers is None or nearest.candidate.halves == () or _fits(case, nearest.candidate, needed):
            yield f"{nearest.candidate.name} fits with {' '.join(f'--{name} {text}' for name, text in needed.items())}"


def _fits(case: Case, candidate: Candidate, needed: Mapping[str, str]) -> bool:
    """Whether a cascade fits with these limits, when its threshold is sought for them."""
    wider = tuple(
        replace(one, value=parse_amount(one.name, needed[one.name], one.unit)) if one.name in needed else one
        for one in case.wish.limits
    )
    after = case.under(replace(case.wish, limits=wider))
    return any(after.candidates[place].name == candidate.name for place in after.fitting)
