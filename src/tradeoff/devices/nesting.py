"""How wrong latencies are when the shape of the model is chosen anew each time, by points that are not left out.

The costs that a model of latency counts were thought up by people who had seen the points. Here nobody has: for each
part that is left out, the costs that do best on the other parts, each left out in turn, are taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from tradeoff.devices.costs import CHOICES
from tradeoff.devices.points import System, population, published
from tradeoff.devices.validating import (
    Findings,
    Miss,
    Misses,
    families_of,
    others_than,
    submitters_of,
    without_family,
    without_submitter,
)

Found = list[tuple[System, list[Miss]]]


@dataclass(frozen=True)
class Nested:
    """What was found of one system, and how often which costs were chosen."""

    findings: Findings
    chosen: tuple[tuple[str, int], ...]


def validate_nested(names: Iterable[str] | None = None) -> list[Nested]:
    """Every system that is asked for, in the order in which they were published."""
    wanted = None if names is None else set(names)
    asked = [system for system in published() if wanted is None or system.name in wanted]
    misses: Misses = {(system.name, system.precision): [] for system in asked}
    chosen: dict[tuple[str, str], Counter[str]] = {key: Counter() for key in misses}
    for name in dict.fromkeys(system.population for system in asked):
        members, mine = population(name), [system for system in asked if system.population == name]
        parts = _families(members, [system for system in mine if system.left_out == "family"])
        parts += _submitters(members, [system for system in mine if system.left_out == "submitter"])
        for form, found in parts:
            for system, more in found:
                misses[system.name, system.precision] += more
                chosen[system.name, system.precision][form] += len(more)
    return [
        Nested(Findings(system, tuple(missed)), tuple(chosen[key].most_common()))
        for system in asked
        if (missed := misses[key := (system.name, system.precision)])
    ]


def _families(members: Sequence[System], asked: Sequence[System]) -> list[tuple[str, Found]]:
    """For each family that is left out, the costs that do best on the other families."""
    # Who is asked for must not change what is chosen: all of the population have a say.
    voters = [system for system in members if system.left_out == "family"]
    parts = []
    for family in families_of(asked):
        gone = frozenset((family,))
        others = [other for other in families_of(voters) if other != family]
        form = _best(
            lambda form, gone=gone, others=others: [  # type: ignore[misc]
                part
                for other in others
                for part in without_family(_with(form, members), _with(form, voters), other, gone)
            ]
        )
        parts.append((form, without_family(_with(form, members), _with(form, asked), family)))
    return parts


def _submitters(members: Sequence[System], asked: Sequence[System]) -> list[tuple[str, Found]]:
    """For each submitter who is left out, the costs that do best on the systems of the others."""
    parts = []
    for submitter in submitters_of(asked):
        others = others_than(members, submitter)
        voters = [system for system in others if system.left_out == "submitter"]
        form = _best(
            lambda form, others=others, voters=voters: [  # type: ignore[misc]
                part
                for other in submitters_of(voters)
                for part in without_submitter(others_than(_with(form, others), other), _with(form, voters), other)
            ]
        )
        parts.append((form, without_submitter(_with(form, others), _with(form, asked), submitter)))
    return parts


def _with(form: str, systems: Sequence[System]) -> list[System]:
    return [replace(system, form=form) for system in systems]


def _best(tried: Callable[[str], Found]) -> str:
    """The costs with the smallest mean error; with nothing to try them on, the first that were thought of."""
    errors: dict[str, float] = {}
    for form in CHOICES:
        found = [abs(miss.error) for _, misses in tried(form) for miss in misses]
        if found:
            errors[form] = fmean(found)
    return min(errors, key=lambda form: errors[form]) if errors else next(iter(CHOICES))
