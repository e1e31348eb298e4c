"""A model that rounds as its converted form will: the same layers, each inside one that rounds weights and results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .places import Places, find_places
from .rounding import LAST, classes, edges, factors_of, times

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

_BATCH: Final = 64


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
        found = {name: edges(rounder) for name, rounder in self.rounders.items()}
        if self.rounding.per_tensor:
            for name, kernels in self.places.kernels.items():
                layer = _named(self.plain, name)
                behind = self.places.behind.get(name)
                for kernel, axes in kernels.items():
                    factors = factors_of(_named(self.plain, behind)) if behind and kernel in LAST else None
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
    kinds = classes()
    rounders = {
        name: kinds.rounder(rounding.symmetric, name in places.positive, name=f"rounder_{place}")
        for place, name in enumerate(rounded)
    }
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


def _folded(kernel: Any, factors: Any, axes: tuple[int, ...]) -> Any:
    import keras

    return keras.ops.convert_to_numpy(kernel if factors is None else times(kernel, factors, axes))
