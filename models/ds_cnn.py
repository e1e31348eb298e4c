"""Model ``ds_cnn``: depthwise separable convolutions, as in the nets made for microcontrollers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tradeoff

from .shifts import shift


def build() -> Any:
    """A convolution of 32 filters, then separable blocks of 64 and 128; 13,962 parameters."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((8, 8, 1))], name="ds_cnn")

    def normalize() -> None:
        # At the default momentum of 0.99 the moving averages lag behind a training this short.
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())

    model.add(layers.Conv2D(32, 3, padding="same", use_bias=False))
    normalize()
    for filters in (64, 128):
        model.add(layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False))
        normalize()
        model.add(layers.Conv2D(filters, 1, use_bias=False))
        normalize()
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10, activation="softmax"))
    return model


RECIPE = tradeoff.Recipe(epochs=20, batch_size=64, learning_rate=1.5e-2, augment=shift)


@tradeoff.hookimpl
def tradeoff_models() -> Sequence[tradeoff.Model]:
    """The model ``ds_cnn``."""
    return [
        tradeoff.Model(
            "ds_cnn", task="digits", build=build, recipe=RECIPE, summary="depthwise separable, 14 k parameters"
        )
    ]
