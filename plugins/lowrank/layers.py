"""The layers that take the place of one: its factors as plain Keras layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..structured.rebuild import Instead, Part
from .sites import Site

if TYPE_CHECKING:
    from .factors import Numbers

#: Belongs to the layer's result, and so to the last of its factors.
_AFTERWARDS: Final[Mapping[str, Any]] = {
    "use_bias": False,
    "activation": "linear",
    "activity_regularizer": None,
    "bias_regularizer": None,
    "bias_constraint": None,
}


def instead(site: Site, technique: str, factors: Sequence[Numbers]) -> Instead:
    """The layers for these factors."""
    layer = site.layer
    config = {**layer.get_config(), "name": None}
    if layer.use_bias:
        import keras

        bias = [keras.ops.convert_to_numpy(layer.bias)]
    else:
        bias = []
    if technique == "cp":
        taken, *taps, given = factors
        parts = [_point(site, config, "first", taken, strides=False), *_depthwise(site, config, taps)]
        parts.append(_point(site, config, "last", given, bias, strides=False))
        return Instead(tuple(parts))
    if technique == "svd":
        first, last = factors
        return Instead((_point(site, config, "first", first), _point(site, config, "last", last, bias, strides=False)))
    return Instead(tuple(_tucker(site, config, factors, bias)))


def _tucker(site: Site, config: Mapping[str, Any], factors: Sequence[Numbers], bias: list[Any]) -> list[Part]:
    """A side of full rank has no factor."""
    first, core, last = factors
    parts = [_point(site, config, "first", first, strides=False)] if first.size else []
    middle = {**config, "filters": core.shape[-1]}
    numbers = core.reshape(*site.spatial, *core.shape[-2:])
    if not last.size:
        return [*parts, Part("core", type(site.layer), middle, (numbers, *bias))]
    parts.append(Part("core", type(site.layer), {**middle, **_AFTERWARDS}, (numbers,)))
    return [*parts, _point(site, config, "last", last, bias, strides=False)]


def _point(
    site: Site,
    config: Mapping[str, Any],
    name: str,
    factor: Numbers,
    bias: list[Any] | None = None,
    *,
    strides: bool = True,
) -> Part:
    """A dense layer, or a convolution of one tap; without a bias it is not the last.

    :param strides: whether the steps of the layer are taken here.
    """
    made = dict(config) if name == "last" else {**config, **_AFTERWARDS}
    dimensions = len(site.spatial)
    if not dimensions:
        return Part(name, type(site.layer), {**made, "units": factor.shape[1]}, (factor, *(bias or ())))
    ones = [1] * dimensions
    made |= {"filters": factor.shape[1], "kernel_size": ones, "dilation_rate": ones, "padding": "valid"}
    if not strides:
        made["strides"] = ones
    return Part(name, type(site.layer), made, (factor.reshape(*ones, *factor.shape), *(bias or ())))


def _depthwise(site: Site, config: Mapping[str, Any], taps: Sequence[Numbers]) -> list[Part]:
    """One convolution over all taps, or one along each dimension."""
    import keras

    kind = getattr(keras.layers, f"DepthwiseConv{len(site.spatial)}D")
    common = {
        **{name: config[name] for name in ("name", "trainable", "dtype", "data_format", "padding", "dilation_rate")},
        "strides": config["strides"],
        "depthwise_regularizer": config["kernel_regularizer"],
        "use_bias": False,
    }
    if len(taps) == 1:
        numbers = taps[0].reshape(*site.spatial, -1, 1)
        return [Part("depthwise", kind, {**common, "kernel_size": site.spatial}, (numbers,))]
    made = []
    for axis, factor in enumerate(taps):
        size = [length if place == axis else 1 for place, length in enumerate(site.spatial)]
        made.append(Part(f"depthwise_{axis}", kind, {**common, "kernel_size": size}, (factor.reshape(*size, -1, 1),)))
    return made
