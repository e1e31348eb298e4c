"""Model ``dense``: LeNet-300-100, the classic of pruning papers; nearly all of it is weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tradeoff

from .shifts import shift


def build() -> Any:
    """Two hidden layers of 300 and 100; 50,610 parameters."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(300, activation="relu"),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="dense",
    )


RECIPE = tradeoff.Recipe(epochs=60, batch_size=64, learning_rate=1e-2, augment=shift)


@tradeoff.hookimpl
def tradeoff_models() -> Sequence[tradeoff.Model]:
    """The model ``dense``."""
    return [
        tradeoff.Model("dense", task="digits", build=build, recipe=RECIPE, summary="LeNet-300-100, 51 k parameters")
    ]
