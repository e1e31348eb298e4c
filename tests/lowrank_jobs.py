"""What the tests of low rank share: an order to factorise a model, and nets whose kernels have a rank."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from trained import data, silent, task, trained_file

import tradeoff
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.plugins.lowrank.technique import tradeoff_techniques

TECHNIQUES = {technique.name: technique for technique in tradeoff_techniques()}


def factorised(model: Any, text: str, **changes: Any) -> tradeoff.Rewritten:
    """What the technique spelled ``text`` makes of ``model``, on the digits, with a quarter of the training data."""
    (step,) = parse_chain(text, TECHNIQUES).steps
    splits = data()
    order: dict[str, Any] = {
        "model": model,
        "values": dict(step.values),
        "task": task(),
        "train": tradeoff.Split(splits.train.x[:320], splits.train.y[:320]),
        "calibration": splits.calibration,
        "validation": splits.validation,
        "recipe": None,
        "seed": 0,
        "progress": silent,
        "technique": step.technique,
    }
    apply = TECHNIQUES[step.technique].apply
    assert apply is not None
    made = apply(tradeoff.Rewriting(**{**order, **changes}))
    assert isinstance(made, tradeoff.Rewritten)
    return made


@cache
def convolutional() -> Any:
    """A net with a shape of convolution for each thing that may happen to it; its weights are noise."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    entry = keras.Input((8, 8, 1), name="entry")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem")(entry)
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(name="stem_bn")(x))
    x = layers.Conv2D(24, 3, padding="same", activation="relu", bias_initializer="normal", name="wide")(x)
    x = layers.Conv2D(32, 3, strides=2, bias_initializer="normal", name="steps")(x)
    x = layers.Conv2D(32, 1, activation="relu", name="point")(x)
    x = layers.Dense(10, activation="softmax", name="last")(layers.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(entry, x, name="convolutional")


def fresh() -> Any:
    """The trained net."""
    return keras_files.load_model(trained_file())


def lowly(shape: tuple[int, ...], rank: int, noise: float = 0.0, seed: int = 0) -> Any:
    """A tensor that is a sum of ``rank`` products, and noise."""
    generator = np.random.default_rng(seed)
    found = sum(_product([generator.normal(size=size) for size in shape]) for _ in range(rank))
    return np.asarray(found + noise * generator.normal(size=shape))


def _product(vectors: list[Any]) -> Any:
    made = vectors[0]
    for vector in vectors[1:]:
        made = made[..., None] * vector
    return made
