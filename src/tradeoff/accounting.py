"""How large a model is: parameters, and multiply-accumulates for one sample. Runs in a worker."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

Shape = tuple[int, ...]
Rule = Callable[[Any, Shape, Shape], int]


@dataclass(frozen=True)
class Accounting:
    """What was counted of a model.

    :param parameters: all weights, those that are not trained included.
    :param macs: multiply-accumulates of one sample; ``None`` where the model does not say how large one is.
    :param uncounted: layers whose arithmetic no rule here knows; it is missing in ``macs``.
    """

    parameters: int
    macs: int | None
    uncounted: tuple[str, ...] = ()


def account(model: Any) -> Accounting:
    """Count ``model``, nested models included; a layer that is used twice counts twice."""
    parameters = sum(math.prod(weight.shape) for weight in model.weights)
    known, uncounted = _sorted_out(model)
    sample = sample_of(model)
    if sample is None:
        return Accounting(parameters, None, uncounted)
    macs: list[int] = []

    def count(layer: Any, inputs: Any, outputs: Any) -> None:
        macs.append(macs_of(layer, tuple(inputs.shape), tuple(outputs.shape)))

    with ExitStack() as watches:
        for layer in known:
            watches.enter_context(watched_layer(layer, count))
        model(sample, training=False)
    return Accounting(parameters, sum(macs), uncounted)


def _sorted_out(model: Any) -> tuple[list[Any], tuple[str, ...]]:
    """The layers that a rule knows, and the names of those that none does."""
    known: dict[int, Any] = {}
    unknown: dict[str, None] = {}
    waiting = [model]
    while waiting:
        layer = waiting.pop(0)
        parts = [] if _kind(layer) in _OPAQUE else _parts(layer)
        if _kind(layer) in _RULES:
            known[id(layer)] = layer
        elif _kind(layer) not in _FREE:
            waiting[:0] = parts
            if _kind(layer) in _PARTLY or len(layer.weights) > sum(len(part.weights) for part in parts):
                unknown[layer.name] = None
        for operation in getattr(layer, "operations", ()):
            if _kind(operation) in _PARTLY:
                unknown[operation.name] = None
    return list(known.values()), tuple(unknown)


def _kind(layer: Any) -> str:
    """The class of one of Keras's own layers; a subclass may do what it likes."""
    return type(layer).__name__ if type(layer).__module__.startswith("keras.") else ""


def has_rule(layer: Any) -> bool:
    """Whether the multiply-accumulates of this layer can be counted from the shapes of its calls."""
    return _kind(layer) in _RULES


def is_free(layer: Any) -> bool:
    """Whether it has no multiply-accumulates worth the name: it looks up, scales, shifts, or moves values about."""
    return _kind(layer) in _FREE or (bool(_kind(layer)) and not layer.weights and _kind(layer) not in _PARTLY)


def is_opaque(layer: Any) -> bool:
    """Whether it calls what is inside it an unknown number of times."""
    return _kind(layer) in _OPAQUE


def macs_of(layer: Any, given: Shape, made: Shape) -> int:
    """Multiply-accumulates of one call of a layer that has a rule."""
    return _RULES[_kind(layer)](layer, given, made)


def _parts(layer: Any) -> list[Any]:
    # Keras has no public way to the layers inside a layer that is not a model.
    return list(layer._flatten_layers(include_self=False, recursive=False))


def sample_of(model: Any) -> Any:
    """One sample of zeros, or ``None``."""
    import keras

    shapes = [tuple(tensor.shape[1:]) for tensor in getattr(model, "inputs", None) or ()]
    if not shapes or any(None in shape for shape in shapes):
        return None
    zeros = [keras.ops.zeros((1, *shape), tensor.dtype) for shape, tensor in zip(shapes, model.inputs, strict=True)]
    return zeros[0] if len(zeros) == 1 else zeros


@contextmanager
def watched_layer(layer: Any, heard: Callable[[Any, Any, Any], None]) -> Iterator[None]:
    """Tell ``heard`` of every call of the layer, wherever in a model: with what it was given, and what it gave."""
    call = layer.call

    def watched(inputs: Any, *arguments: Any, **options: Any) -> Any:
        outputs = call(inputs, *arguments, **options)
        heard(layer, inputs, outputs)
        return outputs

    layer.call = watched
    try:
        yield
    finally:
        del layer.call


def _channels(layer: Any, shape: Shape) -> int:
    return shape[1 if layer.data_format == "channels_first" else -1]


def _kernel(layer: Any) -> int:
    return math.prod(int(size) for size in layer.kernel_size)


def _dense(_layer: Any, given: Shape, made: Shape) -> int:
    return math.prod(made) * given[-1]


def _conv(layer: Any, given: Shape, made: Shape) -> int:
    return math.prod(made) * _kernel(layer) * _channels(layer, given) // int(layer.groups)


def _depthwise(layer: Any, _given: Shape, made: Shape) -> int:
    return math.prod(made) * _kernel(layer)


def _separable(layer: Any, given: Shape, made: Shape) -> int:
    filters = int(layer.filters)
    between = math.prod(made) // filters * _channels(layer, given) * int(layer.depth_multiplier)
    return between * (_kernel(layer) + filters)


def _transposed(layer: Any, given: Shape, _made: Shape) -> int:
    """Every input value meets the whole kernel; what padding cuts off afterwards has been computed."""
    return math.prod(given) * _kernel(layer) * int(layer.filters)


def _einsum(layer: Any, given: Shape, _made: Shape) -> int:
    """The product of all the equation's dimensions; what the ellipsis stands for is in the input's shape."""
    left, kernel = layer.equation.replace(" ", "").partition("->")[0].split(",")
    weights: dict[str, int] = dict(zip(kernel, layer.kernel.shape, strict=True))
    named = set(left) - {"."}
    return math.prod(given) * math.prod(size for label, size in weights.items() if label not in named)


_RULES: Final[Mapping[str, Rule]] = {
    "Dense": _dense,
    "EinsumDense": _einsum,
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _conv),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _separable),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _transposed),
}
#: Have weights and no multiply-accumulates worth the name: they look up, scale or shift.
_FREE: Final = frozenset(
    {
        "BatchNormalization",
        "Embedding",
        "GroupNormalization",
        "LayerNormalization",
        "Normalization",
        "PReLU",
        "RMSNormalization",
        "UnitNormalization",
    }
)
#: Call what is inside them an unknown number of times.
_OPAQUE: Final = frozenset(
    {"RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional", "TimeDistributed"}
)
#: Multiply activations with each other, beside what their parts do.
_PARTLY: Final = frozenset(
    {
        "MultiHeadAttention",
        "GroupedQueryAttention",
        "Attention",
        "AdditiveAttention",
        "Dot",
        "Matmul",
        "Einsum",
        "Tensordot",
    }
)
