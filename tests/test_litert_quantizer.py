"""The precisions of ai-edge-quantizer: what is stored, what is computed in, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from litert_nets import BACKEND, KERNELS, PRECISIONS, accuracy, artifact, folder, graph, loaded, ordered, saved, weights
from trained import NOISE, data, silent, task

import tradeoff
from tradeoff import training
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
#: The trained net has a convolution, then twice a depthwise and a pointwise one, then a dense layer.
KINDS = ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "FULLY_CONNECTED"]


def results(path: Path) -> set[str]:
    """The types of what operators make, without what goes out."""
    found = graph(path)
    return {found.tensors[number].type for node in found.work for number in node.outputs} - {"FLOAT32"}


def floats(path: Path) -> list[int]:
    """Which of the layers with weights have them in float32."""
    return [place for place, (_, kind) in enumerate(weights(path)) if kind == "FLOAT32"]


def test_int16x8_computes_with_16_bits_on_weights_of_8() -> None:
    assert weights(artifact("int16x8")) == [(kind, "INT8") for kind in KINDS]
    assert results(artifact("int16x8")) == {"INT16"}


def test_int8w_unpacks_its_weights_and_computes_in_floats() -> None:
    assert weights(artifact("int8w")) == [(kind, "INT8") for kind in KINDS]
    assert results(artifact("int8w")) == set()


def test_int4_leaves_out_what_the_format_cannot_and_names_it() -> None:
    told = []
    order = replace(ordered(folder(), "int4"), progress=lambda text, done: told.append(text))
    found = weights(BACKEND.convert(order))
    assert [kind for kind, stored in found if stored == "INT4"] == [kind for kind in KINDS if "DEPTH" not in kind]
    assert [kind for kind, stored in found if stored == "FLOAT32"] == ["DEPTHWISE_CONV_2D"] * 2
    (left,) = [text for text in told if text.startswith("left in float32: ")]
    assert left.count("re_lu") == 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [0, 5]),
        ({"float": "first"}, [0]),
        ({"float": "last"}, [5]),
        ({"float": "last", "count": 2}, [4, 5]),
        ({"float": "ends", "count": 2}, [0, 1, 4, 5]),
        ({"float": "dense"}, [5]),
        ({"float": "conv"}, [0, 2, 4]),
        ({"float": "depthwise"}, [1, 3]),
        ({"float": "conv2d"}, [0]),
        ({"float": "conv2d_1"}, [2]),
        ({"float": "conv2d_2"}, [4]),
        ({"float": "depthwise_conv2d_1"}, [3]),
    ],
)
def test_mixed_leaves_the_chosen_layers_in_float(values: dict[str, Any], expected: list[int]) -> None:
    path = artifact("mixed", **values)
    assert floats(path) == expected
    assert {kind for _, kind in weights(path)} == {"FLOAT32", "INT8"}
    assert accuracy(path) >= accuracy(artifact()) - 0.02


def test_mixed_turns_nothing_around_at_the_ends() -> None:
    kinds = [node.kind for node in graph(artifact("mixed")).nodes]
    assert (kinds[0], kinds[-1]) == ("CONV_2D", "SOFTMAX")
    assert (kinds.count("QUANTIZE"), kinds.count("DEQUANTIZE")) == (1, 1)


def test_a_layer_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(tradeoff.Refused, match=r"float=conv3d is neither one of first, .*, conv2d, conv2d_1, .*dense"):
        BACKEND.convert(ordered(folder(), "mixed", float="conv3d"))


def test_a_kind_of_layer_that_is_not_there_is_refused(tmp_path: Path) -> None:
    import keras

    path = saved(tmp_path, keras.layers.Flatten(), keras.layers.Dense(8), keras.layers.Dense(4))
    with pytest.raises(tradeoff.Refused, match="float=conv: there is no such layer"):
        BACKEND.convert(ordered(tmp_path, "mixed", path, float="conv"))


@pytest.mark.parametrize("word", ["dense", "ends"])
def test_mixed_that_would_leave_nothing_to_int8_is_refused(tmp_path: Path, word: str) -> None:
    import keras

    path = saved(tmp_path, keras.layers.Flatten(), keras.layers.Dense(8), keras.layers.Dense(4))
    with pytest.raises(tradeoff.Refused, match="every layer would be float32"):
        BACKEND.convert(ordered(tmp_path, "mixed", path, float=word))


def test_dynamic_that_would_be_float32_is_refused_and_names_what_is_left_out(tmp_path: Path) -> None:
    import keras

    path = saved(tmp_path, keras.layers.Flatten(), keras.layers.Dense(4))
    with pytest.raises(tradeoff.Refused, match=r"nothing became dynamic.*FULLY_CONNECTED, 1024 bytes"):
        BACKEND.convert(ordered(tmp_path, "dynamic", path))
    assert weights(BACKEND.convert(ordered(tmp_path, "int4", path))) == [("FULLY_CONNECTED", "INT4")]


@pytest.mark.parametrize("precision", ["fp16", "dynamic", "int4", "int8w"])
def test_a_net_without_weights_cannot_have_smaller_ones(tmp_path: Path, precision: str) -> None:
    import keras

    path = saved(tmp_path, keras.layers.GlobalMaxPooling2D())
    with pytest.raises(tradeoff.Refused, match="not supported by format: "):
        BACKEND.convert(ordered(tmp_path, precision, path))


@pytest.mark.parametrize(("precision", "close"), [("int16x8", 0.02), ("int8", 0.1), ("mixed", 0.1)])
def test_ranges_hold_what_only_some_samples_reach(tmp_path: Path, precision: str, close: float) -> None:
    import keras

    layers = keras.layers
    net = (layers.Conv2D(5, 3, activation="relu"), layers.Flatten(), layers.Dense(7, "relu"), layers.Dense(3))
    path = saved(tmp_path, *net, shape=(9, 9, 3))
    samples = np.random.default_rng(0).normal(size=(64, 9, 9, 3)).astype(np.float32)
    made = BACKEND.convert(ordered(tmp_path, precision, path, samples))
    expected = keras_files.outputs_of(keras_files.load_model(path), samples)
    assert np.abs(loaded(made).bind(samples)() - expected).max() < close * np.abs(expected).max()


@pytest.mark.deep
@pytest.mark.parametrize("model", [cnn, dense], ids=["cnn", "dense"])
def test_every_precision_is_as_good_as_float32_on_all_kernels(tmp_path: Path, model: Any) -> None:
    training.set_seed(0)
    net = model.build()
    training.train(net, model.RECIPE, data().train, data().validation, task(), 0, silent)
    path = tmp_path / "model.keras"
    keras_files.save_model(net, path)
    made = {precision: BACKEND.convert(ordered(folder(), precision, path)) for precision in PRECISIONS}
    found = {(precision, kernels): accuracy(made[precision], kernels) for precision in made for kernels in KERNELS}
    floor = found["float32", "xnnpack"] - 0.02
    assert {cell: value for cell, value in found.items() if value < floor} == {}
