"""Which channels can be cut, which go together, and which stay with what reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from structured_nets import inputs
from trained import NOISE

import tradeoff
from tradeoff.formats import keras_files
from tradeoff.plugins.model_graph import refuse_unreadable
from tradeoff.plugins.structured.graph import Coupling, couple
from tradeoff.plugins.structured.rebuild import rebuilt

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


def layer(kind: str, *arguments: Any, **options: Any) -> Any:
    import keras

    return getattr(keras.layers, kind)(*arguments, **options)


def followed(shape: tuple[int | None, ...], *between: Any, first: Any = None) -> tuple[Any, Coupling]:
    """A layer ``first`` of eight channels, what stands between, and a Dense layer of three."""
    import keras

    entry = keras.Input(shape)
    maker = first or (layer("Dense", 8, name="first") if len(shape) < 3 else layer("Conv2D", 8, 1, name="first"))
    x = maker(entry)
    for each in between:
        x = each(x)
    model = rebuilt(keras.Model(entry, layer("Dense", 3, name="last")(x)), {})
    return model, couple(model)


def sizes(coupling: Coupling) -> dict[str, int]:
    return {group.name: len(group) for group in coupling.groups}


FOLLOWED = [
    ("MaxPooling2D", {}),
    ("AveragePooling2D", {"pool_size": 3}),
    ("GlobalAveragePooling2D", {"keepdims": True}),
    ("ZeroPadding2D", {}),
    ("Cropping2D", {}),
    ("UpSampling2D", {}),
    ("Dropout", {"rate": 0.5}),
    ("SpatialDropout2D", {"rate": 0.5}),
    ("GaussianNoise", {"stddev": 0.5}),
    ("Activation", {"activation": "swish"}),
    ("LeakyReLU", {}),
    ("PReLU", {}),
    ("Rescaling", {"scale": 2.0}),
    ("BatchNormalization", {"scale": False}),
    ("Reshape", {"target_shape": (36, 8)}),
    ("Reshape", {"target_shape": (2, -1, 8)}),
    ("Reshape", {"target_shape": (288,)}),
    ("Flatten", {}),
    ("Conv2DTranspose", {"filters": 5, "kernel_size": 2}),
    ("SeparableConv2D", {"filters": 5, "kernel_size": 2, "depth_multiplier": 2}),
]


@pytest.mark.parametrize(("kind", "options"), FOLLOWED)
def test_channels_are_followed_through(kind: str, options: dict[str, Any]) -> None:
    model, coupling = followed((6, 6, 2), layer(kind, **options))
    assert sizes(coupling)["first"] == 8
    gone = next(group.channels for group in coupling.groups if group.name == "first")[:3]
    small, x = rebuilt(model, coupling.changes(gone)), inputs(model)
    assert small.get_layer("first").output.shape[-1] == 5
    kernel, _ = model.get_layer("first").get_weights()
    (after,) = [each for each in small.layers if each.name == "first"]
    assert np.array_equal(after.get_weights()[0], kernel[..., 3:])
    assert keras_files.outputs_of(small, x).shape == (8, *model.output.shape[1:]) or None in model.output.shape[1:]


MIXING = [
    ("LayerNormalization", {}),
    ("Softmax", {}),
    ("Activation", {"activation": "softmax"}),
    ("Reshape", {"target_shape": (72, 4)}),
    ("Permute", {"dims": (3, 1, 2)}),
    ("Conv2D", {"filters": 8, "kernel_size": 1, "groups": 2}),
    ("BatchNormalization", {"axis": 1}),
    ("Dropout", {"rate": 0.1, "noise_shape": (None, 1, 1, 8)}),
    ("Rescaling", {"scale": [1.0] * 8}),
    ("Flatten", {"data_format": "channels_first"}),
    ("Concatenate", {"axis": 1}),
]


@pytest.mark.parametrize(("kind", "options"), MIXING)
def test_what_mixes_channels_is_named_and_what_it_takes_stays(kind: str, options: dict[str, Any]) -> None:
    mixing = layer(kind, name="mixing", **options)
    step = (lambda x: mixing([x, layer("LayerNormalization", name="other")(x)])) if kind == "Concatenate" else mixing
    _, coupling = followed((6, 6, 2), step)
    assert "first" not in sizes(coupling)
    named = "other" if kind == "Concatenate" else "mixing"
    assert coupling.fixed["first"].startswith(f"its channels go into {named} (")


def test_a_custom_layer_is_not_trusted() -> None:
    import keras

    @keras.saving.register_keras_serializable("structured")
    class Mine(keras.layers.ReLU):  # type: ignore[misc]
        pass

    _, coupling = followed((4,), Mine(name="mine"))
    assert coupling.groups == ()
    assert "go into mine (Mine)" in coupling.fixed["first"]


def test_ends_of_the_model_stay() -> None:
    _, coupling = followed((4,), layer("Activation", "relu"))
    assert coupling.fixed == {"last": "its channels are the model's outputs"}


def test_an_activation_over_all_channels_inside_a_layer_keeps_them() -> None:
    _, coupling = followed((4,), first=layer("Dense", 8, activation="softmax", name="first"))
    assert coupling.groups == ()
    assert "softmax" in coupling.fixed["first"]


def test_a_sum_with_the_inputs_keeps_channels() -> None:
    import keras

    entry = keras.Input((8,))
    total = layer("Add")([entry, layer("Dense", 8, name="first")(entry)])
    coupling = couple(keras.Model(entry, layer("Dense", 3)(total)))
    assert coupling.fixed["first"] == "its channels are tied to the model's inputs"


def test_a_sum_of_branches_side_by_side_makes_groups_that_cost_alike() -> None:
    import keras

    entry = keras.Input((8,))
    one, two, three = (layer("Dense", units, name=name)(entry) for name, units in (("a", 6), ("b", 10), ("c", 16)))
    total = layer("Concatenate")([one, two]) + three
    assert sizes(couple(keras.Model(entry, layer("Dense", 3)(total)))) == {"a&c": 6, "b&c": 10}


def test_what_is_spread_over_channels_stays_and_the_others_can_go() -> None:
    import keras

    entry = keras.Input((6, 6, 2))
    x = layer("Conv2D", 8, 1, name="wide")(entry)
    gate = layer("Conv2D", 1, 1, activation="sigmoid", name="gate")(x)
    coupling = couple(keras.Model(entry, layer("Conv2D", 3, 1)(layer("Multiply", name="gated")([x, gate]))))
    assert sizes(coupling) == {"wide": 8}
    assert coupling.fixed["gate"] == "its channels are spread over all channels by gated"


def test_a_sum_with_an_array_of_values_keeps_channels_and_with_a_number_does_not() -> None:
    assert sizes(followed((4,), lambda x: x * 2.0)[1]) == {"first": 8}
    assert sizes(followed((4,), lambda x: x * np.ones(8, np.float32))[1]) == {}


def test_open_sizes_are_followed() -> None:
    _, coupling = followed((None, None, 2), layer("ReLU"), layer("GlobalAveragePooling2D"))
    assert sizes(coupling) == {"first": 8}


def test_structures_of_inputs_and_outputs_stay_as_they_are() -> None:
    import keras

    one, other = keras.Input((4,), name="one"), keras.Input((6,), name="other")
    joined = layer("Concatenate")([layer("Dense", 8, name="a")(one), layer("Dense", 5, name="b")(other)])
    ends = {"first": layer("Dense", 2)(joined), "second": layer("Dense", 3)(joined)}
    model = keras.Model({"one": one, "other": other}, ends)
    coupling = couple(model)
    small = rebuilt(model, coupling.changes(coupling.groups[0].channels[:4]))
    x = {"one": np.ones((2, 4), np.float32), "other": np.ones((2, 6), np.float32)}
    assert {name: tuple(values.shape) for name, values in small(x).items()} == {"first": (2, 2), "second": (2, 3)}
    assert small.get_layer("a").units == 4


def test_a_sequential_model_stays_one_and_names_stay() -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((4,), name="pixels"), layer("Dense", 8, name="a"), layer("Dense", 2)], name="m"
    )
    again = rebuilt(model, {})
    assert isinstance(again, keras.Sequential)
    assert [again.name, *(each.name for each in again.layers)] == [model.name, *(each.name for each in model.layers)]
    assert again.inputs[0]._keras_history.operation.name == "pixels"


def test_models_within_models_come_out_flat_and_layers_of_one_name_are_told_apart() -> None:
    import keras

    def inner(name: str) -> Any:
        return keras.Sequential([keras.Input((8,)), layer("Dense", 8, name="dense")], name=name)

    outer = [
        keras.Input((8,)),
        inner("one"),
        inner("two"),
        layer("Dense", 8, name="dense"),
        layer("Dense", 2, name="end"),
    ]
    model = keras.Sequential(outer)
    again, x = rebuilt(model, {}), inputs(model)
    assert [each.name for each in again.layers[1:]] == ["one_dense", "two_dense", "dense", "end"]
    np.testing.assert_array_equal(keras_files.outputs_of(again, x), keras_files.outputs_of(model, x))
    assert sizes(couple(again)) == {"one_dense": 8, "two_dense": 8, "dense": 8}


def test_a_model_can_be_made_for_one_size_alone() -> None:
    model, _ = followed((None, None, 2), layer("GlobalAveragePooling2D"))
    assert rebuilt(model, {}, (5, 6, 2)).inputs[0].shape == (None, 5, 6, 2)


def test_what_was_frozen_stays_frozen() -> None:
    model, _ = followed((4,), layer("ReLU"), first=layer("Dense", 8, trainable=False))
    assert len(rebuilt(model, {}).trainable_weights) == len(model.trainable_weights) == 2


def test_a_subclassed_model_is_refused() -> None:
    import keras

    class Mine(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="mine")
            self.dense = layer("Dense", 3)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    model = Mine()
    model(np.ones((1, 4), np.float32))
    with pytest.raises(tradeoff.Refused, match="mine is a subclassed model \\(Mine\\): its graph"):
        refuse_unreadable(model)


def test_a_functional_model_with_a_call_of_its_own_is_refused_too() -> None:
    import keras

    class Mine(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return super().call(x) * 2

    entry = keras.Input((4,))
    with pytest.raises(tradeoff.Refused, match="subclassed model"):
        refuse_unreadable(Mine(entry, layer("Dense", 3)(entry)))


def test_a_layer_that_cannot_be_made_again_is_named() -> None:
    import keras

    class Needy(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, must: int, **options: Any) -> None:
            super().__init__(**options)

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name}

        def call(self, x: Any) -> Any:
            return x

    entry = keras.Input((4,))
    with pytest.raises(tradeoff.Refused, match="layer needy \\(Needy\\) cannot be made again"):
        rebuilt(keras.Model(entry, Needy(1, name="needy")(entry)), {})
