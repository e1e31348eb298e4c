"""A model that rounds as its converted form will: the same layers, each inside one that rounds weights and results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import tradeoff

from .qat_places import Places, find_places

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: Whole numbers of 8 bits: weights from -127 on, so that they lie evenly around zero, results from -128 on.
_STEPS: Final = 255
_WEIGHT_LIMIT: Final = 127.0
#: A range is never narrower: a layer may give nothing but zeros.
_LEAST: Final = 1e-6
#: How much of a range stays in each step; the rest is that of the step's batch.
_MOMENTUM: Final = 0.95
_BATCH: Final = 64
#: Kernels that the normalization behind a layer is taken into.
_LAST: Final = ("kernel", "pointwise_kernel")


@dataclass(frozen=True)
class Rounding:
    """How it is rounded.

    :param symmetric: whether zero lies in the middle of the results' range.
    :param per_tensor: whether all channels of a kernel have one scale.
    """

    symmetric: bool
    per_tensor: bool


@dataclass(frozen=True)
class RoundingNet:
    """A model beside the one that it was made of, with weights of its own.

    :param net: what is trained and judged.
    :param plain: its layers without what rounds them; they are the same variables.
    """

    net: Any
    plain: Any
    places: Places
    rounders: Mapping[str, Any]
    rounding: Rounding

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Of each result that is rounded, as whole numbers have it; of kernels, too, where all channels share one."""
        found = {name: rounder.edges() for name, rounder in self.rounders.items()}
        if self.rounding.per_tensor:
            for name, kernels in self.places.kernels.items():
                layer = _named(self.plain, name)
                behind = self.places.behind.get(name)
                for kernel, axes in kernels.items():
                    factors = _factors(_named(self.plain, behind)) if behind and kernel in _LAST else None
                    size = float(abs(_folded(getattr(layer, kernel), factors, axes)).max())
                    found[f"{name}/{kernel}"] = (-size, size)
        return found


def rounding_net(model: Any, rounding: Rounding, calibration: Array) -> RoundingNet:
    """A twin of ``model`` that rounds; its ranges begin with what ``calibration`` makes of the weights as they are."""
    import keras

    plain = keras.models.clone_model(model, recursive=True)
    plain.set_weights(model.get_weights())
    places = find_places(plain)
    if not places.kernels:
        told = "; ".join(f"{name}: {reason}" for name, reason in places.left_out.items()) or "it has none"
        raise tradeoff.Refused("not supported by format", f"{model.name} has no weights to round: {told}")
    given = model.inputs[0]
    rounded = (*((tradeoff.INPUT,) if "float" in given.dtype else ()), *places.rounded)
    kinds = _classes()
    rounders = {name: kinds.rounder(rounding.symmetric, name=f"rounder_{place}") for place, name in enumerate(rounded)}
    by_name = {layer.name: layer for layer in plain._flatten_layers(include_self=False)}

    def wrapped(layer: Any) -> Any:
        kernels = places.kernels.get(layer.name)
        rounder = rounders.get(layer.name)
        if kernels is None and rounder is None:
            return layer
        behind = by_name.get(places.behind.get(layer.name, ""))
        return kinds.rounded(layer, kernels or {}, rounding.per_tensor, behind, rounder)

    twin = keras.models.clone_model(plain, clone_function=wrapped, recursive=True)
    taken = keras.Input(batch_shape=given.shape, dtype=given.dtype)
    first = rounders.get(tradeoff.INPUT)
    net = keras.Model(taken, twin(first(taken) if first else taken), name=model.name)
    _begin(net, rounders, calibration)
    return RoundingNet(net, plain, places, rounders, rounding)


def _begin(net: Any, rounders: Mapping[str, Any], calibration: Array) -> None:
    """Have the ranges hold all that the calibration samples give, with nothing rounded meanwhile."""
    for rounder in rounders.values():
        rounder.gauging = True
    for start in range(0, len(calibration), _BATCH):
        net(calibration[start : start + _BATCH], training=False)
    for rounder in rounders.values():
        rounder.gauging = False


