"""The knobs of an architecture: width, depth and resolution, each as a share of what a model has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..model_graph import Call
from .blocks import Block, blocks
from .graph import Plan, built_again, kind, read, refused

#: Channels come in multiples of it: what vector units and kernels of most runtimes take at once.
MULTIPLE: Final = 8
_SIZES: Final = {
    **dict.fromkeys(("Dense", "LSTM", "GRU", "SimpleRNN"), "units"),
    **dict.fromkeys((f"Conv{rank}D" for rank in (1, 2, 3)), "filters"),
    **dict.fromkeys((f"Conv{rank}DTranspose" for rank in (1, 2, 3)), "filters"),
    **dict.fromkeys((f"SeparableConv{rank}D" for rank in (1, 2)), "filters"),
}
#: Have weights whose sizes follow from what they are given.
_FOLLOW: Final = frozenset(
    {
        "BatchNormalization",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "GroupNormalization",
        "LayerNormalization",
        "Normalization",
        "PReLU",
        "RMSNormalization",
    }
)
#: Have no weights, and a size of their own or code that nobody can look into.
_UNREAD: Final = frozenset({"Lambda", "Permute"})
# fmt: off
_OPERATIONS: Final = frozenset({
    "Abs", "Add", "Divide", "Elu", "Gelu", "HardSigmoid", "HardSilu", "LeakyRelu", "Maximum", "Minimum", "Multiply",
    "Relu", "Relu6", "Selu", "Sigmoid", "Silu", "Softmax", "Softplus", "Subtract", "Tanh", "TrueDivide",
})
# fmt: on


@dataclass(frozen=True)
class Knobs:
    """An architecture beside another one, 1 for what stays.

    :param width: share of the channels, rounded to multiples of 8.
    :param depth: share of the blocks that can be taken out.
    :param resolution: share of the input's height and width.
    """

    width: float = 1.0
    depth: float = 1.0
    resolution: float = 1.0

    def to_json(self) -> dict[str, float]:
        """Those that change something."""
        return {name: value for name, value in vars(self).items() if value != 1}


def scaled(model: Any, knobs: Knobs) -> Any:
    """``model`` built again, untrained, with the same inputs and outputs; refused where a knob finds no hold."""
    calls = read(model)
    sizes = _widths(calls, model, knobs.width) if knobs.width != 1 else {}
    gone = _gone(calls, model, knobs.depth) if knobs.depth != 1 else []
    plan = Plan(
        sizes=sizes,
        dropped=frozenset(number for block in gone for number in range(block.first, block.last + 1)),
        bridged={block.last: block.given for block in gone},
        front=_front(model, calls, knobs.resolution) if knobs.resolution != 1 else None,
    )
    return built_again(model, calls, plan)


def ends(calls: Sequence[Call], model: Any) -> list[Call]:
    """The layers of a size of their own that make the outputs; the outputs' sizes are theirs."""
    makers = {id(made): call for call in calls for made in call.made}
    waiting, found = list(model.outputs), dict[int, Call]()
    while waiting:
        call = makers.get(id(waiting.pop()))
        if call is None:
            continue
        if kind(call.operation) in _SIZES:
            found[id(call)] = call
        else:
            waiting.extend(call.given)
    return list(found.values())


def _widths(calls: Sequence[Call], model: Any, share: float) -> dict[str, dict[str, Any]]:
    fixed = {id(call.operation) for call in ends(calls, model)}
    sizes: dict[str, dict[str, Any]] = {}
    for call in calls:
        layer = call.operation
        _refuse_unread(call)
        key = _SIZES.get(kind(layer))
        if key and id(layer) not in fixed:
            sizes[layer.name] = {key: _rounded(int(getattr(layer, key)), share)}
    if all(getattr(call.operation, key) == size for call, key, size in _sized(calls, sizes)):
        raise refused(
            f"width={share:g} leaves every layer of {model.name} as it is: channels come in multiples of {MULTIPLE}, "
            "and those of the outputs stay"
        )
    return sizes | _reshapes(calls, sizes)


def _sized(calls: Sequence[Call], sizes: dict[str, dict[str, Any]]) -> Iterator[tuple[Call, str, Any]]:
    for call in calls:
        for key, size in sizes.get(call.operation.name, {}).items():
            yield call, key, size


def _rounded(count: int, share: float) -> int:
    """The nearest multiple of 8; what has fewer channels than that keeps them when it shall have less."""
    found = max(MULTIPLE, math.floor(count * share / MULTIPLE + 0.5) * MULTIPLE)
    return min(count, found) if share < 1 else max(count, found)


