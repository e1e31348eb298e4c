"""Accounting: parameters and multiply-accumulates, counted by hand and by rule alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from trained import NOISE

from tradeoff.accounting import account
from tradeoff.models import cnn, dense, ds_cnn

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


def model(shape: tuple[int | None, ...], *layers: Any) -> Any:
    import keras

    return keras.Sequential([keras.Input(shape), *layers])


def layer(kind: str, /, *arguments: Any, **options: Any) -> Any:
    import keras

    return getattr(keras.layers, kind)(*arguments, **options)


CASES: list[tuple[str, tuple[int, ...], tuple[Any, ...], dict[str, Any], int]] = [
    ("Dense", (5,), (7,), {}, 5 * 7),
    ("Dense", (3, 5), (7,), {}, 3 * 5 * 7),
    ("Conv1D", (10, 3), (4, 5), {}, 6 * 4 * 5 * 3),
    ("Conv2D", (8, 8, 3), (4, 3), {"padding": "same"}, 64 * 4 * 9 * 3),
    ("Conv2D", (8, 8, 3), (4, 3), {"padding": "same", "strides": 2}, 16 * 4 * 9 * 3),
    ("Conv2D", (9, 9, 3), (4, 3), {"dilation_rate": 2}, 25 * 4 * 9 * 3),
    ("Conv2D", (8, 8, 6), (4, (1, 3)), {"groups": 2, "padding": "same"}, 64 * 4 * 3 * 3),
    ("Conv3D", (4, 4, 4, 2), (3, 2), {}, 27 * 3 * 8 * 2),
    ("DepthwiseConv1D", (10, 3), (5,), {}, 6 * 3 * 5),
    ("DepthwiseConv2D", (8, 8, 3), (3,), {"padding": "same", "depth_multiplier": 2}, 64 * 6 * 9),
    ("SeparableConv1D", (10, 3), (4, 5), {}, 6 * (3 * 5 + 3 * 4)),
    ("SeparableConv2D", (8, 8, 3), (4, 3), {"padding": "same", "depth_multiplier": 2}, 64 * (6 * 9 + 6 * 4)),
    ("Conv1DTranspose", (5, 3), (4, 2), {"strides": 2}, 5 * 3 * 2 * 4),
    ("Conv2DTranspose", (4, 4, 3), (5, 2), {"strides": 2}, 16 * 3 * 4 * 5),
    ("EinsumDense", (6,), ("ab,bc->ac",), {"output_shape": 7}, 6 * 7),
    ("EinsumDense", (5, 6), ("...x,xy->...y",), {"output_shape": 7}, 5 * 6 * 7),
]


@pytest.mark.parametrize(("name", "shape", "arguments", "options", "macs"), CASES)
def test_a_layer_is_counted_as_by_hand(
    name: str, shape: tuple[int, ...], arguments: tuple[Any, ...], options: dict[str, Any], macs: int
) -> None:
    made = model(shape, layer(name, *arguments, **options))
    found = account(made)
    assert found.macs == macs
    assert found.parameters == made.count_params()
    assert found.uncounted == ()


@pytest.mark.parametrize(
    ("module", "macs"),
    [
        (dense, 64 * 300 + 300 * 100 + 100 * 10),
        (cnn, 64 * 64 * 9 + 16 * 128 * 9 * 64 + 4 * 128 * 9 * 128 + 1280),
        (ds_cnn, 64 * 32 * 9 + 16 * 32 * 9 + 16 * 32 * 64 + 4 * 64 * 9 + 4 * 64 * 128 + 1280),
    ],
)
def test_the_built_in_models_are_counted_whole(module: Any, macs: int) -> None:
    assert account(module.build()).macs == macs


def test_normalisation_activation_and_pooling_cost_no_macs() -> None:
    names = ("BatchNormalization", "LayerNormalization", "PReLU", "ReLU", "Flatten")
    found = account(model((4, 4, 2), *(layer(name) for name in names)))
    assert (found.macs, found.uncounted) == (0, ())
    assert found.parameters > 0


def test_a_nested_model_is_counted() -> None:
    inner = model((4,), layer("Dense", 3))
    assert account(model((4,), inner, layer("Dense", 2))).macs == 4 * 3 + 3 * 2


def test_a_layer_used_twice_counts_twice_and_is_stored_once() -> None:
    import keras

    entry, shared = keras.Input((4,)), layer("Dense", 4)
    found = account(keras.Model(entry, shared(shared(entry))))
    assert found.macs == 2 * 16
    assert found.parameters == 20


def test_two_inputs_are_counted() -> None:
    import keras

    one, other = keras.Input((4,)), keras.Input((6,))
    joined = layer("Concatenate")([layer("Dense", 2)(one), layer("Dense", 3)(other)])
    assert account(keras.Model([one, other], joined)).macs == 4 * 2 + 6 * 3


def test_layers_that_no_rule_knows_are_listed() -> None:
    recurrent = layer("LSTM", 3, name="memory")
    found = account(model((5, 2), recurrent, layer("Dense", 2)))
    assert found.uncounted == ("memory",)
    assert found.macs == 3 * 2


def test_attention_is_counted_in_part_and_says_so() -> None:
    import keras

    entry = keras.Input((5, 8))
    attention = layer("MultiHeadAttention", 2, 4, name="attention")
    found = account(keras.Model(entry, attention(entry, entry)))
    assert found.uncounted == ("attention",)
    assert found.macs == 4 * 5 * 8 * 8


def test_a_subclass_of_a_known_layer_is_not_trusted() -> None:
    import keras

    class Twice(keras.layers.Dense):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return super().call(inputs) + super().call(inputs)

    assert account(model((4,), Twice(3, name="twice"))).uncounted == ("twice",)


def test_a_layer_made_of_layers_is_counted_through_them() -> None:
    import keras

    class Block(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.rest = keras.layers.Dense(3), [keras.layers.Dense(2)]

        def call(self, inputs: Any) -> Any:
            return self.rest[0](self.first(inputs))

    found = account(model((4,), Block()))
    assert (found.macs, found.uncounted) == (4 * 3 + 3 * 2, ())


def test_a_model_for_any_size_has_no_one_number() -> None:
    found = account(model((None, None, 3), layer("Conv2D", 4, 3)))
    assert found.macs is None
    assert found.parameters == 4 * 27 + 4


def test_counting_leaves_the_model_as_it_was() -> None:
    made = model((4,), layer("Dense", 3))
    x = np.ones((2, 4), np.float32)
    before = np.asarray(made(x))
    account(made)
    assert np.array_equal(np.asarray(made(x)), before)
    assert "call" not in vars(made.layers[0])
