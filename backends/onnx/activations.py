"""How Keras's activations are written as operators of ONNX."""

from __future__ import annotations

from typing import Any, Final

import tradeoff

from .graph import Graph, Shape, Value


def activate(graph: Graph, function: Any, value: Value) -> Value:
    """``function``, one of those in ``keras.activations``, on ``value``."""
    import keras

    name = getattr(function, "__name__", "")
    if getattr(keras.activations, name, None) is not function:
        raise _unknown(name or repr(function))
    if name == "linear":
        return value
    if name in _PLAIN:
        kind, attributes = _PLAIN[name]
        return graph.add(kind, value, **attributes)
    if name == "relu6":
        return _clip(graph, value, 0.0, 6.0)
    if name in {"silu", "swish"}:
        return graph.add("Mul", value, value, graph.add("Sigmoid", value))
    if name in {"softmax", "log_softmax"}:
        return softmax(graph, value, -1, "Softmax" if name == "softmax" else "LogSoftmax")
    raise _unknown(name)


def activation_layer(graph: Graph, layer: Any, value: Value, shape: Shape) -> Value:
    """A layer that is nothing but an activation."""
    kind = type(layer).__name__
    if kind == "Activation":
        return activate(graph, layer.activation, value)
    if kind == "Softmax":
        return softmax(graph, value, layer.axis)
    if kind == "ReLU":
        return _relu(graph, layer, value)
    if kind == "PReLU":
        return _prelu(graph, layer, value)
    alpha = float(layer.negative_slope if kind == "LeakyReLU" else layer.alpha)
    return graph.add("LeakyRelu" if kind == "LeakyReLU" else "Elu", value, alpha=alpha)


def softmax(graph: Graph, value: Value, axis: Any, kind: str = "Softmax") -> Value:
    """Over the last axis, wherever that lies."""
    if axis not in (-1, len(value.shape) - 1):
        raise _unknown(f"softmax over axis {axis}")
    return graph.add(kind, value, axis=1 if value.channels_first else -1)


def _relu(graph: Graph, layer: Any, value: Value) -> Value:
    limit, slope = layer.max_value, float(layer.negative_slope or 0.0)
    if layer.threshold:
        raise _unknown(f"ReLU with a threshold ({layer.name})")
    if limit is not None and slope:
        raise _unknown(f"ReLU with a slope and a limit ({layer.name})")
    if limit is not None:
        return _clip(graph, value, 0.0, float(limit))
    return graph.add("LeakyRelu", value, alpha=slope) if slope else graph.add("Relu", value)


def _prelu(graph: Graph, layer: Any, value: Value) -> Value:
    from .layers import weights_of

    value = graph.as_keras(value)
    return graph.add("PRelu", value, value, graph.constant(weights_of(layer.alpha)))


def _clip(graph: Graph, value: Value, low: float, high: float) -> Value:
    return graph.add("Clip", value, value, graph.constant(low), graph.constant(high))


def _unknown(what: str) -> tradeoff.Refused:
    return tradeoff.Refused(
        "not implemented here", f"the export to ONNX does not know the activation {what}; try another backend"
    )


#: One operator each, whose own defaults are other numbers than Keras's.
_PLAIN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "exponential": ("Exp", {}),
    "elu": ("Elu", {"alpha": 1.0}),
    "selu": ("Selu", {}),
    "gelu": ("Gelu", {}),
    "mish": ("Mish", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hard_silu": ("HardSwish", {}),
    "hard_swish": ("HardSwish", {}),
}
