"""Nets for the tests of structured pruning, and the same with channels masked, computed without the code under test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from trained import data, silent, task

import tradeoff
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense, ds_cnn
from tradeoff.training import set_seed

#: For each group of channels, by the layers that make it, which of them stay: ones and zeros.
Masks = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Net:
    """A net, and what a mask means in it, written down by hand.

    :param build: makes it.
    :param groups: its groups of channels, by the layers that make them, with their sizes.
    :param masked: for each layer whose output carries such channels the mask along them.
    """

    build: Callable[[], Any]
    groups: Mapping[str, int]
    masked: Mapping[str, Callable[[Masks], Any]]


def of(*names: str) -> Callable[[Masks], Any]:
    """The masks of these groups, one after the other."""
    return lambda masks: np.concatenate([masks[name] for name in names])


def residual() -> Any:
    """Two residual blocks, the second with a shortcut of its own; a Dense layer at the end has neurons to lose."""
    import keras
    from keras import layers

    entry = keras.Input((8, 8, 3), name="entry")
    x = stem = layers.ReLU(name="stem_relu")(
        layers.BatchNormalization(name="stem_bn")(
            layers.Conv2D(12, 3, padding="same", use_bias=False, name="stem")(entry)
        )
    )
    x = layers.Activation("silu", name="inner_silu")(layers.Conv2D(8, 3, padding="same", name="inner")(x))
    x = layers.BatchNormalization(name="outer_bn")(layers.Conv2D(12, 3, padding="same", name="outer")(x))
    x = layers.ReLU(name="sum_relu")(layers.Add(name="sum")([stem, x]))
    one = layers.Conv2D(16, 1, strides=2, name="short")(x)
    two = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="long")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(one + two)
    x = layers.Dense(10, activation="tanh", name="neurons")(x)
    return keras.Model(entry, layers.Dense(4, name="last")(layers.Dropout(0.5)(x)), name="residual")


def concatenating() -> Any:
    """Two branches side by side, then depthwise, padding and Flatten; one branch's activation gives 0.5 for 0."""
    import keras
    from keras import layers

    entry = keras.Input((6, 6, 2), name="entry")
    one = layers.Conv2D(6, 3, padding="same", activation="sigmoid", name="one")(entry)
    two = layers.Conv2D(9, 1, name="two")(entry)
    x = layers.BatchNormalization(name="both_bn")(layers.Concatenate(name="both")([one, two]))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu", name="depthwise")(x)
    x = layers.ZeroPadding2D(1, name="padding")(x)
    x = layers.PReLU(shared_axes=[1, 2], name="slope")(layers.SeparableConv2D(7, 3, name="separable")(x))
    x = layers.Dense(5, activation="relu", name="neurons")(layers.Flatten(name="flatten")(x))
    return keras.Model(entry, layers.Dense(3, name="last")(x), name="concatenating")


def squeezing() -> Any:
    """A squeeze-and-excitation block: what a channel is multiplied with goes with it."""
    import keras
    from keras import layers

    entry = keras.Input((6, 6, 2), name="entry")
    x = layers.Conv2D(8, 3, activation="relu", name="conv")(entry)
    gate = layers.Dense(4, activation="relu", name="squeeze")(layers.GlobalAveragePooling2D(name="pool")(x))
    gate = layers.Reshape((1, 1, 8), name="reshape")(layers.Dense(8, activation="sigmoid", name="excite")(gate))
    x = layers.GlobalMaxPooling2D(name="end")(layers.Multiply(name="gated")([x, gate]))
    return keras.Model(entry, layers.Dense(3, name="last")(x), name="squeezing")


