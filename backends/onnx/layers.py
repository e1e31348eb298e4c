"""How each of Keras's layers is written as operators of ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .activations import activate, activation_layer
from .graph import Graph, Shape, Value, fixed_shape, known_shape

if TYPE_CHECKING:
    from .graph import Array

Rule = Callable[[Graph, Any, Value, Shape], Value]


def unknown(what: str) -> tradeoff.Refused:
    """The refusal of what nobody has written down here."""
    return tradeoff.Refused(
        "not implemented here", f"the export to ONNX does not know {what}; try another backend, or another layer"
    )


def translate(graph: Graph, layer: Any, given: Sequence[Value | str], shape: Shape) -> Value:
    """``layer`` on ``given``, values and names of constants, which makes a value of ``shape``."""
    kind = type(layer).__name__
    own = type(layer).__module__.startswith("keras.")
    if own and kind in _MERGES:
        return _merge(graph, _MERGES[kind], given, shape)
    if own and kind == "Concatenate":
        return _concatenate(graph, layer, given, shape)
    if not own or kind not in _RULES or len(given) != 1 or isinstance(given[0], str):
        raise unknown(f"{kind} ({layer.name})")
    if getattr(layer, "data_format", None) == "channels_first":
        raise unknown(f"channels first ({layer.name})")
    return _RULES[kind](graph, layer, given[0], shape)


def weights_of(variable: Any) -> Array:
    """The numbers of one weight."""
    import keras
    import numpy as np

    array: Array = np.asarray(keras.ops.convert_to_numpy(variable)).astype("float32")
    return array


def _same(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    return value


def _dense(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    kernel = weights_of(layer.kernel)
    if value.unflattened:
        kernel = _reordered(kernel, value.unflattened)
    elif len(value.shape) != 2:
        value = graph.as_keras(value)
    plain = Value(value.name, value.shape)
    if len(value.shape) == 2:
        constants = [graph.constant(kernel)]
        if layer.use_bias:
            constants.append(graph.constant(weights_of(layer.bias)))
        made = graph.add("Gemm", plain, plain, *constants, shape=shape)
    else:
        made = graph.add("MatMul", plain, plain, graph.constant(kernel), shape=shape)
        if layer.use_bias:
            made = graph.add("Add", made, made, graph.constant(weights_of(layer.bias)))
    return activate(graph, layer.activation, made)


def _reordered(kernel: Array, shape: Shape) -> Array:
    """Rows of a kernel for what was flattened with its channels first."""
    *inner, channels = fixed_shape(shape[1:])
    split = kernel.reshape(math.prod(inner), channels, -1)
    return split.transpose(1, 0, 2).reshape(kernel.shape)


def _conv(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    kernel = weights_of(layer.kernel)
    rank = kernel.ndim - 2
    made = _convolve(graph, layer, value, shape, kernel.transpose(rank + 1, rank, *range(rank)), layer.groups)
    return activate(graph, layer.activation, made)


def _depthwise(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    made = _by_channel(graph, layer, value, shape, weights_of(layer.kernel))
    return activate(graph, layer.activation, made)


def _separable(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    kernel = weights_of(layer.depthwise_kernel)
    between = (*shape[:-1], kernel.shape[-1] * kernel.shape[-2])
    value = _by_channel(graph, layer, value, between, kernel, bias=False)
    pointwise = weights_of(layer.pointwise_kernel)
    rank = pointwise.ndim - 2
    constants = [graph.constant(pointwise.transpose(rank + 1, rank, *range(rank)))]
    if layer.use_bias:
        constants.append(graph.constant(weights_of(layer.bias)))
    return activate(graph, layer.activation, graph.add("Conv", value, value, *constants, shape=shape))


def _by_channel(graph: Graph, layer: Any, value: Value, shape: Shape, kernel: Array, *, bias: bool = True) -> Value:
    *sizes, channels, multiplier = kernel.shape
    rank = len(sizes)
    weights = kernel.transpose(rank, rank + 1, *range(rank)).reshape(channels * multiplier, 1, *sizes)
    return _convolve(graph, layer, value, shape, weights, channels, bias=bias)


def _convolve(
    graph: Graph, layer: Any, value: Value, shape: Shape, weights: Array, groups: int, *, bias: bool = True
) -> Value:
    value = graph.channels_first(value)
    sizes = weights.shape[2:]
    strides, dilations = _each(layer.strides, len(sizes)), _each(layer.dilation_rate, len(sizes))
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(sizes, dilations, strict=True)]
    constants = [graph.constant(weights)]
    if bias and layer.use_bias:
        constants.append(graph.constant(weights_of(layer.bias)))
    return graph.add(
        "Conv",
        value,
        value,
        *constants,
        shape=shape,
        kernel_shape=list(sizes),
        strides=strides,
        dilations=dilations,
        group=groups,
        **_padding(layer.padding, value.shape, reach, strides),
    )


def _each(sizes: Any, rank: int) -> list[int]:
    return list(sizes) if isinstance(sizes, (tuple, list)) else [sizes] * rank


def _padding(padding: str, shape: Shape, reach: Sequence[int], strides: Sequence[int]) -> dict[str, Any]:
    if padding == "valid":
        return {}
    if padding == "causal":
        return {"pads": [reach[0] - 1, 0]}
    inner = known_shape(shape[1:-1])
    if inner is None:
        return {"auto_pad": "SAME_UPPER"}
    missing = [
        max(0, (math.ceil(size / stride) - 1) * stride + needed - size)
        for size, stride, needed in zip(inner, strides, reach, strict=True)
    ]
    return {"pads": [*(pad // 2 for pad in missing), *(pad - pad // 2 for pad in missing)]}


def _transposed(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    kernel = weights_of(layer.kernel)
    rank = kernel.ndim - 2
    sizes, strides = kernel.shape[:rank], _each(layer.strides, rank)
    if any(size != 1 for size in _each(layer.dilation_rate, rank)) or layer.output_padding is not None:
        raise unknown(f"dilations and output padding of {type(layer).__name__} ({layer.name})")
    spare = [size - stride for size, stride in zip(sizes, strides, strict=True)]
    cut = [max(0, size) if layer.padding == "same" else 0 for size in spare]
    value = graph.channels_first(value)
    constants = [graph.constant(kernel.transpose(rank + 1, rank, *range(rank)))]
    if layer.use_bias:
        constants.append(graph.constant(weights_of(layer.bias)))
    made = graph.add(
        "ConvTranspose",
        value,
        value,
        *constants,
        shape=shape,
        kernel_shape=list(sizes),
        strides=strides,
        pads=[*(size // 2 for size in cut), *(size - size // 2 for size in cut)],
        output_padding=[max(0, -size) for size in spare],
    )
    return activate(graph, layer.activation, made)


def _pool(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    value = graph.channels_first(value)
    rank = len(value.shape) - 2
    sizes, strides = _each(layer.pool_size, rank), _each(layer.strides, rank)
    mean = type(layer).__name__.startswith("Average")
    more = {"count_include_pad": 0} if mean else {}
    kind = "AveragePool" if mean else "MaxPool"
    padding = _padding(layer.padding, value.shape, sizes, strides)
    return graph.add(kind, value, shape=shape, kernel_shape=sizes, strides=strides, **padding, **more)


def _pool_all(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    value = graph.channels_first(value)
    kind = "GlobalAveragePool" if "Average" in type(layer).__name__ else "GlobalMaxPool"
    channels = value.shape[-1]
    pooled = graph.add(kind, value, shape=(None, *[1] * (len(value.shape) - 2), channels))
    if layer.keepdims:
        return pooled
    return replace(graph.add("Flatten", pooled, axis=1), shape=shape, channels_first=False)


def _normalize(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    if layer.axis not in (-1, len(value.shape) - 1):
        raise unknown(f"a normalization over another axis than the last ({layer.name})")
    value = graph.channels_first(value) if len(value.shape) > 2 else graph.as_keras(value)
    mean, variance = weights_of(layer.moving_mean), weights_of(layer.moving_variance)
    scale = weights_of(layer.gamma) if layer.scale else mean * 0 + 1
    offset = weights_of(layer.beta) if layer.center else mean * 0
    constants = [graph.constant(numbers) for numbers in (scale, offset, mean, variance)]
    return graph.add("BatchNormalization", value, value, *constants, epsilon=float(layer.epsilon))


def _standardize(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    import numpy as np

    if layer.invert:
        raise unknown(f"an inverted normalization ({layer.name})")
    value = graph.as_keras(value)
    spread = np.maximum(np.sqrt(weights_of(layer.variance)), 1e-7)
    value = graph.add("Sub", value, value, graph.constant(weights_of(layer.mean)))
    return graph.add("Div", value, value, graph.constant(spread))


def _normalize_layer(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    if list(axes) not in ([-1], [len(value.shape) - 1]) or getattr(layer, "rms_scaling", False):
        raise unknown(f"a normalization over other axes than the last ({layer.name})")
    value = graph.as_keras(value)
    size = value.shape[-1] or 0
    scale = weights_of(layer.gamma) if layer.scale else [1.0] * size
    constants = [graph.constant(scale)]
    if layer.center:
        constants.append(graph.constant(weights_of(layer.beta)))
    return graph.add("LayerNormalization", value, value, *constants, axis=-1, epsilon=float(layer.epsilon))


def _flatten(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    if len(value.shape) == 2:
        return value
    if known_shape(value.shape[1:]) is None:
        raise unknown(f"flattening what has no fixed size ({layer.name})")
    before = value.shape if value.channels_first and 1 not in _split(value.shape) else ()
    made = graph.add("Flatten", value, axis=1)
    return replace(made, shape=shape, channels_first=False, unflattened=before)


def _split(shape: Shape) -> tuple[int, int]:
    """Numbers in one channel, and channels: where one of them is 1, both orders are the same."""
    *inner, channels = fixed_shape(shape[1:])
    return math.prod(inner), channels


def _reshape(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    target = known_shape(shape[1:])
    if target is None:
        raise unknown(f"reshaping to an open size ({layer.name})")
    return graph.reshape(graph.as_keras(value), target, shape=shape)


def _permute(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    return graph.transpose(graph.as_keras(value), (0, *layer.dims), shape=shape)


def _pad(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    value = graph.channels_first(value)
    pairs = [pair if isinstance(pair, (tuple, list)) else (pair, pair) for pair in _pairs(layer.padding)]
    pads = [0, 0, *(before for before, _ in pairs), 0, 0, *(after for _, after in pairs)]
    return graph.add("Pad", value, value, graph.constant(pads, "int64"), shape=shape)


def _crop(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    value = graph.channels_first(value)
    pairs = [pair if isinstance(pair, (tuple, list)) else (pair, pair) for pair in _pairs(layer.cropping)]
    starts = graph.constant([before for before, _ in pairs], "int64")
    ends = graph.constant([-after or 2**31 - 1 for _, after in pairs], "int64")
    axes = graph.constant(range(2, 2 + len(pairs)), "int64")
    return graph.add("Slice", value, value, starts, ends, axes, shape=shape)


def _pairs(sizes: Any) -> Sequence[Any]:
    """For each axis; in one dimension Keras keeps the pair of the only one."""
    return [sizes] if isinstance(sizes[0], int) else sizes


def _enlarge(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    way = {"nearest": "nearest", "bilinear": "linear"}.get(getattr(layer, "interpolation", "nearest"))
    if way is None:
        raise unknown(f"enlarging by {layer.interpolation} ({layer.name})")
    value = graph.channels_first(value)
    scales = graph.constant([1.0, 1.0, *_each(layer.size, len(value.shape) - 2)])
    options = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"} if way == "nearest" else {}
    return graph.add("Resize", value, value, "", scales, shape=shape, mode=way, **options)


def _rescale(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    value = graph.add("Mul", value, value, graph.constant(layer.scale))
    return graph.add("Add", value, value, graph.constant(layer.offset))


def _embed(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    from onnx import TensorProto

    numbers = graph.add("Cast", value, to=TensorProto.INT32)
    table = graph.constant(weights_of(layer.embeddings))
    return graph.add("Gather", numbers, table, numbers, shape=shape)


def _merge(graph: Graph, kind: str, given: Sequence[Value | str], shape: Shape) -> Value:
    given = _alike(graph, given)
    like = next(value for value in given if isinstance(value, Value))
    if kind not in {"Sub", "Mul", "Add", "Div"}:
        return graph.add(kind, like, *given, shape=shape)
    made, *others = given
    for other in others:
        made = graph.add(kind, like, made, other, shape=shape)
    return replace(like, name=made if isinstance(made, str) else made.name, shape=shape)


def _concatenate(graph: Graph, layer: Any, given: Sequence[Value | str], shape: Shape) -> Value:
    given = _alike(graph, given)
    like = next(value for value in given if isinstance(value, Value))
    axis = layer.axis % len(shape)
    if like.channels_first and axis:
        axis = 1 if axis == len(shape) - 1 else axis + 1
    return graph.add("Concat", like, *given, shape=shape, axis=axis)


def _alike(graph: Graph, given: Sequence[Value | str]) -> list[Value | str]:
    """In one order, so that they can meet; plain numbers fit any."""
    values = [value for value in given if isinstance(value, Value)]
    ranks = {len(value.shape) for value in values}
    moved = len(ranks) == 1 and ranks.pop() > 2 and any(value.channels_first for value in values)
    order = graph.channels_first if moved else graph.as_keras
    return [value if isinstance(value, str) else order(value) for value in given]


_MERGES: Final[dict[str, str]] = {
    "Add": "Add",
    "Subtract": "Sub",
    "Multiply": "Mul",
    "Divide": "Div",
    "TrueDivide": "Div",
    "Average": "Mean",
    "Maximum": "Max",
    "Minimum": "Min",
}
#: What does something while training only.
_IDLE: Final = (
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "InputLayer",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
)
_BY_RANK: Final[dict[str, Rule]] = {
    "Conv": _conv,
    "DepthwiseConv": _depthwise,
    "SeparableConv": _separable,
    "MaxPooling": _pool,
    "AveragePooling": _pool,
    "GlobalMaxPooling": _pool_all,
    "GlobalAveragePooling": _pool_all,
    "ZeroPadding": _pad,
    "Cropping": _crop,
    "UpSampling": _enlarge,
}
_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(_IDLE, _same),
    **{f"{name}{rank}D": rule for name, rule in _BY_RANK.items() for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": _transposed for rank in (1, 2, 3)},
    **dict.fromkeys(("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"), activation_layer),
    "BatchNormalization": _normalize,
    "Dense": _dense,
    "Embedding": _embed,
    "Flatten": _flatten,
    "LayerNormalization": _normalize_layer,
    "Normalization": _standardize,
    "Permute": _permute,
    "Rescaling": _rescale,
    "Reshape": _reshape,
}
