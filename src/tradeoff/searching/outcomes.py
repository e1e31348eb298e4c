"""What became of one trial, as plain data that outlives the process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tradeoff.decide.amounts import written
from tradeoff.decide.objectives import OBJECTIVES
from tradeoff.searching.space import Proposal

#: How far a trial came. ``sketch``: ended before it was trained; ``built``: before its quality was judged; ``judged``:
#: it went to the end; ``failed``: a technique, a backend or a worker gave up.
Ended = Literal["sketch", "built", "judged", "failed"]
#: What a trial has not come to, or that it came nowhere.
BEFORE: Final = {"sketch": "not trained", "built": "not judged", "failed": "failed"}
FITS: Final = "fits"
#: Under which a trial is no trial: not counted, not told.
VOID: Final = "void"


@dataclass(frozen=True)
class Outcome:
    """What is known of a trial in the end.

    :param why: what ended it early, or speaks against it; empty where nothing does.
    :param numbers: by objective; that of quality is of the validation split.
    :param missed: by limit or doubt, how far it is from being kept, as a share; zero or less where it is.
    :param values: the costs by which the sampler is told, one for each objective of the goal; none if it ended early.
    """

    ended: Ended
    why: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    missed: Mapping[str, float] = field(default_factory=dict)
    values: tuple[float, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether nothing speaks against it."""
        return self.ended == "judged" and not any(miss > 0 for miss in self.missed.values())

    def to_json(self) -> dict[str, Any]:
        """Plain data for the journal."""
        return {"ended": self.ended, "why": self.why, "numbers": dict(self.numbers), "missed": dict(self.missed)}


def first_sentence(text: str) -> str:
    """What fits on a line: a refusal may go on with what it says of each layer."""
    return text.partition(". ")[0]


def told(outcome: Outcome) -> str:
    """What became of a trial, in a line: how far it came, its quality and size, and what speaks against it."""
    known = (name for name in ("accuracy", "size") if name in outcome.numbers)
    numbers = [f"{name} {written(outcome.numbers[name], OBJECTIVES[name].unit)}" for name in known]
    if outcome.ended == "judged":
        return ", ".join([*numbers, outcome.why or FITS])
    return f"{BEFORE[outcome.ended]}: {outcome.why}"


@dataclass(frozen=True)
class Tried:
    """One trial, as it is told.

    :param place: its number among those that count, from 1.
    :param yardstick: whether it is of the default matrix.
    """

    place: int
    proposal: Proposal
    yardstick: bool
    outcome: Outcome
