"""Where a converted net rounds its results: which layers' results are whole numbers, and which are never seen.

Runtimes join a convolution with the normalization and the rectifier behind it. What lies between them is not rounded,
and a training that rounded it would prepare for another net.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

#: Layers that multiply by weights in whole numbers: of each kernel, the axes of its channels.
KERNELS: Final[Mapping[str, Mapping[str, tuple[int, ...]]]] = {
    "Dense": {"kernel": (-1,)},
    "Conv1D": {"kernel": (-1,)},
    "Conv2D": {"kernel": (-1,)},
    "Conv1DTranspose": {"kernel": (-2,)},
    "Conv2DTranspose": {"kernel": (-2,)},
    "DepthwiseConv1D": {"kernel": (-2, -1)},
    "DepthwiseConv2D": {"kernel": (-2, -1)},
    "SeparableConv1D": {"depthwise_kernel": (-2, -1), "pointwise_kernel": (-1,)},
    "SeparableConv2D": {"depthwise_kernel": (-2, -1), "pointwise_kernel": (-1,)},
}
#: Only move or choose among what they are given, or take the mean of neighbours: results have the range of the inputs.
_MOVING: Final = frozenset(
    {
        *("InputLayer", "Flatten", "Reshape", "Permute", "RepeatVector", "Identity", "ActivityRegularization"),
        *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
        *("ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D"),
        *("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"),
        *("GlobalMaxPooling1D", "GlobalMaxPooling2D"),
    }
)
#: The runtimes give the results of these a range of their own, whatever anybody has learnt.
_FIXED: Final = frozenset({"softmax", "log_softmax", "sigmoid", "tanh"})
_RECTIFIERS: Final = ("relu", "relu6")
_NORMALIZED: Final = "BatchNormalization"
#: A rectifier behind these is computed with them.
_JOINED: Final = frozenset({*KERNELS, _NORMALIZED, "Add", "Subtract", "Multiply"})


@dataclass(frozen=True)
class Places:
    """What of a model is rounded.

    :param rounded: names of layers whose results are, in the order in which they are computed.
    :param positive: those of them that are never negative.
    :param kernels: of each layer whose weights are, by name: the axes of its channels by the kernel's name.
    :param behind: for a layer with weights the normalization that is taken into them.
    :param left_out: of layers with weights or results that stay as they are: the reason.
    """

    rounded: tuple[str, ...]
    positive: frozenset[str]
    kernels: Mapping[str, Mapping[str, tuple[int, ...]]]
    behind: Mapping[str, str]
    left_out: Mapping[str, str]


def find_places(model: Any) -> Places:
    """Look at each layer of a functional or sequential model and of those inside it, and at who reads its result."""
    rounded: list[str] = []
    kernels: dict[str, Mapping[str, tuple[int, ...]]] = {}
    behind: dict[str, str] = {}
    left_out: dict[str, str] = {}
    layers = list(readers(model))
    names = Counter(layer.name for layer, _ in layers)
    for layer, reader in layers:
        if names[layer.name] > 1:
            left_out[layer.name] = f"{names[layer.name]} layers have this name, and ranges go by names"
            continue
        kind = type(layer).__name__ if is_own(layer) else ""
        if kind in KERNELS:
            kernels[layer.name] = KERNELS[kind]
            if reader is not None and type(reader).__name__ == _NORMALIZED and activation(layer) == "linear":
                behind[layer.name] = reader.name
        elif kind != _NORMALIZED and any(len(weight.shape) > 1 for weight in layer.trainable_weights):
            left_out[layer.name] = f"{type(layer).__name__}: trained in floating point, rounded when it is converted"
        if _is_rounded(layer, kind, reader):
            rounded.append(layer.name)
    positive = frozenset(layer.name for layer, _ in layers if layer.name in rounded and _is_positive(layer))
    return Places(tuple(rounded), positive, kernels, behind, left_out)


def is_own(layer: Any) -> bool:
    """Whether it is one of Keras's layers, of which it is known what they do."""
    return type(layer).__module__.startswith("keras.")


def activation(layer: Any) -> str:
    """The name of the function that a layer ends with; linear where it has none."""
    found = getattr(layer, "activation", None)
    return "linear" if found is None else str(getattr(found, "__name__", found))


def _is_rounded(layer: Any, kind: str, reader: Any) -> bool:
    if kind in _MOVING or kind == "Softmax" or activation(layer) in _FIXED:
        return False
    if any(len(node.outputs) != 1 for node in layer._inbound_nodes):
        return False
    joined = kind in _JOINED and activation(layer) == "linear" and reader is not None
    return not (joined and (_rectifies(reader) or (kind in KERNELS and type(reader).__name__ == _NORMALIZED)))


def _is_positive(layer: Any) -> bool:
    return is_own(layer) and (_rectifies(layer) or activation(layer) in _RECTIFIERS)


def _rectifies(layer: Any) -> bool:
    if type(layer).__name__ == "ReLU":
        return not layer.negative_slope and not layer.threshold and layer.max_value in (None, 6.0)
    return type(layer).__name__ == "Activation" and activation(layer) in _RECTIFIERS


def readers(model: Any) -> list[tuple[Any, Any]]:
    """Every layer once, in the order in which they are computed, with its one reader; ``None`` where there are others.

    A layer that is used twice has no one reader, and no more has one at the end of a model inside another.
    """
    import keras

    graph = getattr(model, "_functional", None) or model
    reading: dict[int, list[Any]] = {}
    order: dict[int, Any] = {}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            order.setdefault(id(node.operation), node.operation)
            for tensor in node.arguments.keras_tensors:
                reading.setdefault(id(tensor._keras_history.operation), []).append(node.operation)
    ends = {id(tensor._keras_history.operation) for tensor in graph.outputs}
    found: list[tuple[Any, Any]] = []
    for key, layer in order.items():
        if isinstance(layer, keras.Model):
            found += readers(layer)
        elif isinstance(layer, keras.layers.Layer):
            one = reading.get(key, [])
            found.append((layer, one[0] if len(one) == 1 and key not in ends else None))
    return found