def repeating() -> Any:
    """A layer that is called twice, and a model within the model, which is called twice, too."""
    import keras
    from keras import layers

    block = keras.Sequential(
        [keras.Input((5, 5, 8)), layers.Conv2D(8, 3, padding="same", name="inside"), layers.ReLU(name="inside_relu")],
        name="block",
    )
    shared = layers.Conv2D(8, 1, name="shared")
    entry = keras.Input((5, 5, 3), name="entry")
    x = layers.Conv2D(8, 1, activation="relu", name="first")(entry)
    x = layers.Add(name="sum")([block(block(x)), shared(shared(x))])
    x = layers.Dense(6, name="neurons")(layers.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(entry, layers.Dense(3, name="last")(x), name="repeating")


def twice(of_two: Callable[[Masks], Any]) -> Callable[[Masks], Any]:
    """Each channel gives two."""
    return lambda masks: np.repeat(of_two(masks), 2)


def every(names: str, mask: Callable[[Masks], Any]) -> dict[str, Callable[[Masks], Any]]:
    """The same for several layers."""
    return dict.fromkeys(names.split(), mask)


_CNN = {
    **every("conv2d batch_normalization re_lu max_pooling2d", of("conv2d")),
    **every("conv2d_1 batch_normalization_1 re_lu_1 max_pooling2d_1", of("conv2d_1")),
    **every("conv2d_2 batch_normalization_2 re_lu_2 global_average_pooling2d", of("conv2d_2")),
}
_DS_CNN = {
    **every("conv2d batch_normalization re_lu depthwise_conv2d batch_normalization_1 re_lu_1", of("conv2d")),
    **every("conv2d_1 batch_normalization_2 re_lu_2", of("conv2d_1")),
    **every("depthwise_conv2d_1 batch_normalization_3 re_lu_3", of("conv2d_1")),
    **every("conv2d_2 batch_normalization_4 re_lu_4 global_average_pooling2d", of("conv2d_2")),
}
_STEM, _ENDS = "stem&outer", "short&long"
_RESIDUAL = {
    **every("stem stem_bn stem_relu outer outer_bn sum sum_relu", of(_STEM)),
    **every("inner inner_silu", of("inner")),
    **every("short long pool", of(_ENDS)),
    "neurons": of("neurons"),
}
_CONCATENATING = {
    "one": of("one"),
    "two": of("two"),
    **every("both both_bn", of("one", "two")),
    **every("depthwise padding", twice(of("one", "two"))),
    **every("separable slope", of("separable")),
    "neurons": of("neurons"),
}
_GATED = "conv&excite"
_SQUEEZING = {**every("conv pool excite reshape gated end", of(_GATED)), "squeeze": of("squeeze")}
_ALL = "first&inside&shared"
_REPEATING = {**every("first inside inside_relu shared sum pool", of(_ALL)), "neurons": of("neurons")}

NETS = {
    "dense": Net(dense.build, {"dense": 300, "dense_1": 100}, {"dense": of("dense"), "dense_1": of("dense_1")}),
    "cnn": Net(cnn.build, {"conv2d": 64, "conv2d_1": 128, "conv2d_2": 128}, _CNN),
    "ds_cnn": Net(ds_cnn.build, {"conv2d": 32, "conv2d_1": 64, "conv2d_2": 128}, _DS_CNN),
    "residual": Net(residual, {_STEM: 12, "inner": 8, _ENDS: 16, "neurons": 10}, _RESIDUAL),
    "concatenating": Net(concatenating, {"one": 6, "two": 9, "separable": 7, "neurons": 5}, _CONCATENATING),
    "squeezing": Net(squeezing, {_GATED: 8, "squeeze": 4}, _SQUEEZING),
    "repeating": Net(repeating, {_ALL: 8, "neurons": 6}, _REPEATING),
}


#: Such that the smallest signals of a net with small weights become large again.
_RANGES = {
    "gamma": (0.5, 1.5),
    "beta": (-0.3, 0.5),
    "moving_mean": (-0.1, 0.1),
    "moving_variance": (0.01, 0.1),
    "alpha": (0.1, 0.5),
}


@cache
def lively(name: str) -> Any:
    """The net with weights, and moving statistics, that are nowhere zero or one."""
    import keras

    set_seed(0)
    model = NETS[name].build()
    generator = np.random.default_rng(1)
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if isinstance(layer, keras.layers.BatchNormalization | keras.layers.PReLU):
            for weight in layer.weights:
                weight.assign(generator.uniform(*_RANGES[weight.name], weight.shape))
        elif getattr(layer, "use_bias", False):
            *kernels, bias = layer.get_weights()
            layer.set_weights([*kernels, generator.normal(0, 0.3, bias.shape)])
    return model


def inputs(model: Any, count: int = 8, seed: int = 0) -> Any:
    """Noise that the model takes."""
    return np.random.default_rng(seed).normal(size=(count, *model.inputs[0].shape[1:])).astype(np.float32)


def masked_outputs(name: str, masks: Masks, x: Any) -> Any:
    """What the net of full size gives when what these channels carry is zero after every layer that carries them."""
    model = lively(name)
    with ExitStack() as watches:
        for layer in dict.fromkeys(model._flatten_layers(include_self=False, recursive=True)):
            if layer.name in NETS[name].masked:
                watches.enter_context(_multiplied(layer, NETS[name].masked[layer.name](masks)))
        return keras_files.outputs_of(model, x)


@contextmanager
def _multiplied(layer: Any, mask: Any) -> Iterator[None]:
    call = layer.call
    layer.call = lambda *given, **options: call(*given, **options) * mask.astype(np.float32)
    try:
        yield
    finally:
        del layer.call


def job(model: Any, text: str = "channels", **changes: Any) -> tradeoff.Rewriting:
    """An order to cut ``model``, on the digits."""
    from tradeoff.chain import parse_chain
    from tradeoff.plugins.structured.technique import tradeoff_techniques

    (technique,) = tradeoff_techniques()
    (step,) = parse_chain(text, {"channels": technique}).steps
    splits = data()
    found: dict[str, Any] = {
        "model": model,
        "values": dict(step.values),
        "task": task(),
        "train": splits.train,
        "calibration": splits.calibration,
        "validation": splits.validation,
        "recipe": None,
        "seed": 0,
        "progress": silent,
    }
    return tradeoff.Rewriting(**{**found, **changes})
