"""Bits for each layer from what fewer cost on validation, and what backends make of them."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressing import job
from hypothesis import given, settings
from hypothesis import strategies as st
from trained import NOISE, conversion, data, loading, task, trained_file

import tradeoff
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.backends.litert.graph import read_graph
from tradeoff.backends.onnx.backend import OnnxRuntimeBackend
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.models import dense, ds_cnn
from tradeoff.plugins.sensitive.choice import Prices, choose
from tradeoff.plugins.sensitive.measure import places, rounded
from tradeoff.plugins.sensitive.technique import sensitive, tradeoff_techniques
from tradeoff.quality import judge
from tradeoff.training import set_seed, train

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
TECHNIQUES = {technique.name: technique for technique in tradeoff_techniques()}


def chosen(model: Any, text: str = "sensitive") -> tradeoff.Rewritten:
    (step,) = parse_chain(text, TECHNIQUES).steps
    return sensitive(job(model, dict(step.values), "sensitive"))


def fresh() -> Any:
    return keras_files.load_model(trained_file())


# --- the choice -------------------------------------------------------------------------------------


def prices(rises: list[tuple[float, float]], sizes: list[int]) -> Prices:
    return Prices(
        [{32: 4 * size, 8: size, 4: size // 2} for size in sizes], [{8: eight, 4: four} for eight, four in rises]
    )


def test_the_layer_that_suffers_least_for_its_bytes_goes_first() -> None:
    found = choose(prices([(0.0, 1.0), (0.0, 0.1)], [1000, 1000]))
    assert [choice.bits for choice in found] == [(32, 32), (8, 32), (8, 8), (8, 4), (4, 4)]


def test_a_loss_that_falls_by_chance_is_worth_nothing() -> None:
    found = choose(prices([(-0.3, 0.2), (0.0, 0.1)], [1000, 1000]))
    assert found[-2].bits == (8, 4)


RISES = st.lists(st.tuples(st.floats(-0.1, 1), st.floats(-0.1, 3)), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(RISES, st.data())
def test_no_other_choice_is_both_smaller_and_better_by_the_prices(
    rises: list[tuple[float, float]], more: st.DataObject
) -> None:
    sizes = more.draw(st.lists(st.integers(10, 1000), min_size=len(rises), max_size=len(rises)))
    priced = prices(rises, sizes)

    def told(bits: tuple[int, ...]) -> tuple[int, float]:
        taken = sum(each[width] for each, width in zip(priced.bytes, bits, strict=True))
        return taken, sum(priced.rise(layer, width) for layer, width in enumerate(bits))

    found = [told(choice.bits) for choice in choose(priced)]
    assert [taken for taken, _ in found] == sorted((taken for taken, _ in found), reverse=True)
    assert found[-1][0] == sum(size // 2 for size in sizes)
    for bits in product((32, 8, 4), repeat=len(sizes)):
        taken, loss = told(bits)
        assert not any(taken < size and loss < worse - 1e-9 for size, worse in found)


# --- the measurement --------------------------------------------------------------------------------


def test_rounding_keeps_the_largest_of_each_channel_and_errs_by_half_a_step() -> None:
    numbers = np.random.default_rng(0).normal(size=(3, 3, 8, 5)).astype(np.float32)
    made = rounded(numbers, 4, (-1,))
    steps = np.abs(numbers).max(axis=(0, 1, 2)) / 7
    assert np.abs(made - numbers).max(axis=(0, 1, 2)) == pytest.approx(steps / 2, rel=0.2)
    assert all(len(np.unique(made[..., channel])) <= 15 for channel in range(5))
    assert rounded(numbers, 32, (-1,)) is numbers


def test_all_layers_that_both_backends_know_have_a_place() -> None:
    found, left_out = places(fresh())
    assert [place.name for place in found] == [
        *("conv2d", "depthwise_conv2d", "conv2d_1", "depthwise_conv2d_1", "conv2d_2", "dense")
    ]
    assert left_out == {}
    assert found[-1].bytes(32) == 4 * 1280
    assert found[-1].bytes(4) == 640 + 40


def test_no_runtime_has_depthwise_kernels_in_4_bits_so_they_are_not_offered() -> None:
    found = {place.name: place for place in places(fresh())[0]}
    assert found["depthwise_conv2d"].widths == (32, 8)
    assert [found["depthwise_conv2d"].nearest(width) for width in (32, 8, 4)] == [32, 8, 8]
    assert set(chosen(fresh()).facts["sensitivity"]["depthwise_conv2d_1"]) == {"8"}


def test_the_choice_fits_the_size_lies_below_the_line_and_the_model_is_left_as_it_was() -> None:
    model = fresh()
    before = keras_files.content(model)
    made = chosen(model)
    facts = json.loads(json.dumps(made.facts))
    assert keras_files.content(made.model) == before
    assert facts["chosen"]["bytes"] <= 0.19 * facts["uniform"]["32"]["bytes"]
    assert set(facts["bits"].values()) <= {4, 8, 32}
    assert facts["below_the_line"]
    assert set(facts["sensitivity"]["conv2d"]) == {"8", "4"}
    assert made.bits == facts["bits"]


def test_a_drop_that_is_allowed_is_kept_in_all_layers_together() -> None:
    facts = chosen(fresh(), "sensitive:drop=0.02").facts
    assert facts["uniform"]["32"]["accuracy"] - facts["chosen"]["accuracy"] <= 0.02
    assert facts["chosen"]["bytes"] < facts["uniform"]["8"]["bytes"]


def test_a_size_that_no_bits_reach_says_which_one_they_do() -> None:
    with pytest.raises(tradeoff.BadInput, match=r"sensitive: size=0.13 asks for .* ask for 0\.1\d+ or more"):
        chosen(fresh(), "sensitive:0.13")


def test_it_implies_the_precision_that_realises_it() -> None:
    chain = parse_chain("sensitive", TECHNIQUES)
    assert chain.spelling == "sensitive"
    assert chain.precision_name == "layerwise"


# --- what backends make of them ---------------------------------------------------------------------

BITS = {"conv2d": 32, "depthwise_conv2d": 8, "conv2d_1": 8, "depthwise_conv2d_1": 32, "conv2d_2": 4, "dense": 4}


def converted(backend: tradeoff.Backend, folder: Path, bits: dict[str, int] | None = None) -> Path:
    return backend.convert(replace(conversion(folder, "layerwise"), bits=bits))


def agreement(backend: tradeoff.Backend, artifact: Path) -> float:
    x = data().test.x[:64]
    expected = keras_files.outputs_of(fresh(), x).argmax(axis=1)
    return float(np.mean(backend.load(loading(artifact)).bind(x)().argmax(axis=1) == expected))


def test_litert_stores_each_layer_in_its_bits_and_runs_it(tmp_path: Path) -> None:
    backend = LiteRTBackend()
    artifact = converted(backend, tmp_path, BITS)
    graph = read_graph(artifact.read_bytes())
    kinds = [weights.type for _, weights in graph.weighted()]
    assert kinds == ["FLOAT32", "INT8", "INT8", "FLOAT32", "INT4", "INT4"]
    assert agreement(backend, artifact) > 0.9


def test_litert_gives_what_it_has_no_4_bits_for_the_8_that_it_has(tmp_path: Path) -> None:
    artifact = converted(LiteRTBackend(), tmp_path, dict.fromkeys(BITS, 4))
    kinds = [weights.type for _, weights in read_graph(artifact.read_bytes()).weighted()]
    assert kinds == ["INT4", "INT8", "INT4", "INT8", "INT4", "INT4"]


def test_onnxruntime_leaves_floats_where_32_bits_were_chosen_and_makes_the_rest_8(tmp_path: Path) -> None:
    import onnx

    backend = OnnxRuntimeBackend()
    artifact = converted(backend, tmp_path, BITS)
    kernels = {
        constant.data_type
        for constant in onnx.load(artifact).graph.initializer
        if len(constant.dims) >= 2 and constant.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8)
    }
    assert kernels == {onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8}
    floats = [
        tuple(constant.dims)
        for constant in onnx.load(artifact).graph.initializer
        if len(constant.dims) == 4 and constant.data_type == onnx.TensorProto.FLOAT
    ]
    assert sorted(floats) == [(32, 1, 3, 3), (64, 1, 3, 3)]
    assert agreement(backend, artifact) > 0.9


@pytest.mark.parametrize("backend", [LiteRTBackend(), OnnxRuntimeBackend()], ids=lambda backend: backend.name)
def test_without_bits_there_is_nothing_to_realise(backend: tradeoff.Backend, tmp_path: Path) -> None:
    with pytest.raises(tradeoff.Refused, match=r"layerwise realises bits .* write sensitive"):
        converted(backend, tmp_path)


@pytest.mark.deep
@pytest.mark.parametrize("module", [dense, ds_cnn], ids=["dense", "ds_cnn"])
def test_in_litert_the_choice_lies_below_the_line_from_int8_to_int4(module: Any, tmp_path: Path) -> None:
    """In the plane of the file's size and the loss on validation."""
    set_seed(0)
    model = module.build()
    train(model, module.RECIPE, data().train, data().validation, task(), 0, lambda *_: None)
    path = tmp_path / "model.keras"
    keras_files.save_model(model, path)
    bits = dict(chosen(model).bits)
    found = {}
    for name, widths in (("8", dict.fromkeys(bits, 8)), ("4", dict.fromkeys(bits, 4)), ("chosen", bits)):
        (tmp_path / name).mkdir()
        artifact = LiteRTBackend().convert(replace(conversion(tmp_path / name, "layerwise", path), bits=widths))
        outputs = LiteRTBackend().load(loading(artifact)).bind(data().validation.x)()
        found[name] = artifact.stat().st_size, judge(outputs, data().validation.y, task())["loss"]
    (large, low), (small, high), (size, loss) = found["8"], found["4"], found["chosen"]
    print(f"{module.__name__}: bytes and loss on validation {found}; {bits}")
    assert small <= size < large
    assert loss < high + (size - small) / (large - small) * (low - high), found
