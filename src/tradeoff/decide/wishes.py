"""What a person asks for: limits, an objective, and which cells may answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tradeoff.decide.amounts import parse_amount
from tradeoff.decide.candidates import Doubt
from tradeoff.decide.objectives import ACCURACY, OBJECTIVES, Number
from tradeoff.errors import BadInput, UnknownName

Kind = Literal["one", "weighted", "in order"]
DEFAULT_GOAL: Final = "accuracy>latency"
#: Every limit that can be set: its name as an option and in a file, the objective, and whether it is the most.
LIMITS: Final[Mapping[str, tuple[str, bool]]] = {
    "max-latency": ("latency", True),
    "max-p99": ("p99", True),
    "max-ram": ("ram", True),
    "max-flash": ("flash", True),
    "max-size": ("size", True),
    "max-energy": ("energy", True),
    "min-accuracy": (ACCURACY, False),
    "max-error": (ACCURACY, True),
    "min-throughput": ("throughput", False),
}
_WEIGHT: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


@dataclass(frozen=True)
class Limit:
    """A bound that the choice keeps.

    :param name: ``max-latency``; as an option with two dashes before it.
    :param objective: what it limits.
    :param most: whether it is the most; else the least.
    :param value: in the objective's unit.
    :param text: as it was written.
    :param why: what a scenario says of it.
    """

    name: str
    objective: str
    most: bool
    value: float
    text: str
    why: str = ""

    @property
    def unit(self) -> str:
        """Of the value."""
        return OBJECTIVES[self.objective].unit

    def missed_by(self, number: Number) -> float:
        """How far the number is beyond the limit, in its unit; zero or less where it keeps it."""
        return number.value - self.value if self.most else self.value - number.value

    def kept(self, number: Number) -> bool:
        """Whether the number keeps the limit."""
        return number.value <= self.value if self.most else number.value >= self.value

    def surely(self, number: Number) -> bool:
        """Whether all of the number's interval does."""
        return number.high <= self.value if self.most else number.low >= self.value


@dataclass(frozen=True)
class Goal:
    """What is best among those that fit.

    :param terms: objectives in the order in which they were written, each with its weight, which is 1 if none is meant.
    """

    kind: Kind
    terms: tuple[tuple[str, float], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The objectives."""
        return tuple(name for name, _ in self.terms)

    def __str__(self) -> str:
        if self.kind == "weighted":
            return ",".join(f"{name}:{weight:g}" for name, weight in self.terms)
        return ">".join(self.names)


@dataclass(frozen=True)
class Roles:
    """Which cells may play which part in a cascade: globs over ``MODEL/CHAIN/BACKEND``."""

    small: str = "*"
    large: str = "*"


@dataclass(frozen=True)
class Wish:
    """All of it.

    :param device: a glob, as are the next two.
    :param allow: doubts that are put up with.
    :param title: of the scenario, if there is one.
    :param summary: what it stands for.
    :param cascade: whether two cells may answer together, and which.
    """

    goal: Goal
    limits: tuple[Limit, ...] = ()
    device: str = "*"
    model: str = "*"
    load: str = "*"
    allow: frozenset[Doubt] = frozenset()
    title: str = ""
    summary: str = ""
    cascade: Roles | None = None


def parse_goal(text: str, what: str = "--objective") -> Goal:
    """Read ``energy``, ``accuracy:2,latency:1`` or ``accuracy>latency``."""
    if ">" in text:
        return Goal("in order", _distinct(text, ((part.strip(), 1.0) for part in text.split(">")), what))
    if "," in text or ":" in text:
        return Goal("weighted", _distinct(text, (_weighted(part, text, what) for part in text.split(",")), what))
    return Goal("one", _distinct(text, [(text.strip(), 1.0)], what))


def _weighted(part: str, text: str, what: str) -> tuple[str, float]:
    name, colon, weight = (piece.strip() for piece in part.partition(":"))
    if not colon or not _WEIGHT.fullmatch(weight) or not 0 < float(weight) < 1e9:
        raise BadInput(
            f"{what} {text!r}: {part.strip()!r} is not NAME:WEIGHT with a weight above 0, as in 'accuracy:2,latency:1'"
        )
    return name, float(weight)


def _distinct(text: str, terms: Iterable[tuple[str, float]], what: str) -> tuple[tuple[str, float], ...]:
    found: dict[str, float] = {}
    for name, weight in terms:
        if name not in OBJECTIVES:
            raise UnknownName("objective", name, OBJECTIVES)
        if name in found:
            raise BadInput(f"{what} {text!r} names {name} twice; name it once")
        found[name] = weight
    return tuple(found.items())


def parse_limit(name: str, text: str, what: str, why: str = "") -> Limit:
    """Read one limit; ``what`` is how an error calls it."""
    objective, most = LIMITS[name]
    value = parse_amount(what, text, OBJECTIVES[objective].unit)
    if name == "min-accuracy" and value > 1:
        raise BadInput(f"{what} {text!r} is more than all; write a share such as 0.9, or 90%")
    return Limit(name, objective, most, value, text.strip(), why)


def check_limits(limits: Iterable[Limit], source: str = "") -> None:
    """A share of right answers and an error cannot both be the metric of a task."""
    names = {limit.name for limit in limits}
    if {"min-accuracy", "max-error"} <= names:
        raise BadInput(
            f"{source}min-accuracy and max-error are both given; a task has one metric: give min-accuracy where more "
            "is better (accuracy, r2), max-error where less is (mae, mse)"
        )
