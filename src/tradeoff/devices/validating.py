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


Misses = dict[tuple[str, str], list["Miss"]]


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
    misses: Misses = {(system.name, system.precision): [] for system in asked}
    for name in dict.fromkeys(system.population for system in asked):
        members, mine = population(name), [system for system in asked if system.population == name]
        _by_family(members, [system for system in mine if system.left_out == "family"], misses)
        _by_submitter(members, [system for system in mine if system.left_out == "submitter"], misses)
    return [Findings(system, tuple(found)) for system in asked if (found := misses[system.name, system.precision])]


def _by_family(members: Sequence[System], asked: Sequence[System], misses: Misses) -> None:
    """A family of models is left out of every system, and of what the systems have in common."""
    for family in families_of(asked):
        for system, found in without_family(members, asked, family):
            misses[system.name, system.precision] += found


def families_of(systems: Iterable[System]) -> list[str]:
    """The architectures of their models, each once."""
    return list(dict.fromkeys(point.family for system in systems for point in system.points))


def without_family(
    members: Sequence[System], asked: Sequence[System], family: str, without: frozenset[str] = frozenset()
) -> list[tuple[System, list[Miss]]]:
    """How each system's models of one family are estimated from others; ``without`` is left out beside it."""
    gone = without | {family}
    found, priors = [], dict[str, Prior]()
    for system in asked:
        left = [point for point in system.points if point.family == family]
        # Of a system with one family nothing would be left: there is nothing to be found out.
        if left and any(point.family not in gone for point in system.points):
            if system.kernels not in priors:
                priors[system.kernels] = prior_of(system, members, gone)
            cycles = fit(system.samples(gone), priors[system.kernels])
            found.append((system, [_miss(system, point, cycles) for point in left]))
    return found


def _by_submitter(members: Sequence[System], asked: Sequence[System], misses: Misses) -> None:
    """All that a submitter has published is left out; of the system at hand its other models are known."""
    for submitter in submitters_of(asked):
        for system, found in without_submitter(others_than(members, submitter), asked, submitter):
            misses[system.name, system.precision] += found


def submitters_of(systems: Iterable[System]) -> list[str]:
    """Who has published them, each once."""
    return list(dict.fromkeys(system.submitter for system in systems))


def others_than(members: Sequence[System], submitter: str) -> list[System]:
    """Those of a population without all that one submitter has published, and what repeats it."""
    theirs = [system for system in members if system.submitter == submitter]
    return [
        system for system in members if system.submitter != submitter and not any(_same(system, own) for own in theirs)
    ]


def without_submitter(
    others: Sequence[System], asked: Sequence[System], submitter: str
) -> list[tuple[System, list[Miss]]]:
    """How a submitter's systems are estimated from ``others``, each model from its system's other ones."""
    found, priors = [], dict[str, Prior]()
    for system in asked:
        if system.submitter != submitter:
            continue
        if system.kernels not in priors:
            priors[system.kernels] = prior_of(system, others)
        prior = priors[system.kernels]
        cycles = (fit(system.samples(frozenset((point.family,))), prior) for point in system.points)
        found.append((system, [_miss(system, *pair) for pair in zip(system.points, cycles, strict=True)]))
    return found


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
