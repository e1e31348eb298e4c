"""How results and weights are rounded to 8 bits while a model is trained: the layers that do it, on any engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

#: Whole numbers of 8 bits: weights from -127 on, so that they lie evenly around zero, results from -128 on.
_STEPS: Final = 255
_WEIGHT_LIMIT: Final = 127.0
#: A range is never narrower: a layer may give nothing but zeros.
_LEAST: Final = 1e-6
#: How much of a range stays in each step; the rest is that of the step's batch.
_MOMENTUM: Final = 0.95
#: Kernels that the normalization behind a layer is taken into.
LAST: Final = ("kernel", "pointwise_kernel")


def factors_of(normalization: Any) -> Any:
    """What a normalization multiplies each channel by, once it is trained."""
    import keras

    spread = keras.ops.rsqrt(normalization.moving_variance + normalization.epsilon)
    return spread * normalization.gamma if normalization.scale else spread


def times(kernel: Any, factors: Any, axes: tuple[int, ...]) -> Any:
    """Each channel of ``kernel`` by its factor."""
    import keras

    shape = [1] * len(kernel.shape)
    for axis in axes:
        shape[axis] = int(kernel.shape[axis])
    return keras.ops.multiply(kernel, keras.ops.reshape(factors, shape))


def _round_weights(kernel: Any, axes: tuple[int, ...], per_tensor: bool, factors: Any) -> Any:
    """``kernel`` on a grid through zero; gradients pass as if nothing was rounded.

    With a scale for each channel, a normalization that is taken into the weights later changes the scale and nothing
    else. With one for all, what counts is the largest weight behind it.
    """
    from keras import ops

    size = ops.absolute(kernel)
    if per_tensor:
        whole = ops.max(size if factors is None else ops.absolute(times(kernel, factors, axes)))
        scale = ops.maximum(whole, _LEAST) / _WEIGHT_LIMIT
        if factors is not None:
            # Back to the kernel as it is stored, where each channel has a step of its own.
            step = times(ops.ones_like(kernel), scale / ops.maximum(ops.absolute(factors), _LEAST), axes)
            return kernel + ops.stop_gradient(ops.round(kernel / step) * step - kernel)
    else:
        kept = {axis % len(kernel.shape) for axis in axes}
        others = tuple(axis for axis in range(len(kernel.shape)) if axis not in kept)
        scale = ops.maximum(ops.max(size, axis=others, keepdims=True), _LEAST * _LEAST) / _WEIGHT_LIMIT
    return kernel + ops.stop_gradient(ops.round(kernel / scale) * scale - kernel)


class _Classes(NamedTuple):
    rounder: Any
    rounded: Any


@cache
def classes() -> _Classes:
    """The two kinds of layers; they can only be defined once Keras is imported."""
    return _Classes(_rounder_class(), _rounded_class())


def _reached(value: Any) -> tuple[Any, Any]:
    """From where to where ``value`` goes; zero is always among the steps, since padding is made of it."""
    from keras import ops

    low, high = ops.minimum(ops.min(value), 0), ops.maximum(ops.max(value), 0)
    return ops.cast(ops.stop_gradient(low), "float32"), ops.cast(ops.stop_gradient(high), "float32")


def _gauge(rounder: Any, value: Any) -> None:
    from keras import ops

    low, high = _reached(value)
    rounder.low.assign(ops.minimum(rounder.low, low))
    rounder.high.assign(ops.maximum(rounder.high, high))


def _follow(rounder: Any, value: Any) -> None:
    from keras import ops

    if rounder.positive:
        high = ops.cast(ops.stop_gradient(ops.max(value)), "float32")
    else:
        low, high = _reached(value)
        rounder.low.assign(rounder.low + (1 - _MOMENTUM) * (low - rounder.low))
    rounder.high.assign(rounder.high + (1 - _MOMENTUM) * (high - rounder.high))


def _grid(rounder: Any) -> tuple[Any, Any, Any]:
    """The edges, moved so that zero is a step, and the step."""
    from keras import ops

    low, high = ops.convert_to_tensor(rounder.low), ops.convert_to_tensor(rounder.high)
    if rounder.symmetric:
        size = ops.maximum(high if rounder.positive else ops.maximum(-low, high), _LEAST)
        step = size / _WEIGHT_LIMIT
        return -(_STEPS + 1) / 2 * step, size, step
    if rounder.positive:
        high = ops.maximum(high, _LEAST)
        return ops.zeros_like(high), high, high / _STEPS
    step = ops.maximum(high - low, _LEAST) / _STEPS
    below = ops.round(-low / step)
    return -below * step, (_STEPS - below) * step, step


def edges(rounder: Any) -> tuple[float, float]:
    """The range that a rounder has learnt."""
    from keras import ops

    low, high, _ = _grid(rounder)
    return float(ops.convert_to_numpy(low)), float(ops.convert_to_numpy(high))


def _rounder_class() -> Any:
    import keras
    from keras import ops

    class Rounder(keras.layers.Layer):  # type: ignore[misc]
        """Rounds what it is given to 256 steps between two edges that follow what training batches reach."""

        def __init__(self, symmetric: bool, positive: bool = False, **options: Any) -> None:
            super().__init__(**options)
            self.symmetric, self.positive = symmetric, positive
            self.gauging = False
            self.low = self.add_weight(shape=(), initializer="zeros", trainable=False, name="low")
            self.high = self.add_weight(shape=(), initializer="zeros", trainable=False, name="high")

        def call(self, value: Any, training: bool = False) -> Any:
            if self.gauging:
                _gauge(self, value)
                return value
            if training:
                _follow(self, value)
            low, high, step = (ops.cast(one, value.dtype) for one in _grid(self))
            # Passes over memory are what this costs, so there is none that is not needed; edges are whole steps.
            inside = ops.minimum(value, high) if self.positive else ops.clip(value, low, high)
            return inside + ops.stop_gradient(ops.round(inside * (1 / step)) * step - inside)

    return Rounder


def _rounded_class() -> Any:
    import keras
    from keras import ops

    class Rounded(keras.layers.Layer):  # type: ignore[misc]
        """Another layer, with its kernels rounded before it is called, and its result after."""

        def __init__(
            self, inner: Any, kernels: Mapping[str, tuple[int, ...]], per_tensor: bool, behind: Any, rounder: Any
        ) -> None:
            super().__init__(name=inner.name, dtype=inner.dtype_policy, trainable=inner.trainable)
            self.inner, self.rounder = inner, rounder
            self.per_tensor = per_tensor
            # Keras would take the normalization for a part of this layer; it has a place of its own in the net.
            self._outside = _Outside(behind, kernels)
            self.supports_masking = inner.supports_masking
            self.built = True

        def call(self, *given: Any, **options: Any) -> Any:
            result = self._inside(given, options)
            return result if self.rounder is None else self.rounder(result)

        def _inside(self, given: tuple[Any, ...], options: dict[str, Any]) -> Any:
            kernels, behind = self._outside.kernels, self._outside.behind
            if not kernels:
                return self.inner(*given, **options)
            factors = None if behind is None else ops.stop_gradient(factors_of(behind))
            values = {id(one): ops.convert_to_tensor(one) for one in self.inner.variables}
            for name, axes in kernels.items():
                kernel = getattr(self.inner, name)
                last = factors if name in LAST else None
                values[id(kernel)] = _round_weights(values[id(kernel)], axes, self.per_tensor, last)
            mapping = [(one, values[id(one)]) for one in self.inner.variables]
            with keras.StatelessScope(state_mapping=mapping):
                return self.inner(*given, **options)

        def compute_output_spec(self, *given: Any, **options: Any) -> Any:
            return self.inner.compute_output_spec(*given, **options)

    return Rounded


@dataclass(frozen=True, eq=False)
class _Outside:
    """What a layer knows and Keras shall not track."""

    behind: Any
    kernels: Mapping[str, tuple[int, ...]]
