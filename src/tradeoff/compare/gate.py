"""How much worse a run may be, and whether it is: ``latency:5%,accuracy:0.5pt``. What cannot be judged fails."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tradeoff.compare.comparing import Comparison, Effect, Lone
from tradeoff.compare.quantities import QUANTITIES, QuantityName
from tradeoff.errors import BadInput, UnknownName

_LIMIT: Final = re.compile(r"([A-Za-z_-]+)\s*:\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(%|pt)")
_EXAMPLE: Final = "latency:5%,accuracy:0.5pt"
_SHOWN: Final = 3
#: What became of a cell that was asked for and has no number.
_LOST: Final = frozenset({"skipped", "refused", "failed", "crashed", "interrupted", "not run"})


@dataclass(frozen=True)
class Limit:
    """How much worse a quantity may become.

    :param most: a share, 0.05 for 5 %; or a difference where ``points``, 0.005 for half a percentage point.
    """

    quantity: QuantityName
    most: float
    points: bool = False

    def __str__(self) -> str:
        return f"{self.quantity} {100 * self.most:g} {'pt' if self.points else '%'}"


@dataclass(frozen=True)
class Judgement:
    """What became of a limit, or of the run as a whole.

    :param passed: nothing is worse than the limit, and there was something to judge.
    :param text: one line for a person.
    :param effects: those that break the limit, the worst first.
    """

    passed: bool
    text: str
    effects: tuple[Effect, ...] = ()


def parse_limits(text: str) -> tuple[Limit, ...]:
    """Read what ``--fail`` and ``--tradeoff-fail`` are given."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise BadInput(f"the limits {text!r} name nothing; write them as in {_EXAMPLE!r}")
    limits = [_limit(part) for part in parts]
    twice = [name for name, count in Counter(limit.quantity for limit in limits).items() if count > 1]
    if twice:
        raise BadInput(f"the limits {text!r} name {twice[0]} twice; give it one limit")
    return tuple(limits)


def _limit(part: str) -> Limit:
    name = part.partition(":")[0].strip()
    known: dict[str, QuantityName] = {quantity: quantity for quantity in QUANTITIES}
    if name not in known:
        raise UnknownName("quantity in the limits", name, known)
    found = _LIMIT.fullmatch(part)
    if found is None:
        raise BadInput(f"the limit {part!r} is not NAME:NUMBER% or NAME:NUMBERpt, as in {_EXAMPLE!r}")
    points = found[3] == "pt"
    if points and name != "accuracy":
        raise BadInput(f"the limit {part!r} is in points, in which only accuracy is told; write {name}:{found[2]}%")
    return Limit(known[name], float(found[2]) / 100, points)


def judge(comparison: Comparison, limits: Iterable[Limit]) -> tuple[Judgement, ...]:
    """Each limit held against the comparison, and cells that have got lost."""
    return (*(_judge(comparison, limit) for limit in limits), *_lost(comparison))


def _judge(comparison: Comparison, limit: Limit) -> Judgement:
    found = [effect for effect in comparison.effects if effect.quantity == limit.quantity]
    judged = [effect for effect in found if effect.harm is not None and effect.points == limit.points]
    if not judged:
        return Judgement(False, f"{limit}: cannot be judged: {_why_nothing(comparison, limit, found)}")
    broken = sorted((e for e in judged if _breaks(e, limit)), key=lambda effect: -(effect.harm or 0.0))
    left = f"; {_counted(len(found) - len(judged), 'number')} could not be compared" if len(found) > len(judged) else ""
    if broken:
        shown = ", ".join(_told(effect) for effect in broken[:_SHOWN])
        more = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        return Judgement(False, f"{limit}: broken by {shown}{more}{left}", tuple(broken))
    unsure = sum((effect.harm or 0.0) > limit.most for effect in judged)
    doubt = f"; {_counted(unsure, 'number')} beyond it, but not beyond chance" if unsure else ""
    return Judgement(True, f"{limit}: kept by {_counted(len(judged), 'number')}{doubt}{left}")


def _breaks(effect: Effect, limit: Limit) -> bool:
    """Beyond chance, and the estimate beyond the limit; a rounding error is not beyond."""
    return effect.shown and (effect.harm or 0.0) > limit.most + 1e-12


def _why_nothing(comparison: Comparison, limit: Limit, found: list[Effect]) -> str:
    other = [effect for effect in found if effect.harm is not None]
    if other:
        unit = "%" if limit.points else "pt"
        return f"{other[0].measurement} is compared in {unit}; write {limit.quantity}:NUMBER{unit}"
    reasons = Counter(effect.reason for effect in found)
    if reasons:
        return reasons.most_common(1)[0][0]
    if not comparison.effects:
        return "the runs have no measured cell in common"
    return "neither run has measured it"


def _lost(comparison: Comparison) -> Iterator[Judgement]:
    lost = [lone for lone in comparison.only_old if lone.elsewhere in _LOST]
    if lost:
        shown = ", ".join(_fate(lone) for lone in lost[:_SHOWN])
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        yield Judgement(False, f"no longer measured: {shown}{more}")


def _fate(lone: Lone) -> str:
    return f"{lone.cell} ({lone.elsewhere}{f': {lone.reason}' if lone.reason else ''})"


def _told(effect: Effect) -> str:
    amount = 100 * (effect.harm or 0.0)
    return f"{effect.cell} ({effect.measurement} worse by {amount:.3g} {'pt' if effect.points else '%'})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Outcome:
    """A comparison, and what became of the limits; a renderer is handed this."""

    comparison: Comparison
    judgements: tuple[Judgement, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every limit was kept."""
        return all(judgement.passed for judgement in self.judgements)
