"""One candidate against a wish: what speaks against it, what is not certain, and what it has against another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tradeoff.decide.advice import Gain, Reason
from tradeoff.decide.amounts import written
from tradeoff.decide.candidates import DOUBTS, Candidate, Doubt
from tradeoff.decide.objectives import ACCURACY, OBJECTIVES, Number, why_missing
from tradeoff.decide.wishes import Limit, Wish

#: These are about timing: where no timed number is used, they are of no consequence.
_OF_TIMING: Final = frozenset({"noisy", "overloaded"})


def used(wish: Wish) -> tuple[str, ...]:
    """The objectives that a decision rests on."""
    return tuple(dict.fromkeys((*wish.goal.names, *(limit.objective for limit in wish.limits))))


def reasons_against(candidate: Candidate, wish: Wish) -> tuple[Reason, ...]:
    """Everything for which a candidate cannot be chosen."""
    return (*_doubts(candidate, wish), *_beyond(candidate, wish), *_unknown(candidate, wish))


def _doubts(candidate: Candidate, wish: Wish) -> Iterator[Reason]:
    for doubt, verdict in candidate.doubts.items():
        if doubt not in wish.allow and matters(doubt, wish):
            yield Reason("doubt", doubt, verdict if verdict != doubt else f"{doubt}: {DOUBTS[doubt]}")


def matters(doubt: Doubt, wish: Wish) -> bool:
    """Whether a doubt is about anything that the decision rests on."""
    if doubt in _OF_TIMING:
        return any(OBJECTIVES[name].timed for name in used(wish))
    # Who sets a limit on accuracy has a floor of his own.
    return doubt != "floor" or all(limit.objective != ACCURACY for limit in wish.limits)


def _beyond(candidate: Candidate, wish: Wish) -> Iterator[Reason]:
    for limit in wish.limits:
        number = candidate.numbers.get(limit.objective)
        if number is None:
            yield Reason("unknown", limit.name, _not_there(candidate, limit.objective), bound=limit.value)
        elif not limit.kept(number):
            by = limit.missed_by(number)
            side = "above" if limit.most else "below"
            far = f"{written(by, number.unit)}{share(by, limit.value)}"
            text = f"{name_of(number)} {told(number)} is {far} {side} {limit.name}"
            yield Reason("limit", limit.name, text, number.value, limit.value, by)


def _unknown(candidate: Candidate, wish: Wish) -> Iterator[Reason]:
    limited = {limit.objective for limit in wish.limits}
    for name in wish.goal.names:
        if name not in candidate.numbers and name not in limited:
            yield Reason("unknown", name, _not_there(candidate, name))


def _not_there(candidate: Candidate, name: str) -> str:
    note = why_missing(candidate.record, name)
    return f"{name} unavailable{f': {note}' if note else ''}"


def name_of(number: Number) -> str:
    """The measurement as a person calls it; where it is not the only one that an objective may be, its own name."""
    return {"artifact_bytes": "size", "latency_p99": "p99", "flash_bytes": "flash"}.get(number.name, number.name)


def told(number: Number) -> str:
    """The number with its unit and, unless it was measured, its provenance."""
    origin = "" if number.provenance == "measured" else f" ({number.provenance})"
    return f"{written(number.value, number.unit)}{origin}"


def share(part: float, whole: float) -> str:
    """By how many per cent; nothing where that says nothing."""
    if not whole or abs(part / whole) > 9.995:
        return ""
    percent = 100 * abs(part / whole)
    return f" ({percent:.0f} %)" if percent >= 9.95 else f" ({percent:.2g} %)"


def cautions_for(candidate: Candidate, wish: Wish) -> Iterator[str]:
    """What is not certain of that which a choice rests on."""
    for doubt, verdict in candidate.doubts.items():
        if matters(doubt, wish):
            yield f"{verdict}: {DOUBTS[doubt]}, which was put up with"
        else:
            yield f"{verdict}: {DOUBTS[doubt]}, but the decision does not rest on that"
    for name in used(wish):
        number = candidate.numbers[name]
        if number.provenance != "measured":
            yield f"{name} is {number.provenance}, not measured" + (f": {number.note}" if number.note else "")
        elif name == ACCURACY and number.low == number.high:
            yield f"{number.name} has no interval: the record does not say over how many samples it is"
    for limit in wish.limits:
        yield from _hardly(candidate.numbers[limit.objective], limit)


def _hardly(number: Number, limit: Limit) -> Iterator[str]:
    if not limit.surely(number):
        end = number.high if limit.most else number.low
        reach = f"the interval of {name_of(number)} goes to {written(end, number.unit)}"
        yield f"{limit.name} is kept by the estimate; {reach}"


def gains_of(candidate: Candidate, choice: Candidate) -> tuple[Gain, ...]:
    """What a candidate has more or less of than the choice, in everything that both have."""
    return tuple(
        Gain(name, ours.value - theirs.value, ours.cost < theirs.cost, not ours.tied(theirs))
        for name in OBJECTIVES
        if (ours := candidate.numbers.get(name)) and (theirs := choice.numbers.get(name)) and ours.value != theirs.value
    )
