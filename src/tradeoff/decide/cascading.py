"""Which cells of a group may answer together, with which threshold, and why the others may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import log
from typing import Any, Final

from tradeoff.answers import Answers
from tradeoff.decide.candidates import Candidate, Group
from tradeoff.decide.cascades import Cascade, Cascades, Tried, cascade_of
from tradeoff.decide.counting import MEANS, Curve, curve_of, stage_of
from tradeoff.decide.judging import matters, share, used
from tradeoff.decide.objectives import ACCURACY
from tradeoff.decide.ranking import Scale, scale_over
from tradeoff.decide.thresholds import Pair, best_threshold
from tradeoff.decide.wishes import Roles, Wish
from tradeoff.errors import BadInput

#: With more samples in a request, one that is unsure would take the others with it; under an arrival rate they queue.
LOAD: Final = "b1"
#: So many pairs are looked at; a front of a dozen cells has no more.
MOST: Final = 60
_SPLITS: Final = ("validation", "test")


@dataclass(frozen=True)
class Answered:
    """A candidate that has told its answers; of thousands of candidates few are ever looked at one by one.

    :param accuracy: on the validation split: the only one that anything is chosen by.
    :param shape: what two must have in common to have answered the same samples.
    """

    candidate: Candidate
    accuracy: float
    shape: tuple[int, ...]

    def of(self, split: str) -> Answers:
        """The answers to a split."""
        return Answers.from_json(self.candidate.record.facts["answers"][split], f"{self.candidate.name}, {split}")


class Cascading:
    """The cascades of one group under any wish; what was counted once is kept."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._answered, self._unread = _answered(group)
        self._curves: dict[tuple[str, str], tuple[Curve, Curve]] = {}

    def under(self, wish: Wish) -> Cascades:
        """What competes under a wish, which asks for cascades."""
        roles = wish.cascade or Roles()
        known = self._group.conditions
        if known.load != LOAD:
            return Cascades(left_out=(f"cascades are of requests with one sample, {LOAD}: this load is {known.load}",))
        if known.metric != ACCURACY:
            return Cascades(left_out=(f"cascades are of classifications: the metric here is {known.metric}",))
        sound, doubtful = _sound(self._answered, wish)
        cost = cost_of(wish)
        pairs, more = _pairs(sound, roles, cost)
        scales = _scales(sound, wish)
        tried, broken = [], []
        for small, large in pairs:
            try:
                tried.append(self._tried(small, large, wish, scales))
            except BadInput as error:
                broken.append(str(error))
        nothing = () if tried else (_no_pair(sound, roles, cost),)
        return Cascades(tuple(tried), (*self._unread, *doubtful, *more, *dict.fromkeys(broken), *nothing))

    def curves(self, small: Answered, large: Answered) -> tuple[Curve, Curve]:
        """Of validation, and of test at the same thresholds."""
        key = (small.candidate.spelling, large.candidate.spelling)
        if key not in self._curves:
            chosen = curve_of(small.of("validation"), large.of("validation"))
            self._curves[key] = chosen, curve_of(small.of("test"), large.of("test"), chosen.thresholds)
        return self._curves[key]

    def _tried(self, small: Answered, large: Answered, wish: Wish, scales: Mapping[str, Scale]) -> Tried:
        validation, test = self.curves(small, large)
        place = best_threshold(Pair(small.candidate, large.candidate, validation), wish, scales)
        cascade = None
        if isinstance(place, str):
            why = place
        elif validation.passed[place] in (0, validation.samples):
            one, what = (small, "nothing") if validation.passed[place] == 0 else (large, "everything")
            why = f"by the validation split {what} is best passed on: {one.candidate.name} alone"
        else:
            why = ""
            told = stage_of(validation, place, small.shape[1]), stage_of(test, place, small.shape[3])
            cascade = cascade_of(small.candidate, large.candidate, float(validation.thresholds[place]), *told)
        return Tried(small.candidate, large.candidate, cascade, why, validation, test)


def cost_of(wish: Wish) -> str:
    """What a small model has less of: the first cost of a request that the wish is about."""
    return next((name for name in used(wish) if name in MEANS), MEANS[0])


def remark(cascade: Cascade, wish: Wish) -> str:
    """How much is passed on; and whether the large one alone would be as cheap."""
    passes = f"passes on {100 * cascade.test.share:.3g} %"
    name = cost_of(wish)
    ours, theirs = cascade.numbers.get(name), cascade.large.numbers.get(name)
    if ours is None or theirs is None or ours.cost < theirs.cost:
        return passes
    dear = {"latency": "slower than", "energy": "takes more energy than"}[name]
    by = share(ours.cost - theirs.cost, theirs.cost)
    return f"{passes}: {dear} the large one alone{by}"


# --- who may take part ------------------------------------------------------------------------------


