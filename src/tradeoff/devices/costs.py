"""What of an operator costs time on a device: a few counts that can be read off its shapes.

Time is a sum of these counts, each times a number of cycles that depends on the core and the runtime. Alignment and the
depth of sums are in it as ``outputs``: what a kernel does once for each number it writes (requantizing, setting up a
loop) weighs the more, the shorter its sums are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tradeoff.formats.tflite_operators import Layer, Network

#: Count to what it is; profiles name cycles for some of these.
COSTS: Final[Mapping[str, str]] = {
    "conv_macs": "multiplications of convolutions, pointwise ones too",
    "depthwise_macs": "multiplications of depthwise convolutions",
    "dense_macs": "multiplications of dense layers, each with a weight of its own to read",
    "outputs": "numbers that convolutions and dense layers write",
    "patches": "numbers that are gathered for convolutions before they are multiplied",
    "elements": "numbers that other operators compute: additions, activations, pooling",
    "moved": "the same, and numbers that are only moved: padding, concatenation",
    "operators": "operators that are started",
}
#: The costs that make up a model of latency. Code generators fold padding and concatenation into what follows;
#: interpreters run them, and gather the patches of each convolution.
FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "compiled": ("conv_macs", "depthwise_macs", "dense_macs", "outputs", "elements", "operators"),
    "interpreted": ("conv_macs", "depthwise_macs", "dense_macs", "outputs", "patches", "moved", "operators"),
}
#: Every set of costs that was thought of: what is chosen among is chosen anew where a choice is to be judged.
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    **FORMS,
    "kinds alone": ("conv_macs", "depthwise_macs", "dense_macs"),
    "no outputs": ("conv_macs", "depthwise_macs", "dense_macs", "elements", "operators"),
    "no elements": ("conv_macs", "depthwise_macs", "dense_macs", "outputs", "operators"),
    "no starts": ("conv_macs", "depthwise_macs", "dense_macs", "outputs", "elements"),
    "patches": ("conv_macs", "depthwise_macs", "dense_macs", "outputs", "patches", "elements", "operators"),
}
#: What a person may want to know apart: energy and time are told in these three shares.
SHARES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("conv_macs", "depthwise_macs", "dense_macs"), "compute"),
    **dict.fromkeys(("outputs", "patches", "elements", "moved"), "memory"),
    "operators": "overhead",
}
_CONVOLUTIONS: Final = frozenset(("CONV_2D", "TRANSPOSE_CONV", "CONV_3D"))
_DENSE: Final = frozenset(("FULLY_CONNECTED",))
#: Only shapes: the runtimes do it before the first request, or not at all.
_FREE: Final = frozenset(
    ("RESHAPE", "SHAPE", "PACK", "STRIDED_SLICE", "SQUEEZE", "EXPAND_DIMS", "TILE", "FILL", "BROADCAST_ARGS")
)
_MOVING: Final = frozenset(
    (
        *("PAD", "PADV2", "MIRROR_PAD", "CONCATENATION", "SPLIT", "SPLIT_V", "SLICE", "TRANSPOSE", "GATHER", "UNPACK"),
        *("SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "BROADCAST_TO", "REVERSE_V2"),
    )
)
#: They read more than they write.
_REDUCING: Final = frozenset(
    ("MAX_POOL_2D", "AVERAGE_POOL_2D", "L2_POOL_2D", "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "ARG_MAX", "ARG_MIN")
)
#: Seldom more than a handful of numbers at the end of a model.
_TAIL: Final = frozenset(("DEQUANTIZE", "SOFTMAX", "LOG_SOFTMAX"))
_ELEMENTWISE: Final = frozenset(
    (
        *("ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", "LOGISTIC", "TANH", "RELU", "RELU6", "RELU_N1_TO_1"),
        *("RELU_0_TO_1", "LEAKY_RELU", "PRELU", "ELU", "GELU", "HARD_SWISH", "QUANTIZE", "CAST", "ABS", "NEG", "EXP"),
        *("SQRT", "RSQRT", "SQUARE", "SQUARED_DIFFERENCE", "LOG", "POW", "RESIZE_BILINEAR"),
        *("RESIZE_NEAREST_NEIGHBOR", "L2_NORMALIZATION"),
    )
)


@dataclass(frozen=True)
class Shape:
    """An operator without its names: what a published model is described by."""

    kind: str
    macs: int
    given: int
    made: int
    weights: tuple[int, ...]


def shape_of(network: Network, layer: Layer) -> Shape:
    """What of an operator its costs are counted from."""
    given = max((tensor.elements for tensor in network.data(layer)), default=0)
    made = sum(tensor.elements for tensor in network.written(layer))
    return Shape(layer.kind, layer.macs, given, made, layer.weights)


def is_modelled(layer: Layer) -> bool:
    """Whether its costs are known; recurrent and custom operators are not counted rather than guessed."""
    known = _CONVOLUTIONS | _DENSE | _FREE | _MOVING | _REDUCING | _TAIL | _ELEMENTWISE | {"DEPTHWISE_CONV_2D"}
    return not layer.custom and layer.kind in known


def is_shape_only(kind: str) -> bool:
    """Whether nothing is computed or moved: the numbers stay where they are."""
    return kind in _FREE


def costs_of(shape: Shape) -> dict[str, float]:
    """The counts of one operator; what is left out is 0."""
    kind = shape.kind
    if kind in _FREE:
        return {}
    if kind in _CONVOLUTIONS:
        gathered = shape.macs / max(shape.weights[0] if shape.weights else 1, 1)
        return {"conv_macs": shape.macs, "outputs": shape.made, "patches": gathered, "operators": 1}
    if kind == "DEPTHWISE_CONV_2D":
        return {"depthwise_macs": shape.macs, "outputs": shape.made, "operators": 1}
    if kind in _DENSE:
        return {"dense_macs": shape.macs, "outputs": shape.made, "operators": 1}
    if kind in _MOVING:
        return {"moved": shape.made, "operators": 1}
    if kind in _TAIL:
        return {"operators": 1}
    elements = shape.given if kind in _REDUCING else shape.made
    return {"elements": elements, "moved": elements, "operators": 1}


def total(parts: list[dict[str, float]]) -> dict[str, float]:
    """The counts of a whole model."""
    return {cost: sum(part.get(cost, 0) for part in parts) for cost in COSTS}
