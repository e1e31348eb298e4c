"""What each kind of layer does with channels: makes them, hands them on, ties them, or mixes them beyond knowing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from .kinds import PASSING, POOLS, SPATIAL, TIES, elementwise, kind
from .survey import Site, Survey, Work

if TYPE_CHECKING:
    from ..model_graph import Call
    from .labels import Labels


Rule = Callable[[Survey, "Call", "Labels"], "Labels | None"]


def follow(survey: Survey, call: Call) -> None:
    """Say what channels come out of ``call``; where no rule knows it, all that touch it stay."""
    import numpy as np

    name = kind(call.operation)
    made: Labels | None = None
    if _readable(call):
        given = [survey.tensors[id(tensor)] for tensor in call.given]
        if name in TIES:
            made = _tied(survey, call, given)
        elif name == "Concatenate":
            axis = call.operation.axis % len(call.given[0].shape)
            last = axis == len(call.given[0].shape) - 1
            made = np.concatenate(given) if last else _tied(survey, call, given)
        elif name in _RULES and len(given) == 1:
            made = _RULES[name](survey, call, given[0])
    if made is not None:
        survey.tensors[id(call.made[0])] = made
        return
    for tensor in call.given:
        why = f"go into {call.operation.name} ({type(call.operation).__name__}), through which they cannot be followed"
        survey.ties.keep(survey.tensors[id(tensor)], why)
    for tensor in call.made:
        survey.tensors[id(tensor)] = survey.ties.new(int(tensor.shape[-1] or 1) if len(tensor.shape) else 1)
        survey.ties.keep(survey.tensors[id(tensor)], f"come out of {call.operation.name}")


def _readable(call: Call) -> bool:
    """Whether this is a plain call: known sizes, channels last, float weights that have the names they should have."""
    layer = call.operation
    if len(call.made) != 1 or any(len(tensor.shape) < 2 or tensor.shape[-1] is None for tensor in call.given):
        return False
    if getattr(layer, "data_format", None) == "channels_first" or getattr(layer, "quantization_mode", None):
        return False
    names = {weight.name for weight in getattr(layer, "weights", ())}
    return names <= _WEIGHTS.get(kind(layer), frozenset())


# --- layers that make channels ------------------------------------------------------------------


def _area(sizes: Any) -> float:
    """Positions; without a number where a size is open."""
    return math.nan if None in sizes else float(math.prod(sizes))


def _kernel(layer: Any) -> int:
    return math.prod(int(size) for size in layer.kernel_size)


def _filters(call: Call) -> int:
    return int(call.made[0].shape[-1])


def _with_bias(layer: Any, weights: dict[str, dict[int, Labels]], made: Labels) -> dict[str, dict[int, Labels]]:
    return {**weights, "bias": {-1: made}} if layer.use_bias else weights


def _activated(survey: Survey, layer: Any, made: Labels) -> Labels:
    """What a layer's own activation leaves of the freedom to cut."""
    if not elementwise(getattr(layer, "activation", None)):
        activation = getattr(layer.activation, "__name__", type(layer.activation).__name__)
        survey.ties.keep(made, f"go into the activation {activation}, which looks at all of them together")
    return made


def _multiplied(survey: Survey, call: Call, given: Labels, each: float, axes: tuple[int, int], size: str) -> Labels:
    """A layer whose kernel has one axis for what it takes and one for what it makes."""
    layer = call.operation
    made = survey.outputs(layer, _filters(call))
    weights = _with_bias(layer, {"kernel": {axes[0]: given, axes[1]: made}}, made)
    survey.site(Site(layer, {size: (made, None)}, weights, ("kernel", axes[1]), ("kernel", axes[0])))
    survey.works.append(Work(each, given, made))
    survey.entries.append((layer.name, call.given[0]))
    return _activated(survey, layer, made)


def _dense(survey: Survey, call: Call, given: Labels) -> Labels | None:
    return _multiplied(survey, call, given, _area(call.given[0].shape[1:-1]), (-2, -1), "units")


def _conv(survey: Survey, call: Call, given: Labels) -> Labels | None:
    if call.operation.groups != 1:
        return None
    each = _area(call.made[0].shape[1:-1]) * _kernel(call.operation)
    return _multiplied(survey, call, given, each, (-2, -1), "filters")


def _transposed(survey: Survey, call: Call, given: Labels) -> Labels | None:
    each = _area(call.given[0].shape[1:-1]) * _kernel(call.operation)
    return _multiplied(survey, call, given, each, (-1, -2), "filters")


def _separable(survey: Survey, call: Call, given: Labels) -> Labels | None:
    import numpy as np

    layer = call.operation
    made = survey.outputs(layer, _filters(call))
    between = np.repeat(given, layer.depth_multiplier)
    weights = {"depthwise_kernel": {-2: given}, "pointwise_kernel": {-2: between, -1: made}}
    takes = ("depthwise_kernel", -2)
    survey.site(
        Site(layer, {"filters": (made, None)}, _with_bias(layer, weights, made), ("pointwise_kernel", -1), takes)
    )
    area = _area(call.made[0].shape[1:-1])
    survey.works.extend([Work(area * _kernel(layer), None, between), Work(area, between, made)])
    survey.entries.append((layer.name, call.given[0]))
    return _activated(survey, layer, made)