def _answered(group: Group) -> tuple[list[Answered], tuple[str, ...]]:
    """The candidates with answers to the same samples, and what is to be said of the others."""
    found, without, broken = [], [], []
    for candidate in group.candidates:
        told = candidate.record.facts.get("answers")
        if not isinstance(told, Mapping) or not all(name in told for name in _SPLITS):
            without.append(candidate.name)
        elif one := _read(candidate, told):
            found.append(one)
        else:
            broken.append(candidate.name)
    shape = max(Counter(one.shape for one in found).items(), key=lambda pair: pair[1], default=((), 0))[0]
    others = [one.candidate.name for one in found if one.shape != shape]
    lines = [
        *_line(without, "no answers sample by sample, as records of older versions: measure again"),
        *_line(broken, "answers that are not what a record holds"),
        *_line(others, "answers to other samples than the rest"),
    ]
    return [one for one in found if one.shape == shape], tuple(lines)


def _read(candidate: Candidate, told: Mapping[str, Any]) -> Answered | None:
    """What can be seen at a glance; nothing where that is not what a record holds."""
    shape: list[int] = []
    for split in _SPLITS:
        one = told[split] if isinstance(told[split], Mapping) else {}
        right, sure, of = one.get("right"), one.get("confidence"), one.get("of")
        if not isinstance(right, str) or not isinstance(sure, Sequence) or not isinstance(of, int):
            return None
        if not right or len(right) != len(sure) or right.count("0") + right.count("1") != len(right):
            return None
        shape += [len(right), of]
    right = told[_SPLITS[0]]["right"]
    return Answered(candidate, right.count("1") / len(right), tuple(shape))


def _line(names: Sequence[str], what: str) -> Iterator[str]:
    if names:
        one = len(names) == 1
        yield f"{names[0]} has {what}" if one else f"{len(names):,} cells, such as {names[0]}, have {what}"


def _sound(answered: Sequence[Answered], wish: Wish) -> tuple[list[Answered], list[str]]:
    """Those that nothing is wrong with; that one alone is worse than its task's floor is no matter."""
    sound, doubtful = [], []
    for one in answered:
        against = [d for d in one.candidate.doubts if d != "floor" and d not in wish.allow and matters(d, wish)]
        if against:
            doubtful.append(f"{one.candidate.name} ({', '.join(against)})")
        else:
            sound.append(one)
    more = f" and {len(doubtful) - 1:,} more" if len(doubtful) > 1 else ""
    return sound, [f"no cascade is made of {doubtful[0]}{more}, for that doubt"] if doubtful else []


def _pairs(sound: Sequence[Answered], roles: Roles, cost: str) -> tuple[list[tuple[Answered, Answered]], list[str]]:
    """The small one costs less and the large one is more often right; of both only what nothing else dominates."""
    known = [one for one in sound if cost in one.candidate.numbers]
    small, large = (_best([one for one in known if _plays(one, glob)], cost) for glob in (roles.small, roles.large))
    found = [(a, b) for a in small for b in large if _cost(a, cost) < _cost(b, cost) and a.accuracy < b.accuracy]
    if len(found) <= MOST:
        return found, []
    found.sort(key=lambda pair: _apart(pair[0], pair[1], cost), reverse=True)
    return found[:MOST], [f"{len(found) - MOST:,} more pairs: name the cells with --small and --large"]


def _plays(one: Answered, glob: str) -> bool:
    return fnmatchcase(one.candidate.name, glob)


def _best(some: Sequence[Answered], cost: str) -> list[Answered]:
    """From the cheapest to the dearest, each more often right than all before it."""
    found: list[Answered] = []
    for one in sorted(some, key=lambda one: (_cost(one, cost), -one.accuracy, one.candidate.name)):
        if not found or one.accuracy > found[-1].accuracy:
            found.append(one)
    return found


def _cost(one: Answered, cost: str) -> float:
    return one.candidate.numbers[cost].value


def _apart(small: Answered, large: Answered, cost: str) -> float:
    """How much there is to be gained by both together."""
    cheap, dear = _cost(small, cost), _cost(large, cost)
    return (large.accuracy - small.accuracy) * (log(dear / cheap) if cheap > 0 else 1.0)


def _no_pair(sound: Sequence[Answered], roles: Roles, cost: str) -> str:
    named = "" if roles == Roles() else f" of {roles.small} before {roles.large}"
    return (
        f"of {len(sound):,} cells with answers no two{named} make a cascade: "
        f"one with less {cost}, and one that is more often right on the validation split"
    )


def _scales(sound: Sequence[Answered], wish: Wish) -> dict[str, Scale]:
    """Of a weighted goal; that of accuracy is of the validation split, by which thresholds are chosen."""
    found = {}
    for name in wish.goal.names:
        numbers = [one.candidate.numbers[name].cost for one in sound if name in one.candidate.numbers]
        found[name] = scale_over([-one.accuracy for one in sound] if name == ACCURACY else numbers)
    return found
