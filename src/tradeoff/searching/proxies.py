"""What is known of a chain before it is trained, or before its quality is judged; and whether that is enough to end it.

The shapes of a chain's layers do not depend on for how long it is trained. So it is built with as few epochs as its
techniques allow, a sketch, which has the size of the artifact and what a device's model says of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tradeoff.chain import Chain, Step, parse_chain
from tradeoff.decide.advice import Reason
from tradeoff.decide.amounts import written
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.judging import name_of, reasons_against, told
from tradeoff.decide.objectives import ACCURACY, OBJECTIVES
from tradeoff.decide.wishes import Wish
from tradeoff.record import Record
from tradeoff.spelling import spell
from tradeoff.vocabulary import EPOCHS, Technique

#: What is known without running anything on this machine: of a device that is not here its model tells the rest.
_COUNTED: Final = frozenset({"size", "flash"})
_SIZES: Final = ("artifact_bytes", "flash_bytes")
#: Nine coded chains became by training from 2 % smaller to 15 % larger than their sketches.
_LEEWAY: Final = 0.9


def sketch_of(chain: Chain, techniques: Mapping[str, Technique]) -> Chain | None:
    """The chain with the least training; nothing where it trains for no longer itself."""
    parts = [_least(step, techniques[step.technique]) for step in chain.steps]
    spelled = "+".join(parts)
    return parse_chain(spelled, techniques) if spelled and spelled != chain.spelling else None


def _least(step: Step, technique: Technique) -> str:
    epochs = next((one for one in technique.parameters if one.name == EPOCHS), None)
    if epochs is None or step.stage != "model":
        return step.spelling
    least = int(epochs.minimum or 0)
    # Where nothing stands for a recipe's own number of epochs, it is not the least.
    fewest = least + 1 if epochs.default == least else least
    values = {**dict(step.values), EPOCHS: fewest}
    return spell(technique.name, technique.parameters, values)


def knowable(wish: Wish, here: bool) -> frozenset[str]:
    """The objectives of the wish of which a sketch has the very number that the trained chain will have."""
    names = {*wish.goal.names[:1], *(limit.objective for limit in wish.limits)} - {ACCURACY}
    return frozenset(names & _COUNTED if here else names & OBJECTIVES.keys())


def with_leeway(record: Record) -> Record:
    """For what is coded: how large that becomes depends a little on the trained weights, so it may become smaller."""
    numbers = {
        name: replace(one, value=_LEEWAY * one.value) if name in _SIZES and one.value is not None else one
        for name, one in record.measurements.items()
    }
    return replace(record, measurements=numbers)


def without_size(record: Record) -> Record:
    """For what has bits for each layer: how large that becomes depends on the trained weights."""
    numbers = {name: one for name, one in record.measurements.items() if name not in _SIZES}
    return replace(record, measurements=numbers)


def beyond(record: Record, wish: Wish) -> list[Reason]:
    """The limits that numbers which are known already are beyond."""
    return [one for one in reasons_against(Candidate(record, ""), wish) if one.why == "limit"]


def cannot_win(record: Record, wish: Wish, best: float | None) -> str:
    """Why it cannot be chosen whatever its quality is; empty if it could.

    :param best: the least cost, in the first objective, of what fits already.
    """
    name = wish.goal.names[0]
    number = Candidate(record, "").numbers.get(name)
    if best is None or number is None or name == ACCURACY or wish.goal.kind == "weighted" or number.cost <= best:
        return ""
    other = abs(best)
    return f"{name_of(number)} {told(number)} is worse than {written(other, number.unit)} of one that fits"


def texts(reasons: Sequence[Reason]) -> str:
    """As a person reads them."""
    return "; ".join(one.text for one in reasons)