def _refuse_unread(call: Call) -> None:
    layer, name = call.operation, kind(call.operation)
    told = f"layer {layer.name} ({type(layer).__name__})"
    weighty = bool(getattr(layer, "weights", ()))
    if not name:
        raise refused(f"{told} has a class of its own: nothing is known of what its width is")
    known = name in _SIZES or name in _FOLLOW
    if name in _UNREAD or (weighty and not known) or (not hasattr(layer, "weights") and name not in _OPERATIONS):
        raise refused(f"{told} is not analysed: how its sizes go with the channels before it is not known")
    if int(getattr(layer, "groups", 1)) > 1 and name in _SIZES:
        raise refused(f"{told} has {layer.groups} groups of channels, which a width cannot divide in general")


def _reshapes(calls: Sequence[Call], sizes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A Reshape that puts axes of 1 before the channels, as in squeeze and excitation, follows them; no other does."""
    following = _following(calls, sizes)
    found: dict[str, dict[str, Any]] = {}
    for call in calls:
        layer = call.operation
        if kind(layer) != "Reshape" or id(call.given[0]) not in following:
            continue
        before, target = tuple(call.given[0].shape[1:]), tuple(layer.target_shape)
        maker = following[id(call.given[0])]
        if maker is None or before[-1] != target[-1] or math.prod(target[:-1]) != math.prod(before[:-1]):
            raise refused(f"layer {layer.name} (Reshape) makes {target} of {before}, whose channels are scaled")
        found[layer.name] = {"target_shape": (*target[:-1], maker)}
    return found


def _following(calls: Sequence[Call], sizes: dict[str, dict[str, Any]]) -> dict[int, int | None]:
    """The tensors whose channels come from scaled layers, with their new number where that is plain to see."""
    found: dict[int, int | None] = {}
    for call in calls:
        layer, name = call.operation, kind(call.operation)
        if layer.name in sizes:
            found.update((id(made), next(iter(sizes[layer.name].values()))) for made in call.made)
        elif name not in _SIZES and any(id(given) in found for given in call.given):
            numbers = {found.get(id(given)) for given in call.given if id(given) in found}
            same = len(numbers) == 1 and call.made[0].shape[-1] == call.given[0].shape[-1]
            found.update((id(made), numbers.copy().pop() if same else None) for made in call.made)
    return found


def _gone(calls: Sequence[Call], model: Any, share: float) -> list[Block]:
    """Which blocks are taken out: of the stage that has most of them left, and there the last one."""
    fixed = {id(call.operation) for call in ends(calls, model)}
    found = blocks(calls, model, fixed)
    if not found:
        raise refused(f"{model.name} has no block that takes and gives the same shape, so depth cannot take one out")
    left, gone = list(found), list[Block]()
    for _ in range(max(1, math.floor((1 - share) * len(found) + 0.5))):
        stages = [sum(one.shape == other.shape for other in left) for one in left]
        most = max(number for number, count in enumerate(stages) if count == max(stages))
        gone.append(left.pop(most))
    return gone


def _front(model: Any, calls: Sequence[Call], share: float) -> Any:
    """The layer in front: an average where sizes divide, which every converter knows; else an interpolation."""
    from keras import layers

    shape = tuple(model.inputs[0].shape[1:])
    first = any(getattr(call.operation, "data_format", None) == "channels_first" for call in calls)
    if len(shape) != 3 or None in shape or first:
        raise refused(
            f"resolution is for pictures of shape (height, width, channels), {model.name} takes {shape}"
            + (", channels first" if first else "")
        )
    size = tuple(max(1, math.floor(side * share + 0.5)) for side in shape[:2])
    if size == shape[:2]:
        raise refused(f"resolution={share:g} leaves the {shape[0]} x {shape[1]} pixels of {model.name} as they are")
    name = _free_name({call.operation.name for call in calls})
    if all(side % new == 0 for side, new in zip(shape, size, strict=False)):
        factors = tuple(side // new for side, new in zip(shape, size, strict=False))
        return layers.AveragePooling2D(factors, name=name)
    if all(new % side == 0 for side, new in zip(shape, size, strict=False)):
        factors = tuple(new // side for side, new in zip(shape, size, strict=False))
        return layers.UpSampling2D(factors, interpolation="bilinear", name=name)
    return layers.Resizing(*size, name=name)


def _free_name(taken: set[str]) -> str:
    name = "resolution"
    while name in taken:
        name += "_"
    return name
