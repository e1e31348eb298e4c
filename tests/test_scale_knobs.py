"""Width, depth and resolution of graphs of every kind: what is built, and what is refused with the layer's name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trained import NOISE, data

import tradeoff
from tradeoff.accounting import account
from tradeoff.models import cnn, dense, ds_cnn
from tradeoff.plugins.scale.cost import COSTS, cost, counted
from tradeoff.plugins.scale.knobs import Knobs, scaled

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BUILT_IN = {"cnn": cnn.build, "dense": dense.build, "ds_cnn": ds_cnn.build}


def functional(*steps: Any, shape: tuple[int, ...] = (8, 8, 1)) -> Any:
    """A functional model: each step takes the tensor before and gives the next."""
    import keras

    tensor = taken = keras.Input(shape)
    for step in steps:
        tensor = step(tensor)
    return keras.Model(taken, tensor, name="own")


def residual(*, excited: bool = False) -> Any:
    """A stem, three residual blocks of one shape, one of them with squeeze and excitation, and a head."""
    from keras import layers as kl

    def block(number: int) -> Callable[[Any], Any]:
        def apply(x: Any) -> Any:
            made = kl.BatchNormalization()(kl.Conv2D(32, 3, padding="same", name=f"c{number}")(x))
            if excited and number == 1:
                scale = kl.Reshape((1, 1, 32), name="squeezed")(kl.GlobalAveragePooling2D()(made))
                made = kl.Multiply()([made, kl.Conv2D(32, 1, activation="sigmoid")(scale)])
            return kl.ReLU()(kl.Add(name=f"add{number}")([x, made]))

        return apply

    stem = kl.Conv2D(32, 3, padding="same", name="stem")
    return functional(stem, block(0), block(1), block(2), kl.GlobalAveragePooling2D(), kl.Dense(10, "softmax"))


def answers(model: Any) -> Any:
    return np.asarray(model(data().test.x[:4]))


def sizes(model: Any) -> dict[str, int]:
    found = {}
    for layer in model.layers:
        config = layer.get_config()
        if "filters" in config or "units" in config:
            found[layer.name] = int(config.get("filters", config.get("units")))
    return found


@settings(max_examples=12, deadline=None)
@given(name=st.sampled_from(sorted(BUILT_IN)), width=st.floats(0.1, 2.0).filter(lambda share: abs(share - 1) > 0.1))
def test_every_built_in_model_has_any_width_in_multiples_of_eight(name: str, width: float) -> None:
    model = BUILT_IN[name]()
    made = scaled(model, Knobs(width=width))
    before, after = sizes(model), sizes(made)
    *inner, last = before
    assert after[last] == before[last] == 10
    for layer in inner:
        assert after[layer] % 8 == 0
        assert abs(after[layer] - max(8, before[layer] * width)) <= 4
    assert (account(made).parameters < account(model).parameters) is (width < 1)
    assert answers(made).shape == (4, 10)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize(
    ("share", "layer"),
    [(0.5, "AveragePooling2D"), (0.75, "Resizing"), (2.0, "UpSampling2D")],
)
def test_resolution_puts_a_layer_in_front_and_leaves_the_input_as_it_is(name: str, share: float, layer: str) -> None:
    model = BUILT_IN[name]()
    made = scaled(model, Knobs(resolution=share))
    assert made.inputs[0].shape == model.inputs[0].shape
    assert type(made.layers[1]).__name__ == layer
    assert made.layers[1].output.shape[1:3] == (max(1, round(8 * share)),) * 2
    assert answers(made).shape == (4, 10)


def test_depth_takes_out_blocks_of_equal_shape_and_the_last_of_them_first() -> None:
    made = scaled(residual(), Knobs(depth=0.5))
    assert [name for name in sizes(made) if name.startswith("c")] == ["c0"]
    assert [name for name in sizes(scaled(residual(), Knobs(depth=0.7))) if name.startswith("c")] == ["c0", "c1"]
    none = scaled(residual(), Knobs(depth=0.0))
    assert next(iter(sizes(none))) == "stem"
    assert len(sizes(none)) == 2
    assert answers(none).shape == (4, 10)


def test_what_is_left_has_the_shapes_that_it_had() -> None:
    model, made = residual(), scaled(residual(), Knobs(depth=0.5))
    kept = {layer.name: layer for layer in made.layers}
    for layer in model.layers:
        if layer.name in kept:
            assert layer.output.shape == kept[layer.name].output.shape


def test_a_depthwise_convolution_goes_with_the_one_that_mixes_its_channels() -> None:
    from keras import layers as kl

    steps: list[Any] = [kl.Conv2D(32, 3, padding="same")]
    for number in range(2):
        steps += [
            kl.DepthwiseConv2D(3, padding="same", name=f"spatial{number}"),
            kl.Conv2D(32, 1, name=f"mixing{number}"),
        ]
    made = scaled(functional(*steps, kl.Flatten(), kl.Dense(10)), Knobs(depth=0.5))
    names = [layer.name for layer in made.layers]
    assert ("spatial0" in names, "mixing0" in names) == (True, True)
    assert ("spatial1" in names, "mixing1" in names) == (False, False)


@pytest.mark.parametrize("excited", [False, True])
def test_width_goes_through_residuals_and_through_squeeze_and_excitation(excited: bool) -> None:
    made = scaled(residual(excited=excited), Knobs(0.5, 0.7, 0.5))
    assert set(list(sizes(made).values())[:-1]) == {16}
    if excited:
        assert made.get_layer("squeezed").target_shape == (1, 1, 16)
    assert answers(made).shape == (4, 10)


def test_width_goes_through_concatenations_and_layers_that_are_called_twice() -> None:
    from keras import layers as kl

    shared = kl.Conv2D(32, 3, padding="same", name="shared")

    def branches(x: Any) -> Any:
        one, other = shared(x), kl.Conv2D(16, 1, name="other")(x)
        return kl.Concatenate()([one, other, shared(kl.ReLU()(x))])

    made = scaled(functional(kl.Conv2D(64, 1), branches, kl.Flatten(), kl.Dense(10)), Knobs(0.5))
    assert (sizes(made)["shared"], sizes(made)["other"]) == (16, 8)
    assert next(layer for layer in made.layers if type(layer).__name__ == "Concatenate").output.shape[-1] == 40
    assert answers(made).shape == (4, 10)


def test_what_makes_the_outputs_keeps_its_size_wherever_it_stands() -> None:
    from keras import layers as kl

    def merged(x: Any) -> Any:
        return kl.Add()([kl.Dense(10, name="one")(x), kl.Dense(10, name="two")(x)])

    made = scaled(functional(kl.Flatten(), kl.Dense(64, name="in"), merged, kl.Softmax()), Knobs(0.5))
    assert sizes(made) == {"in": 32, "one": 10, "two": 10}


def test_statistics_of_the_data_are_carried_over_and_frozen_layers_learn_again() -> None:
    from keras import layers as kl

    adapted = kl.Normalization(axis=None)
    adapted.adapt(data().train.x)
    frozen = kl.Conv2D(16, 3, name="frozen", trainable=False)
    model = functional(adapted, frozen, kl.Flatten(), kl.Dense(10))
    made = scaled(model, Knobs(0.5))
    np.testing.assert_allclose(made.layers[1](data().test.x[:2]), model.layers[1](data().test.x[:2]))
    assert made.get_layer("frozen").trainable_weights


def own_layer() -> Any:
    import keras

    class Own(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs

    return Own(name="mine")


def unreadable(kind: str) -> Any:
    import keras
    from keras import layers as kl

    head = (kl.GlobalAveragePooling2D(), kl.Dense(10))
    if kind == "shortcut":
        return functional(lambda x: kl.Add(name="joined")([x, kl.Conv2D(1, 1)(kl.Conv2D(8, 1)(x))]), *head)
    if kind == "input":
        return functional(lambda x: kl.Add(name="joined")([kl.Conv2D(64, 1)(x), kl.Concatenate()([x] * 64)]), *head)
    if kind == "reshape":
        return functional(kl.Conv2D(16, 1), kl.Reshape((64, 16, 1), name="turned"), kl.Flatten(), kl.Dense(10))
    layers = {
        "custom": own_layer,
        "attention": lambda: kl.Lambda(lambda x: x, name="code"),
        "groups": lambda: kl.Conv2D(64, 1, groups=4, name="grouped"),
        "nested": lambda: keras.Sequential([keras.Input((8, 8, 64)), kl.Conv2D(64, 1)], name="inside"),
    }
    return functional(kl.Conv2D(64, 1), layers[kind](), *head)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("custom", r"layer mine \(Own\) has a class of its own"),
        ("attention", r"layer code \(Lambda\) is not analysed"),
        ("groups", r"layer grouped \(Conv2D\) has 4 groups"),
        ("nested", "layer inside is a model inside own"),
        ("input", "layer joined takes tensors of equal channels.*32 and 64"),
        ("reshape", r"layer turned \(Reshape\) makes \(64, 16, 1\)"),
    ],
)
def test_what_cannot_be_analysed_is_refused_with_the_layers_name(kind: str, told: str) -> None:
    with pytest.raises(tradeoff.Refused, match=told):
        scaled(unreadable(kind), Knobs(0.5))


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        (Knobs(depth=0.5), "ds_cnn has no block that takes and gives the same shape"),
        (Knobs(resolution=0.97), "leaves the 8 x 8 pixels of ds_cnn as they are"),
        (Knobs(width=0.99), "width=0.99 leaves every layer of ds_cnn as it is"),
    ],
)
def test_a_knob_that_finds_no_hold_is_refused(knobs: Knobs, told: str) -> None:
    with pytest.raises(tradeoff.Refused, match=told):
        scaled(ds_cnn.build(), knobs)


def test_a_resolution_too_small_for_the_layers_is_refused_with_the_first_that_cannot() -> None:
    from keras import layers as kl

    model = functional(kl.Conv2D(8, 3, name="first"), kl.Conv2D(8, 3, name="second"), kl.Flatten(), kl.Dense(10))
    with pytest.raises(tradeoff.Refused, match=r"layer second \(Conv2D\) cannot be built again with other sizes: Comp"):
        scaled(model, Knobs(resolution=0.5))


def test_resolution_is_for_pictures() -> None:
    from keras import layers as kl

    with pytest.raises(tradeoff.Refused, match=r"own takes \(64,\)"):
        scaled(functional(kl.Dense(32), kl.Dense(10), shape=(64,)), Knobs(resolution=0.5))


def test_costs_are_counted_from_the_graph() -> None:
    model = dense.build()
    found = counted(model)
    assert found.macs == 64 * 300 + 300 * 100 + 100 * 10
    assert found.weights == model.count_params()
    # What flattening, and the three layers give; the first hidden layer and its input, or the second, is largest.
    assert (found.results, found.live) == (64 + 300 + 100 + 10, 400)
    assert cost(model, "latency") == found.macs
    assert cost(model, "memory") == 4 * (found.weights + 400)
    assert cost(model, "energy") == found.macs + 5 * (found.weights + 2 * found.results)
    assert set(COSTS) == {"latency", "memory", "energy"}


def test_halving_the_width_of_convolutions_takes_about_a_quarter_of_the_arithmetic() -> None:
    model = cnn.build()
    ratio = counted(scaled(model, Knobs(0.5))).macs / counted(model).macs
    assert math.isclose(ratio, 0.25, abs_tol=0.01)
