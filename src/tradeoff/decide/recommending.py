"""From runs and a wish to the answer: what to ship, what would be next, and why everything else was rejected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from tradeoff.decide.advice import Advice, Recommendation, Rejection, RunnerUp
from tradeoff.decide.amounts import written
from tradeoff.decide.candidates import Candidate, Group, groups_of
from tradeoff.decide.cascades import Cascade
from tradeoff.decide.cascading import Cascading
from tradeoff.decide.case import Case, case_of
from tradeoff.decide.fronts import Standing, front_of
from tradeoff.decide.judging import cautions_for, gains_of, told
from tradeoff.decide.losing import rejection
from tradeoff.decide.objectives import ACCURACY, OBJECTIVES, Number
from tradeoff.decide.ranking import Place, Weighted
from tradeoff.decide.room import allowing, instead_of, nearest_miss, relaxations, weights_told, what_to_change
from tradeoff.decide.wishes import Wish
from tradeoff.errors import BadInput
from tradeoff.record import Run
from tradeoff.text import safe


def recommend(runs: Sequence[Run], wish: Wish) -> Recommendation:
    """The answer for each group of candidates that may be compared."""
    groups = list(_asked(groups_of(runs), wish))
    return Recommendation(wish, tuple(_advise(group, wish) for group in groups))


def _asked(groups: Sequence[Group], wish: Wish) -> Iterator[Group]:
    found = [_of_the_models(g, wish) for g in groups if fnmatchcase(g.conditions.device, wish.device)]
    found = [g for g in found if fnmatchcase(g.conditions.load, wish.load) and (g.candidates or g.unmeasured)]
    if not found:
        raise BadInput(_nothing(groups, wish))
    # A device that is not there has cells as well; they are told only where there is nothing else to tell.
    yield from [group for group in found if group.candidates] or found


def _of_the_models(group: Group, wish: Wish) -> Group:
    if wish.model == "*":
        return group
    return replace(
        group,
        candidates=tuple(c for c in group.candidates if fnmatchcase(c.record.cell.model, wish.model)),
        unmeasured=tuple(r for r in group.unmeasured if fnmatchcase(r.cell.model, wish.model)),
    )


def _nothing(groups: Sequence[Group], wish: Wish) -> str:
    asked = " ".join(
        f"--{name} {pattern!r}"
        for name, pattern in (("device", wish.device), ("model", wish.model), ("load", wish.load))
        if pattern != "*"
    )
    devices = sorted({group.conditions.device for group in groups})
    loads = sorted({group.conditions.load for group in groups})
    models = sorted({c.record.cell.model for group in groups for c in group.candidates})
    held = "; ".join(
        f"{name} {', '.join(v) or 'none'}" for name, v in (("devices", devices), ("models", models), ("loads", loads))
    )
    return safe(f"no cell of these runs is asked for{f' by {asked}' if asked else ''}. The runs hold: {held}")


def _advise(group: Group, wish: Wish) -> Advice:
    _check_direction(group, wish)
    blank = Advice(group.conditions, wish, unmeasured=group.unmeasured, repeated=group.repeated)
    if wish.cascade is None:
        case = case_of(wish, group.candidates)
    else:
        cascading = Cascading(group)
        found = cascading.under(wish)
        blank = replace(blank, cascades=found)
        case = case_of(
            wish,
            (*group.candidates, *found.candidates),
            lambda other: (*group.candidates, *cascading.under(other).candidates),
        )
    return _chosen(case, blank) if case.fitting else _nothing_fits(case, blank)


def _check_direction(group: Group, wish: Wish) -> None:
    directions = {c.numbers[ACCURACY].direction for c in group.candidates if ACCURACY in c.numbers}
    for limit in wish.limits:
        wrong = {"min-accuracy": "lower", "max-error": "higher"}.get(limit.name)
        if wrong is not None and directions == {wrong}:
            other, less = ("max-error", "less") if limit.name == "min-accuracy" else ("min-accuracy", "more")
            metric = group.conditions.metric
            raise BadInput(
                f"{limit.name} {limit.text}: of {metric}, the metric of {group.conditions.task}, {less} is better; "
                f"use {other}"
            )


def _chosen(case: Case, blank: Advice) -> Advice:
    chosen = case.ranking.pick(case.fitting)
    choice = case.candidates[chosen]
    rejected = tuple(rejection(case, place, chosen) for place in range(len(case.candidates)) if place != chosen)
    return replace(
        blank,
        choice=choice,
        because=_because(case, choice),
        cautions=(*cautions_for(choice, case.wish), *_of_two(choice, case.wish), *_ties(case, chosen)),
        runner_up=_runner_up(case, chosen),
        rejected=rejected,
        relaxations=tuple(relaxations(case, chosen)),
        slack={limit.name: 0.0 - limit.missed_by(choice.numbers[limit.objective]) for limit in case.wish.limits},
        weights=tuple(weights_told(case, chosen)),
        hints=tuple(allowing(case, chosen)),
        standing=_standing(case, chosen),
    )


def _nothing_fits(case: Case, blank: Advice) -> Advice:
    rejected = tuple(Rejection(c, reasons) for c, reasons in zip(case.candidates, case.against, strict=True))
    return replace(
        blank,
        rejected=rejected,
        nearest=nearest_miss(rejected),
        relaxations=tuple(relaxations(case, None)),
        hints=(*what_to_change(case, rejected), *allowing(case, None)),
    )


def _because(case: Case, choice: Candidate) -> str:
    goal, count = case.wish.goal, len(case.fitting)
    among = f"of the {count} that fit" if count > 1 else "the only one that fits"
    if goal.kind == "weighted":
        return f"the best weighted sum of {goal}, {among}"
    if goal.kind == "one":
        return f"the best {goal}, {among}: {told(choice.numbers[goal.names[0]])}"
    first = ", then ".join(goal.names)
    return f"the best by {first}, {among}; what the intervals do not tell apart is a tie, and the next one decides"


def _of_two(choice: Candidate, wish: Wish) -> Iterator[str]:
    """What is not certain of a cascade beside its numbers."""
    if not isinstance(choice, Cascade):
        return
    both = [one.numbers.get("latency") for one in choice.halves]
    slowest = sum(one.value for one in both if one is not None)
    for limit in wish.limits:
        if limit.objective == "latency" and None not in both and slowest > limit.value:
            reach = f"a request that is passed on takes {written(slowest, 's')}"
            yield f"{limit.name} is kept on the average: {reach}; --max-p99 is about these"
    stage = choice.test
    if stage.samples < stage.of:
        yield f"the cascade is judged over the first {stage.samples:,} of {stage.of:,} samples of the test split"
    one, other = (half.record.cell.backend for half in choice.halves)
    if one != other:
        yield f"it takes two runtimes to ship: {one} and {other}"


def _ties(case: Case, chosen: Place) -> Iterator[str]:
    """What else could be the best, as far as the deciding objective is known."""
    weighted = isinstance(case.ranking, Weighted)
    names = case.wish.goal.names if weighted else case.wish.goal.names[-1:]
    ours = case.candidates[chosen].numbers
    tied = [
        case.candidates[place].name
        for place in _survivors(case)
        if place != chosen and all(case.candidates[place].numbers[name].tied(ours[name]) for name in names)
    ]
    if tied:
        more = f" and {len(tied) - 2} more" if len(tied) > 2 else ""
        yield f"{' and '.join(names)} cannot be told from that of {', '.join(tied[:2])}{more}: the intervals overlap"


def _survivors(case: Case) -> list[Place]:
    """Those among which the last objective decided."""
    left = list(case.fitting)
    for step in case.steps[:-1]:
        left = [place for place in left if case.ranking.cost(place, step.name) <= step.bound]
    return left


def _runner_up(case: Case, chosen: Place) -> RunnerUp | None:
    others = [place for place in case.fitting if place != chosen]
    if not others:
        return None
    second = case.ranking.pick(others)
    candidate = case.candidates[second]
    return RunnerUp(candidate, gains_of(candidate, case.candidates[chosen]), tuple(instead_of(case, chosen, second)))


def _standing(case: Case, chosen: Place) -> Standing | None:
    """Where the choice stands among all that nothing is wrong with; what a candidate does not have is the worst."""
    sound = [place for place, reasons in enumerate(case.against) if all(reason.why == "limit" for reason in reasons)]
    numbers = [case.candidates[place].numbers for place in sound]
    names = [name for name in OBJECTIVES if any(name in one for one in numbers)]
    if len(names) < 2:
        return None

    def table(end: Callable[[Number], float]) -> list[list[float]]:
        return [[end(one[name]) if name in one else math.inf for name in names] for one in numbers]

    front = front_of(table(lambda n: n.cost), table(lambda n: n.least), table(lambda n: n.most))
    return front.standings[sound.index(chosen)]
