"""Kinds of layers, operations and activations that do the same to every channel, or tie channels of equal position."""

from __future__ import annotations

from typing import Any, Final


def kind(operation: Any) -> str:
    """The class of one of Keras's own layers and operations; a subclass may do what it likes."""
    return type(operation).__name__ if type(operation).__module__.startswith("keras.") else ""


def elementwise(activation: Any) -> bool:
    """Whether an activation looks at each value alone."""
    if activation is None:
        return True
    if hasattr(activation, "__name__"):
        return str(activation.__module__).startswith("keras.") and activation.__name__ in _ELEMENTWISE
    return kind(activation) in PASSING


# fmt: off
_ELEMENTWISE: Final = frozenset({
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu",
    "linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softplus",
    "softsign", "sparse_plus", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
})
#: Layers without weights that do the same to every channel, and operations between layers that do.
PASSING: Final = frozenset({
    "ActivityRegularization", "ELU", "GaussianDropout", "GaussianNoise", "Identity", "LeakyReLU", "ReLU",
    "RepeatVector", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    "Abs", "Elu", "Exp", "Gelu", "HardSigmoid", "HardSilu", "HardTanh", "LeakyRelu", "Negative", "Relu",
    "Relu6", "Selu", "Sigmoid", "Silu", "Softplus", "Softsign", "Sqrt", "Square", "Tanh",
})
# fmt: on
#: Layers and operations that take several tensors, position by position.
TIES: Final = frozenset({"Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average", "Divide", "TrueDivide"})
POOLS: Final = frozenset(
    f"{how}Pooling{rank}D" for how in ("Max", "Average", "GlobalMax", "GlobalAverage") for rank in (1, 2, 3)
)
SPATIAL: Final = frozenset(f"{what}{rank}D" for what in ("ZeroPadding", "Cropping", "UpSampling") for rank in (1, 2, 3))
