"""The answer to a wish, for one group of candidates: the choice, and why nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tradeoff.decide.candidates import Candidate, Conditions
from tradeoff.decide.cascades import Cascades
from tradeoff.decide.fronts import Standing
from tradeoff.decide.wishes import Limit, Wish
from tradeoff.record import Record

#: Why a candidate was not chosen: it is beyond a limit; a number is not there; it has a verdict; it fits, and another
#: is better for the goal.
Why = Literal["limit", "unknown", "doubt", "goal"]


@dataclass(frozen=True)
class Reason:
    """One reason against a candidate.

    :param about: the limit's name, the doubt, or the objective.
    :param text: one line for a person.
    :param value: what the candidate has; ``None`` where it has nothing.
    :param bound: what it would need.
    :param by: by how much it misses that, in the objective's unit.
    """

    why: Why
    about: str
    text: str
    value: float | None = None
    bound: float | None = None
    by: float | None = None


@dataclass(frozen=True)
class Rejection:
    """A candidate that was not chosen, and everything that speaks against it."""

    candidate: Candidate
    reasons: tuple[Reason, ...]

    @property
    def fits(self) -> bool:
        """Whether it keeps all limits."""
        return all(reason.why == "goal" for reason in self.reasons)


@dataclass(frozen=True)
class Gain:
    """What another candidate has more or less of than the choice.

    :param by: in the objective's unit; below zero where the other has less.
    :param better: whether that is for the better.
    :param shown: whether the intervals do not overlap.
    """

    objective: str
    by: float
    better: bool
    shown: bool


@dataclass(frozen=True)
class Relaxation:
    """What a limit costs: with so much more room another candidate would be chosen.

    :param by: so much more, in the limit's unit.
    :param to: the limit as an option would take it.
    :param gains: what that one has against the choice; empty where there is no choice.
    """

    limit: Limit
    by: float
    to: str
    candidate: Candidate
    gains: tuple[Gain, ...] = ()


@dataclass(frozen=True)
class RunnerUp:
    """What would be chosen if the choice were not there.

    :param instead: what would make it the choice, each in one line; every one was tried.
    """

    candidate: Candidate
    gains: tuple[Gain, ...] = ()
    instead: tuple[str, ...] = ()


@dataclass(frozen=True)
class Advice:
    """The answer for one group.

    :param choice: ``None`` where nothing fits.
    :param cautions: what the choice rests on that is not certain.
    :param because: what decided, in one line.
    :param rejected: every other measured candidate.
    :param unmeasured: what was planned and has no numbers.
    :param relaxations: by limit; those that would change nothing are left out.
    :param slack: how much room the choice leaves under each limit, by its name.
    :param nearest: where nothing fits, the candidate that misses least.
    :param hints: what to change, or what would be chosen if doubts were put up with.
    :param cascades: the pairs that were looked at, where the wish asks for them.
    :param standing: the choice's among all that nothing is wrong with, in all objectives at once.
    """

    conditions: Conditions
    wish: Wish
    choice: Candidate | None = None
    because: str = ""
    cautions: tuple[str, ...] = ()
    runner_up: RunnerUp | None = None
    rejected: tuple[Rejection, ...] = ()
    unmeasured: tuple[Record, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    slack: Mapping[str, float] = field(default_factory=dict)
    weights: tuple[str, ...] = ()
    nearest: Rejection | None = None
    hints: tuple[str, ...] = ()
    standing: Standing | None = None
    repeated: tuple[str, ...] = ()
    cascades: Cascades | None = None


@dataclass(frozen=True)
class Recommendation:
    """The answer for all groups that the wish is about; a renderer is handed this."""

    wish: Wish
    advice: tuple[Advice, ...]

    @property
    def found(self) -> bool:
        """Whether there is a choice for every group."""
        return all(one.choice is not None for one in self.advice)
