"""Chains of techniques: ``prune:0.5+int8``.

Legal orders are model stages, then at most one precision, then artifact stages. The empty chain is
spelled ``baseline``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tradeoff.errors import BadInput, TradeoffError, UnknownName
from tradeoff.spelling import Value, parse_values, spell, split
from tradeoff.vocabulary import Stage, Technique

BASELINE: Final = "baseline"
FLOAT32: Final = "float32"
_ORDER: Final[dict[Stage, int]] = {"model": 0, "precision": 1, "artifact": 2}


@dataclass(frozen=True)
class Step:
    """One technique of a chain with all its values."""

    technique: str
    stage: Stage
    values: tuple[tuple[str, Value], ...]
    spelling: str
    version: str = "1"


@dataclass(frozen=True)
class Chain:
    """An ordered, legal list of techniques with a stable spelling.

    :param steps: as they are spelled.
    :param implied: the precision and the coding that some of them prepare for, where none is spelled.
    """

    steps: tuple[Step, ...] = ()
    implied: tuple[Step, ...] = ()

    @property
    def spelling(self) -> str:
        """As it stands in a cell: ``baseline`` for the empty chain."""
        return "+".join(step.spelling for step in self.steps) or BASELINE

    @property
    def model_steps(self) -> tuple[Step, ...]:
        """The part that makes a variant."""
        return tuple(step for step in self.steps if step.stage == "model")

    @property
    def precision(self) -> Step | None:
        """The precision that is asked for or implied, if any."""
        return next((step for step in (*self.steps, *self.implied) if step.stage == "precision"), None)

    @property
    def precision_name(self) -> str:
        """``float32`` where no precision is asked for."""
        return self.precision.technique if self.precision else FLOAT32

    @property
    def artifact_steps(self) -> tuple[Step, ...]:
        """The part that works on the artifact's bytes, spelled or implied."""
        return tuple(step for step in (*self.steps, *self.implied) if step.stage == "artifact")

    @property
    def in_full(self) -> Chain:
        """The same with everything spelled that is implied."""
        steps = sorted((*self.steps, *self.implied), key=lambda step: _ORDER[step.stage])
        return Chain(tuple(steps))

    @property
    def uncoded(self) -> Chain:
        """The same up to the artifact that a backend makes."""
        return Chain(tuple(step for step in self.in_full.steps if step.stage != "artifact"))

    def __str__(self) -> str:
        return self.spelling


def parse_chain(text: str, techniques: Mapping[str, Technique]) -> Chain:
    """The chain that ``text`` spells, or an error that says what is wrong, where, and what would be right."""
    if not text.strip():
        raise BadInput(f"an empty chain is spelled {BASELINE!r}")
    if text.strip() == BASELINE:
        return Chain()
    steps: list[Step] = []
    for position, part in enumerate(text.split("+"), start=1):
        try:
            steps.append(_parse_step(part, techniques))
        except TradeoffError as error:
            where = f" (part {position} of {text!r})" if "+" in text else ""
            raise BadInput(f"{error}{where}") from error
    _check_order(text, steps)
    return Chain(tuple(steps), _implied(steps, techniques))


def _implied(steps: list[Step], techniques: Mapping[str, Technique]) -> tuple[Step, ...]:
    """What techniques prepare for: of each stage what the last of them asks for, unless one is spelled."""
    found: dict[Stage, Step] = {}
    spelled = {step.stage for step in steps}
    for step in reversed(steps):
        wanted = techniques[step.technique].implies
        if not wanted:
            continue
        if wanted not in techniques:
            if "precision" in spelled:
                continue
            raise BadInput(f"{step.technique} implies {wanted}, which no plugin brings; add a precision to the chain")
        if techniques[wanted].stage not in spelled:
            found.setdefault(techniques[wanted].stage, _parse_step(wanted, techniques))
    return tuple(sorted(found.values(), key=lambda step: _ORDER[step.stage]))


def _parse_step(part: str, techniques: Mapping[str, Technique]) -> Step:
    if not part.strip():
        raise BadInput("there is nothing between two '+'")
    name, arguments = split(part)
    if name == BASELINE:
        raise BadInput(f"{BASELINE!r} is the empty chain and stands alone")
    if name not in techniques:
        raise UnknownName("technique", name, [*techniques, BASELINE])
    technique = techniques[name]
    values = parse_values(name, technique.parameters, arguments)
    return Step(
        name,
        technique.stage,
        tuple(sorted(values.items())),
        spell(name, technique.parameters, values),
        technique.version,
    )


def _check_order(text: str, steps: list[Step]) -> None:
    precisions = [step.spelling for step in steps if step.stage == "precision"]
    if len(precisions) > 1:
        kept = [step.spelling for step in steps if step.stage != "precision" or step.spelling == precisions[-1]]
        raise BadInput(
            f"{text!r} asks for {len(precisions)} precisions, {' and '.join(precisions)}; one is allowed. "
            f"Did you mean {'+'.join(kept)!r}?"
        )
    legal = sorted(steps, key=lambda step: _ORDER[step.stage])
    if legal != steps:
        late = next(step for step, right in zip(steps, legal, strict=True) if step != right)
        raise BadInput(
            f"{text!r} has {late.spelling!r} (stage {late.stage}) too early; the order is model, precision, "
            f"artifact. Did you mean {'+'.join(step.spelling for step in legal)!r}?"
        )
    codings = [step for step in steps if step.stage == "artifact"]
    if len(codings) > 1:
        rest = "+".join(step.spelling for step in steps[: len(steps) - len(codings) + 1])
        named = " and ".join(step.spelling for step in codings)
        raise BadInput(
            f"{text!r} codes the artifact {len(codings)} times, with {named}; what is coded once is as good as random, "
            f"and nothing more comes of it. Did you mean {rest!r}?"
        )