def _named(model: Any, name: str) -> Any:
    return next(layer for layer in model._flatten_layers(include_self=False) if layer.name == name)


def _factors(normalization: Any) -> Any:
    """What a normalization multiplies each channel by, once it is trained."""
    import keras

    spread = keras.ops.rsqrt(normalization.moving_variance + normalization.epsilon)
    return spread * normalization.gamma if normalization.scale else spread


def _folded(kernel: Any, factors: Any, axes: tuple[int, ...]) -> Any:
    import keras

    return keras.ops.convert_to_numpy(kernel if factors is None else _times(kernel, factors, axes))


def _times(kernel: Any, factors: Any, axes: tuple[int, ...]) -> Any:
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
        whole = ops.max(size if factors is None else ops.absolute(_times(kernel, factors, axes)))
        scale = ops.maximum(whole, _LEAST) / _WEIGHT_LIMIT
        if factors is not None:
            # Back to the kernel as it is stored, where each channel has a step of its own.
            step = _times(ops.ones_like(kernel), scale / ops.maximum(ops.absolute(factors), _LEAST), axes)
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
def _classes() -> _Classes:
    """The two kinds of layers; they can only be defined once Keras is imported."""
    return _Classes(_rounder_class(), _rounded_class())


def _rounder_class() -> Any:
    import keras
    from keras import ops

    class Rounder(keras.layers.Layer):  # type: ignore[misc]
        """Rounds what it is given to 256 steps between two edges that follow what training batches reach."""

        def __init__(self, symmetric: bool, **options: Any) -> None:
            super().__init__(**options)
            self.symmetric = symmetric
            self.gauging = False
            self.low = self.add_weight(shape=(), initializer="zeros", trainable=False, name="low")
            self.high = self.add_weight(shape=(), initializer="zeros", trainable=False, name="high")

        def call(self, value: Any, training: bool = False) -> Any:
            # Zero is always among the steps: padding is made of it.
            low = ops.minimum(ops.cast(ops.min(value), "float32"), 0.0)
            high = ops.maximum(ops.cast(ops.max(value), "float32"), 0.0)
            if self.gauging:
                self.low.assign(ops.minimum(self.low, low))
                self.high.assign(ops.maximum(self.high, high))
                return value
            if training:
                self.low.assign(_MOMENTUM * self.low + (1 - _MOMENTUM) * ops.stop_gradient(low))
                self.high.assign(_MOMENTUM * self.high + (1 - _MOMENTUM) * ops.stop_gradient(high))
            low, high, step = self._grid()
            low, high, step = (ops.cast(one, value.dtype) for one in (low, high, step))
            inside = ops.clip(value, low, high)
            return inside + ops.stop_gradient(ops.round((inside - low) / step) * step + low - inside)

        def _grid(self) -> tuple[Any, Any, Any]:
            """The edges, moved so that zero is a step."""
            low, high = ops.convert_to_tensor(self.low), ops.convert_to_tensor(self.high)
            if self.symmetric:
                size = ops.maximum(ops.maximum(-low, high), _LEAST)
                step = size / _WEIGHT_LIMIT
                return -(_STEPS + 1) / 2 * step, size, step
            step = ops.maximum(high - low, _LEAST) / _STEPS
            steps_below = ops.round(-low / step)
            return -steps_below * step, (_STEPS - steps_below) * step, step

        def edges(self) -> tuple[float, float]:
            low, high, _ = self._grid()
            return float(ops.convert_to_numpy(low)), float(ops.convert_to_numpy(high))

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
            factors = None if behind is None else ops.stop_gradient(_factors(behind))
            values = {id(one): ops.convert_to_tensor(one) for one in self.inner.variables}
            for name, axes in kernels.items():
                kernel = getattr(self.inner, name)
                last = factors if name in _LAST else None
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
