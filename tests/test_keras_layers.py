"""What each layer of a Keras model gives: of every kind of model, and the model stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from trained import NOISE

from tradeoff.formats.keras_layers import layer_outputs

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
X = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)


def dense(units: int = 4, **options: Any) -> Any:
    import keras

    return keras.layers.Dense(units, **options)


def labels(model: Any, x: Any = X) -> list[str]:
    return [one.label for one in layer_outputs(model, x)]


def test_every_layer_is_heard_in_order_with_what_it_gives() -> None:
    import keras

    model = keras.Sequential([keras.Input((6,)), dense(name="a", activation="relu"), dense(2, name="b")])
    found = layer_outputs(model, X)
    assert [one.label for one in found] == ["a before relu", "a", "b"]
    before, after, last = (one.values for one in found)
    np.testing.assert_array_equal(np.maximum(before, 0), after)
    np.testing.assert_allclose(last, np.asarray(model(X)), rtol=1e-6)


def test_the_model_is_as_it_was() -> None:
    import keras

    model = keras.Sequential([keras.Input((6,)), dense(name="a", activation="relu")])
    layer, expected = model.layers[0], np.asarray(model(X))
    layer_outputs(model, X)
    assert "call" not in vars(layer)
    assert layer.activation is keras.activations.relu
    np.testing.assert_array_equal(np.asarray(model(X)), expected)
    assert labels(model) == ["a before relu", "a"]


def test_models_inside_models_are_opened() -> None:
    import keras

    inner = keras.Sequential([keras.Input((6,)), dense(6, name="inside")], name="inner")
    taken = keras.Input((6,))
    model = keras.Model(taken, dense(name="last")(inner(taken)))
    assert labels(model) == ["inside", "last"]


def test_a_layer_that_is_called_twice_is_heard_twice() -> None:
    import keras

    taken, shared = keras.Input((6,)), dense(6, name="shared")
    assert labels(keras.Model(taken, shared(shared(taken)))) == ["shared", "shared #2"]


def test_a_recurrent_layer_is_one_layer() -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((5, 6)), keras.layers.Bidirectional(keras.layers.LSTM(3), name="both"), dense(name="last")]
    )
    assert labels(model, np.zeros((2, 5, 6), np.float32)) == ["both", "last"]


def test_dropout_does_nothing_here() -> None:
    import keras

    model = keras.Sequential([keras.Input((6,)), keras.layers.Dropout(0.9, name="drop")])
    (found,) = layer_outputs(model, X)
    np.testing.assert_array_equal(found.values, X)


def test_narrow_floats_come_as_float32() -> None:
    import keras

    model = keras.Sequential([keras.Input((6,)), dense(dtype="float16", name="a")])
    assert layer_outputs(model, X)[0].values.dtype == np.float32
