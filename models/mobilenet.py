"""Model ``mobilenet``: MobileNetV2 at a third of its width, on the digits at four times their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tradeoff

from .shifts import shift


def build() -> Any:
    """Keras's own MobileNetV2 at alpha 0.35 behind an upscaling to 32 x 32; 422,730 parameters."""
    import keras
    from keras import layers

    taken = keras.Input((8, 8, 1))
    pictures = layers.UpSampling2D(4, interpolation="bilinear")(taken)
    whole = keras.applications.MobileNetV2(input_tensor=pictures, alpha=0.35, weights=None, classes=10)
    # It keeps its inputs in a list; a model of one tensor is what every backend takes.
    net = keras.Model(taken, whole.output, name="mobilenet")
    for layer in net.layers:
        # Made for a thousand times as many steps: at 0.999 the moving averages would still be those of the start.
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9
    return net


RECIPE = tradeoff.Recipe(epochs=25, batch_size=64, learning_rate=5e-3, augment=shift)


@tradeoff.hookimpl
def tradeoff_models() -> Sequence[tradeoff.Model]:
    """The model ``mobilenet``."""
    return [
        tradeoff.Model(
            "mobilenet",
            task="digits",
            build=build,
            recipe=RECIPE,
            summary="MobileNetV2 at alpha 0.35 on the digits upscaled to 32 x 32, 423 k parameters",
        )
    ]
