"""``qat``: it rounds as int8 will, keeps what was done before, and what it learnt is in the artifact."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import litert_nets
import mcu_files
import numpy as np
import pytest
from compressing import applied, job, layers
from hypothesis import given, settings
from hypothesis import strategies as st
from litert_nets import BACKEND, folder, interpreter, loaded, ordered
from litert_nets import graph as litert_graph
from trained import NOISE, conversion, data, silent, task, trained_file

import tradeoff
from tradeoff import training
from tradeoff.backends.litert.ranges import same_work
from tradeoff.backends.onnx.backend import OnnxRuntimeBackend
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.models import dense
from tradeoff.plugins import cluster, precision
from tradeoff.plugins.prune import technique as prune
from tradeoff.plugins.qat import technique as qat
from tradeoff.plugins.qat.net import Rounding, rounding_net
from tradeoff.plugins.qat.places import find_places
from tradeoff.plugins.qat.rounding import classes, edges

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
TECHNIQUES = [
    *qat.tradeoff_techniques(),
    *prune.tradeoff_techniques(),
    *cluster.tradeoff_techniques(),
    *precision.tradeoff_techniques(),
]
KNOWN = {technique.name: technique for technique in TECHNIQUES}
ONNX = OnnxRuntimeBackend()
POOLED = "global_average_pooling2d"


def graph() -> Any:
    """A sum, a concatenation, a model inside, and scores that are not yet probabilities."""
    import keras
    from keras import layers as kl

    keras.utils.set_random_seed(0)
    taken = keras.Input((8, 8, 1))
    one = kl.Conv2D(16, 3, padding="same", use_bias=False, name="first")(taken)
    one = kl.ReLU(max_value=6.0, name="cut")(kl.BatchNormalization(name="norm")(one))
    two = kl.DepthwiseConv2D(3, padding="same", activation="relu", name="deep")(one)
    both = kl.Concatenate(name="both")([kl.Add(name="sum")([one, two]), one + two])
    inside = [kl.SeparableConv2D(16, 3, name="sep"), kl.BatchNormalization(name="norm2"), kl.ReLU(name="rect")]
    flat = kl.Flatten(name="flat")(keras.Sequential([keras.Input((8, 8, 32)), *inside], name="inner")(both))
    return keras.Model(taken, kl.Dense(10, name="scores")(kl.Dropout(0.5)(flat)))


@cache
def made(spelling: str) -> tuple[tradeoff.Rewritten, Path]:
    """What the chain makes of the trained net, and the same as a file."""
    one = applied(spelling, TECHNIQUES)[-1]
    path = folder() / "model.keras"
    keras_files.save_model(one.model, path)
    return one, path


def test_tflm_answers_as_the_reference_kernels_of_litert_do() -> None:
    pytest.importorskip("tflite_micro")
    one, path = made("qat:epochs=1")
    order = replace(ordered(folder(), "int8", path), ranges=one.ranges)
    x = data().test.x[:32]
    found = mcu_files.BACKEND.load(mcu_files.loading(mcu_files.BACKEND.convert(order))).bind(x)()
    np.testing.assert_allclose(found, loaded(litert("qat:epochs=1"), "reference").bind(x)(), atol=1e-6)


@cache
def litert(spelling: str) -> Path:
    one, path = made(spelling)
    return BACKEND.convert(replace(ordered(folder(), "int8", path), ranges=one.ranges))


def onnx(spelling: str, layout: str) -> Any:
    import onnx as package

    one, path = made(spelling)
    order = replace(conversion(folder(), "int8", path), ranges=one.ranges, parameters={"layout": layout})
    return package.load(ONNX.convert(order)).graph


def edges_in(path: Path) -> set[tuple[float, float]]:
    """What the results in a ``.tflite`` file can say at least and at most."""
    found = set()
    for told in interpreter(path).get_tensor_details():
        scales, points = (told["quantization_parameters"][name] for name in ("scales", "zero_points"))
        if told["dtype"] == np.int8 and len(scales) == 1:
            found.add(((-128 - int(points[0])) * float(scales[0]), (127 - int(points[0])) * float(scales[0])))
    return found


def has(edges: set[tuple[float, float]], wanted: tuple[float, float]) -> bool:
    step = (wanted[1] - wanted[0]) / 255
    return any(np.allclose(one, wanted, rtol=0.0, atol=0.01 * step) for one in edges)


def test_what_lies_between_joined_layers_is_not_rounded() -> None:
    places = find_places(graph())
    assert places.rounded == ("cut", "deep", "sum", "both", "rect", "scores")
    assert places.positive == {"cut", "deep", "rect"}
    assert places.behind == {"first": "norm", "sep": "norm2"}
    assert places.left_out == {}


def test_a_layer_that_is_not_rounded_and_two_of_one_name_are_left_out_with_the_reason() -> None:
    import keras
    from keras import layers as kl

    inside = keras.Sequential([keras.Input((8, 4)), kl.Dense(4, name="same")], name="inner")
    net = keras.Sequential([keras.Input((8, 4)), inside, kl.LSTM(4, name="memory"), kl.Dense(3, name="same")])
    assert find_places(net).left_out == {
        "same": "2 layers have this name, and ranges go by names",
        "memory": "LSTM: trained in floating point, rounded when it is converted",
    }
    with pytest.raises(tradeoff.Refused, match=r"has no weights to round: .*memory: LSTM"):
        rounding_net(net, Rounding(symmetric=False, per_tensor=False), np.zeros((2, 8, 4), np.float32))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=30),
    st.lists(st.floats(-80, 80, width=32), min_size=1, max_size=30),
    st.booleans(),
)
def test_results_are_rounded_as_whole_numbers_of_8_bits_are(
    seen: list[float], given: list[float], symmetric: bool
) -> None:
    rounder = classes().rounder(symmetric)
    rounder.gauging = True
    rounder(np.array([seen], np.float32))
    rounder.gauging = False
    low, high = edges(rounder)
    scale = (high - low) / 255
    point = round(-128 - low / scale)
    assert -128 <= point <= 127
    assert point == 0 or not symmetric
    assert low <= min(0.0, *seen) + 0.51 * scale
    assert high >= max(0.0, *seen) - 0.51 * scale
    whole = np.clip(np.rint(np.array(given, np.float64) / scale) + point, -128, 127)
    # In the middle between two steps either is right.
    np.testing.assert_allclose(
        np.array(rounder(np.array([given], np.float32)))[0], (whole - point) * scale, atol=1.01 * scale
    )
    again = np.array(rounder(rounder(np.array([given], np.float32))))
    np.testing.assert_allclose(again, np.array(rounder(np.array([given], np.float32))), atol=0.01 * scale)


@pytest.mark.parametrize("spelling", ["qat:epochs=1", "qat:epochs=1:activations=symmetric:weights=per_tensor"])
def test_the_ranges_in_a_tflite_file_are_those_that_were_learnt(spelling: str) -> None:
    one, _ = made(spelling)
    edges = edges_in(litert(spelling))
    results = {name: wanted for name, wanted in one.ranges.items() if "/" not in name}
    assert list(results) == [tradeoff.INPUT, *(f"re_lu{end}" for end in ("", "_1", "_2", "_3", "_4")), POOLED]
    for name, wanted in results.items():
        assert has(edges, wanted), f"{name} shall be {wanted}, there are {sorted(edges)}"


def test_files_are_the_same_work_where_only_names_differ() -> None:
    float32, others = litert_graph(litert_nets.artifact()), litert_graph(litert("qat:epochs=1"))
    assert same_work(float32, float32)
    assert not same_work(float32, others), "there are operators that quantize in one of them"


def test_it_is_as_large_as_a_calibrated_file() -> None:
    _, path = made("qat:epochs=1")
    calibrated = BACKEND.convert(ordered(folder(), "int8", path)).stat().st_size
    assert litert("qat:epochs=1").stat().st_size == pytest.approx(calibrated, rel=0.01)


def test_calibrated_ranges_are_others() -> None:
    one, path = made("qat:epochs=1")
    edges = edges_in(BACKEND.convert(ordered(folder(), "int8", path)))
    assert not all(has(edges, wanted) for wanted in one.ranges.values())


@pytest.mark.parametrize(
    ("spelling", "layout"),
    [
        ("qat:epochs=1", "qdq"),
        ("qat:epochs=1", "qoperator"),
        ("qat:epochs=1:activations=symmetric:weights=per_tensor", "qdq"),
    ],
)
def test_the_ranges_in_an_onnx_file_are_those_that_were_learnt(spelling: str, layout: str) -> None:
    from onnx import numpy_helper

    one, _ = made(spelling)
    found = onnx(spelling, layout)
    numbers = {constant.name: numpy_helper.to_array(constant) for constant in found.initializer}
    places = {"QuantizeLinear": 1, "QLinearConv": 6, "QLinearGlobalAveragePool": 3}
    pairs = [node.input[places[node.op_type] :][:2] for node in found.node if node.op_type in places]
    scales = [(float(numbers[scale]), int(numbers[point])) for scale, point in pairs]
    edges = {(-point * scale, (255 - point) * scale) for scale, point in scales}
    for name, wanted in one.ranges.items():
        assert "/" in name or has(edges, wanted), f"{name} shall be {wanted}, there are {sorted(edges)}"
    kernels = [array for array in numbers.values() if array.dtype == np.int8 and array.ndim > 1]
    assert len(kernels) == 6


def test_one_scale_for_a_kernel_where_that_was_asked_for() -> None:
    def scales(spelling: str) -> list[int]:
        told = interpreter(litert(spelling)).get_tensor_details()
        return [
            len(one["quantization_parameters"]["scales"])
            for one in told
            if one["dtype"] == np.int8 and one["shape"][0] > 1
        ]

    assert set(scales("qat:epochs=1:activations=symmetric:weights=per_tensor")) == {1}
    assert sorted(scales("qat:epochs=1")) == [10, 32, 64, 128]


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("per_tensor", [False, True])
def test_the_net_that_is_trained_answers_as_the_artifact_does(symmetric: bool, per_tensor: bool) -> None:
    """What it is told about its losses is true: both round the same numbers in the same places."""
    import keras

    net = keras_files.load_model(trained_file())
    # A softmax on top would be rounded more coarsely than all that is compared here.
    net.layers[-1].activation = keras.activations.linear
    path = folder() / "model.keras"
    keras_files.save_model(net, path)
    twin = rounding_net(net, Rounding(symmetric, per_tensor), data().calibration.x)
    x = data().test.x[:128]
    artifact = BACKEND.convert(replace(ordered(folder(), "int8", path), ranges=twin.ranges()))
    shipped, floats = np.array(loaded(artifact, "reference").bind(x)()), keras_files.outputs_of(net, x)
    simulated = np.array(twin.net(x, training=False))
    assert np.abs(simulated - shipped).mean() < 0.5 * np.abs(floats - shipped).mean()


def test_zeros_and_clusters_are_kept_in_floats_and_in_the_artifact() -> None:
    spelling = "prune:0.5:epochs=1+cluster:16:epochs=1+qat:epochs=2"
    one, path = made(spelling)
    pruned = layers(made("prune:0.5:epochs=1+cluster:16:epochs=1")[0].model)
    for name, row in layers(one.model).items():
        assert (row["sparsity"], row["unique"]) == (pruned[name]["sparsity"], pruned[name]["unique"]), name
    kernel = np.array(keras_files.load_model(path).get_layer("conv2d_2").kernel)[0, 0].T
    assert np.mean(kernel == 0) == pytest.approx(0.5, abs=0.01)
    ready = interpreter(litert(spelling))
    (stored,) = [
        ready.get_tensor(told["index"]).reshape(kernel.shape)
        for told in ready.get_tensor_details()
        if told["shape"].tolist() == [128, 1, 1, 64] and told["dtype"] == np.int8
    ]
    assert not stored[kernel == 0].any()
    for channel, floats in zip(stored, kernel, strict=True):
        pairs = set(zip(floats.tolist(), channel.tolist(), strict=True))
        assert len(pairs) == len(np.unique(floats)) <= 17


@pytest.mark.parametrize("build", [graph, lambda: keras_files.load_model(trained_sequential())])
def test_it_works_on_a_file_of_ones_own(build: Any, tmp_path: Path) -> None:
    (one,) = applied("qat:epochs=1", TECHNIQUES, build())
    assert one.left_out == {}
    keras_files.save_model(one.model, tmp_path / "model.keras")
    order = replace(ordered(tmp_path, "int8", tmp_path / "model.keras"), ranges=one.ranges)
    answers = np.array(loaded(BACKEND.convert(order)).bind(data().test.x[:64])())
    floats = keras_files.outputs_of(one.model, data().test.x[:64])
    assert np.corrcoef(answers.ravel(), floats.ravel())[0, 1] > 0.98
    last = one.model.outputs[0]._keras_history.operation.name
    assert has(edges_in(tmp_path / "model.tflite"), one.ranges[last])


def trained_sequential() -> Path:
    import keras
    from keras import layers as kl

    keras.utils.set_random_seed(0)
    path = folder() / "own.keras"
    net = [keras.Input((8, 8, 1)), kl.Conv2D(8, 3, activation="gelu"), kl.MaxPooling2D(), kl.Flatten(), kl.Dense(10)]
    keras_files.save_model(keras.Sequential(net), path)
    return path


def test_what_cannot_be_looked_into_is_refused_before_anything_is_trained() -> None:
    import keras

    class Mine(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            raise AssertionError("it was called")

    with pytest.raises(tradeoff.Refused, match=r"is a subclassed model \(Mine\)"):
        qat.qat(job(Mine(name="mine"), {}, "qat"))
    one, two = keras.Input((3,)), keras.Input((3,))
    both = keras.Model([one, two], keras.layers.Dense(2)(keras.layers.Add()([one, two])))
    with pytest.raises(tradeoff.Refused, match="one input and one output, not 2 and 1"):
        qat.qat(job(both, {}, "qat"))


def test_nan_stops_it_with_technique_epoch_and_rate() -> None:
    values = dict(parse_chain("qat:epochs=2:rate=10", KNOWN).model_steps[0].values)
    order = job(keras_files.load_model(made("qat:epochs=1")[1]), values, "qat")
    broken = replace(order, train=tradeoff.Split(np.full_like(order.train.x, np.nan), order.train.y))
    with pytest.raises(tradeoff.BadInput, match=r"technique qat: .* came to NaN .* in epoch 1 of 2 at learning rate"):
        qat.qat(broken)


def test_a_chain_with_qat_implies_int8() -> None:
    chain = parse_chain("prune+qat", KNOWN)
    assert chain.spelling == "prune+qat"
    assert chain.precision_name == "int8"
    assert parse_chain("qat+dynamic", KNOWN).precision_name == "dynamic"


def test_a_dense_net_loses_at_most_a_point() -> None:
    training.set_seed(0)
    net, recipe, splits = dense.build(), replace(dense.RECIPE, epochs=20), data()
    training.train(net, recipe, splits.train, splits.validation, task(), 0, silent)
    before = np.mean(keras_files.outputs_of(net, splits.test.x).argmax(-1) == splits.test.y)
    values = dict(parse_chain("qat", KNOWN).model_steps[0].values)
    order = replace(job(net, values, "qat"), train=splits.train, recipe=recipe)
    one = qat.qat(order)
    path = folder() / "model.keras"
    keras_files.save_model(one.model, path)
    artifact = BACKEND.convert(replace(ordered(folder(), "int8", path), ranges=one.ranges))
    after = np.mean(loaded(artifact).bind(splits.test.x)().argmax(-1) == splits.test.y)
    assert after >= before - 0.01
