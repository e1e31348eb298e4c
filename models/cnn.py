"""Model ``cnn``: a plain convolutional net, where arithmetic outweighs everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tradeoff

from .shifts import shift


def build() -> Any:
    """Three convolutions of 64, 128 and 128 filters; 224,330 parameters."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((8, 8, 1))], name="cnn")
    for block, filters in enumerate((64, 128, 128)):
        if block:
            model.add(layers.MaxPooling2D())
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        # At the default momentum of 0.99 the moving averages lag behind a training this short.
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10, activation="softmax"))
    return model


RECIPE = tradeoff.Recipe(epochs=10, batch_size=64, learning_rate=5e-3, augment=shift)


@tradeoff.hookimpl
def tradeoff_models() -> Sequence[tradeoff.Model]:
    """The model ``cnn``."""
    return [
        tradeoff.Model("cnn", task="digits", build=build, recipe=RECIPE, summary="3 convolutions, 224 k parameters")
    ]