# --- layers that hand channels on ---------------------------------------------------------------


def _same(survey: Survey, call: Call, given: Labels) -> Labels | None:
    return given if call.made[0].shape[-1] == call.given[0].shape[-1] else None


def _dropped(survey: Survey, call: Call, given: Labels) -> Labels | None:
    return given if getattr(call.operation, "noise_shape", None) is None else None


def _activation(survey: Survey, call: Call, given: Labels) -> Labels | None:
    return given if elementwise(call.operation.activation) else None


def _rescaled(survey: Survey, call: Call, given: Labels) -> Labels | None:
    layer = call.operation
    return given if all(isinstance(value, int | float) for value in (layer.scale, layer.offset)) else None


def _normalized(survey: Survey, call: Call, given: Labels) -> Labels | None:
    layer = call.operation
    axes = layer.axis if isinstance(layer.axis, list | tuple) else (layer.axis,)
    if [axis % len(call.given[0].shape) for axis in axes] != [len(call.given[0].shape) - 1]:
        return None
    survey.site(Site(layer, weights={weight.name: {-1: given} for weight in layer.weights}))
    return given


def _sloped(survey: Survey, call: Call, given: Labels) -> Labels | None:
    """A learnt slope for each channel, or one for all of them."""
    if call.operation.alpha.shape[-1] == len(given):
        survey.site(Site(call.operation, weights={"alpha": {-1: given}}))
    return given


def _depthwise(survey: Survey, call: Call, given: Labels) -> Labels | None:
    import numpy as np

    layer = call.operation
    made = np.repeat(given, layer.depth_multiplier)
    survey.site(Site(layer, weights=_with_bias(layer, {"kernel": {-2: given}}, made)))
    survey.works.append(Work(_area(call.made[0].shape[1:-1]) * _kernel(layer), None, made))
    return _activated(survey, layer, made)


def _flattened(survey: Survey, call: Call, given: Labels) -> Labels | None:
    import numpy as np

    sizes = call.given[0].shape[1:-1]
    return None if None in sizes else np.tile(given, math.prod(sizes))


def _reshaped(survey: Survey, call: Call, given: Labels) -> Labels | None:
    """Followed where channels stay beside each other, and where all becomes one row, as in Flatten."""
    target = tuple(call.operation.target_shape)
    if call.made[0].shape[-1] == call.given[0].shape[-1]:
        made: Labels | None = given
    else:
        made = _flattened(survey, call, given) if len(target) == 1 else None
    if made is not None and target[-1] != -1:
        survey.site(Site(call.operation, {"target_shape": (made, target[:-1])}))
    return made


# --- layers that tie channels -------------------------------------------------------------------


def _tied(survey: Survey, call: Call, given: list[Labels]) -> Labels | None:
    """Position by position; what is broadcast over channels stays, and so does the rest beside an array."""
    widest = max(given, key=len)
    if not _scalars_beside(call) or len(widest) != call.made[0].shape[-1]:
        return None
    for labels in given:
        if len(labels) == len(widest):
            survey.ties.tie(widest, labels)
        else:
            survey.ties.keep(labels, f"are spread over all channels by {call.operation.name}")
    return widest


def _scalars_beside(call: Call) -> bool:
    """Whether everything else in the call is a plain number or word: an array might have channels of its own."""
    import keras

    rest = keras.tree.flatten((call.arguments.args, call.arguments.kwargs))
    given = {id(tensor) for tensor in call.given}
    return all(item is None or isinstance(item, bool | int | float | str) for item in rest if id(item) not in given)


_CONVS: Final = ("Conv1D", "Conv2D", "Conv3D")
_TRANSPOSED: Final = ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
_RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys((*POOLS, *SPATIAL, *PASSING), _same),
    **dict.fromkeys(_CONVS, _conv),
    **dict.fromkeys(_TRANSPOSED, _transposed),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _separable),
    **dict.fromkeys(("Dropout", "AlphaDropout"), _dropped),
    "Activation": _activation,
    "BatchNormalization": _normalized,
    "Dense": _dense,
    "Flatten": _flattened,
    "PReLU": _sloped,
    "Rescaling": _rescaled,
    "Reshape": _reshaped,
}
#: The weights that a rule knows; a layer that has others, such as a quantized one, is not followed.
_WEIGHTS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(
        ("Dense", *_CONVS, *_TRANSPOSED, "DepthwiseConv1D", "DepthwiseConv2D"), frozenset({"kernel", "bias"})
    ),
    **dict.fromkeys(
        ("SeparableConv1D", "SeparableConv2D"), frozenset({"depthwise_kernel", "pointwise_kernel", "bias"})
    ),
    "BatchNormalization": frozenset({"gamma", "beta", "moving_mean", "moving_variance"}),
    "PReLU": frozenset({"alpha"}),
}
