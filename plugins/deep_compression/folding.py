"""A model without its normalizations: each is taken into the weights before it, as every converter does it anyway.

Shared values of a kernel would not survive that: each channel is multiplied by a factor of its own.
"""

from __future__ import annotations

from typing import Any, Final

from ..model_graph import is_graph
from ..qat.places import find_places
from ..qat.rounding import factors_of, times

#: Layers that are folded; of others the normalization stays.
_FOLDED: Final = {
    "Dense": (-1,),
    "Conv1D": (-1,),
    "Conv2D": (-1,),
    "DepthwiseConv1D": (-2, -1),
    "DepthwiseConv2D": (-2, -1),
}


def folded(model: Any) -> Any:
    """A model that computes the same; ``model`` itself where nothing can be folded."""
    import keras

    behind = _behind(model)
    if not behind:
        return model
    gone = set(behind.values())

    def again(layer: Any) -> Any:
        if layer.name in gone:
            return keras.layers.Identity(name=layer.name)
        if layer.name in behind:
            return type(layer).from_config({**layer.get_config(), "use_bias": True})
        return type(layer).from_config(layer.get_config())

    made = keras.models.clone_model(model, clone_function=again)
    for layer in model.layers:
        if layer.name in behind:
            _fill(made.get_layer(layer.name), layer, model.get_layer(behind[layer.name]))
        elif layer.name not in gone:
            made.get_layer(layer.name).set_weights(layer.get_weights())
    return made


def _behind(model: Any) -> dict[str, str]:
    """By the name of a layer of the model itself, that of the normalization that follows it."""
    if not is_graph(model):
        return {}
    own = {layer.name: type(layer).__name__ for layer in model.layers}
    return {
        name: other
        for name, other in find_places(model).behind.items()
        if own.get(name) in _FOLDED and other in own and _last_axis(model.get_layer(other))
    }


def _last_axis(normalization: Any) -> bool:
    axis = normalization.axis
    return (axis[0] if isinstance(axis, (list, tuple)) else axis) in (-1, len(normalization.input.shape) - 1)


def _fill(made: Any, layer: Any, normalization: Any) -> None:
    """With the weights of a layer and of the normalization behind it."""
    import keras

    factors = factors_of(normalization)
    kernel, *bias = layer.get_weights()
    scaled = times(kernel, factors, _FOLDED[type(layer).__name__])
    shift = normalization.beta if normalization.center else 0.0
    offset = ((bias[0] if bias else 0.0) - normalization.moving_mean) * factors + shift
    made.set_weights([keras.ops.convert_to_numpy(scaled), keras.ops.convert_to_numpy(offset)])
