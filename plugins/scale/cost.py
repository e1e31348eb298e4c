"""What an architecture costs, counted from its graph: the one place to change when costs of a device are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tradeoff.accounting import account

from .graph import read, refused

#: Bytes of a value in float32.
_VALUE: Final = 4
#: What moving a value to or from memory takes, as a multiple of a multiply-accumulate: an assumption, between a small
#: cache beside the arithmetic and a large one on the same chip. Memory outside the chip takes a hundred times that.
_MOVING: Final = 5


@dataclass(frozen=True)
class Counted:
    """What is counted of a model for one sample.

    :param macs: multiply-accumulates.
    :param weights: values of all weights.
    :param results: values that all layers give together.
    :param live: values of the largest result and what it is made of, which have to be there at once.
    """

    macs: int
    weights: int
    results: int
    live: int


def counted(model: Any) -> Counted:
    """Count; refused where the model does not say how large a sample is, or has arithmetic that no rule knows."""
    found = account(model)
    if found.macs is None or found.uncounted:
        unknown = ", ".join(found.uncounted) or "the size of a sample"
        raise refused(f"the cost of {model.name} cannot be counted: {unknown} is not known; set the knobs by hand")
    results = live = 0
    for call in read(model):
        made = sum(math.prod(tensor.shape[1:]) for tensor in call.made)
        results += made
        live = max(live, made + sum(math.prod(tensor.shape[1:]) for tensor in call.given))
    return Counted(found.macs, found.parameters, results, live)


#: By what a search is for. No unit of the first and last stands for time or joules: they only tell what is less.
COSTS: Final[Mapping[str, Callable[[Counted], float]]] = {
    "latency": lambda one: one.macs,
    "memory": lambda one: _VALUE * (one.weights + one.live),
    "energy": lambda one: one.macs + _MOVING * (one.weights + 2 * one.results),
}
#: How each is told to a person.
TOLD: Final[Mapping[str, str]] = {
    "latency": "multiply-accumulates",
    "memory": "bytes of weights and of the largest result with its inputs",
    "energy": f"multiply-accumulates, and {_MOVING} for each value moved",
}


def cost(model: Any, purpose: str) -> float:
    """What ``model`` costs for one of :data:`COSTS`."""
    return float(COSTS[purpose](counted(model)))
