"""How wrong the models of latency and energy are, on published points that they were not fitted to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import log
from statistics import fmean, median
from typing import Final

from tradeoff.devices.fitting import Prior, fit, learn
from tradeoff.devices.points import Point, System, kin, population, published

#: Two submitters whose figures are that near have published the same measurement.
_SAME: Final = 0.02
#: The share of points that are estimated so well is told.
NEAR: Final = 0.10


@dataclass(frozen=True)
class Miss:
    """One point that was left out, and by which share the estimate was too high."""

    model: str
    family: str
    published: float
    estimated: float

    @property
    def error(self) -> float:
        """As a share of what was published; negative when the estimate is too low."""
        return self.estimated / self.published - 1


@dataclass(frozen=True)
class Findings:
    """What was found of one system in one precision."""

    system: System
    misses: tuple[Miss, ...] = field(repr=False)

    @property
    def points(self) -> int:
        """How many points were left out, one after the other or with their family."""
        return len(self.misses)

    @property
    def mean(self) -> float:
        """The mean error, without its sign."""
        return fmean(abs(miss.error) for miss in self.misses)

    @property
    def middle(self) -> float:
        """The median error, without its sign."""
        return median(abs(miss.error) for miss in self.misses)

    @property
    def near(self) -> float:
        """The share of the points that were estimated within a tenth."""
        return fmean(abs(miss.error) <= NEAR for miss in self.misses)

    @property
    def worst(self) -> Miss:
        """The point that was estimated worst."""
        return max(self.misses, key=lambda miss: abs(miss.error))


def validate(names: Iterable[str] | None = None) -> list[Findings]:
    """Every system that is asked for, in the order in which they were published."""
    wanted = None if names is None else set(names)
    asked = [system for system in published() if wanted is None or system.name in wanted]
    misses: dict[tuple[str, str], list[Miss]] = {(system.name, system.precision): [] for system in asked}
    for name in dict.fromkeys(system.population for system in asked):
        members, mine = population(name), [system for system in asked if system.population == name]
        _by_family(members, [system for system in mine if system.left_out == "family"], misses)
        _by_submitter(members, [system for system in mine if system.left_out == "submitter"], misses)
    return [Findings(system, tuple(found)) for system in asked if (found := misses[system.name, system.precision])]


def _by_family(members: Sequence[System], asked: Sequence[System], misses: dict[tuple[str, str], list[Miss]]) -> None:
    """A family of models is left out of every system, and of what the systems have in common."""
    for family in dict.fromkeys(point.family for system in asked for point in system.points):
        without = frozenset((family,))
        priors: dict[str, Prior] = {}
        for system in asked:
            left = [point for point in system.points if point.family == family]
            # Of a system with one family nothing would be left: there is nothing to be found out.
            if left and len(left) < len(system.points):
                if system.kernels not in priors:
                    priors[system.kernels] = prior_of(system, members, without)
                cycles = fit(system.samples(without), priors[system.kernels])
                misses[system.name, system.precision] += [_miss(system, point, cycles) for point in left]


def _by_submitter(
    members: Sequence[System], asked: Sequence[System], misses: dict[tuple[str, str], list[Miss]]
) -> None:
    """All that a submitter has published is left out; of the system at hand its other models are known."""
    for submitter in dict.fromkeys(system.submitter for system in asked):
        theirs = [system for system in members if system.submitter == submitter]
        others = [
            system
            for system in members
            if system.submitter != submitter and not any(_same(system, own) for own in theirs)
        ]
        priors: dict[str, Prior] = {}
        for system in asked:
            if system.submitter != submitter:
                continue
            if system.kernels not in priors:
                priors[system.kernels] = prior_of(system, others)
            for point in system.points:
                cycles = fit(system.samples(frozenset((point.family,))), priors[system.kernels])
                misses[system.name, system.precision].append(_miss(system, point, cycles))


def prior_of(system: System, members: Iterable[System], without: frozenset[str] = frozenset()) -> Prior:
    """What is known of a system before its own points: what its kin have in common."""
    samples = [member.samples(without) for member in kin(system, members)]
    return learn(system.form, [sample for sample in samples if sample.cycles])


def _same(one: System, other: System) -> bool:
    """Whether both have published the same latencies: a submission that was repeated is no second witness."""
    theirs = {point.model: point.seconds for point in other.points}
    shared = [abs(log(point.seconds / theirs[point.model])) for point in one.points if point.model in theirs]
    return bool(shared) and max(shared) < _SAME


def _miss(system: System, point: Point, cycles: dict[str, float]) -> Miss:
    estimated = sum(cycles[cost] * point.counts[cost] for cost in cycles) / system.clock_hz
    return Miss(point.model, point.family, point.seconds, estimated)


@dataclass(frozen=True)
class EnergyFindings:
    """How well a system's power, known from its other models, tells the energy of one whose time was published."""

    system: System
    errors: tuple[float, ...]
    watts: float


def validate_energy(systems: Sequence[System]) -> list[EnergyFindings]:
    """The systems of which energy was published for several models."""
    found = []
    for system in systems:
        powers = [point.energy / point.seconds for point in system.points if point.energy]
        if len(powers) > 1:
            others = [fmean([*powers[:i], *powers[i + 1 :]]) for i in range(len(powers))]
            errors = tuple(other / power - 1 for other, power in zip(others, powers, strict=True))
            found.append(EnergyFindings(system, errors, fmean(powers)))
    return found
