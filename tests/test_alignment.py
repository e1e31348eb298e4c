"""Which tensor is which layer: by name, value, size and order, also where a conversion went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.formats.keras_layers import LayerOutput
from tradeoff.parity.alignment import align, cosine
from tradeoff.parity.layers import compare_layers, read_outputs, write_outputs

Array = np.ndarray[Any, Any]


def values(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def layer(name: str, found: Array, before: str = "") -> LayerOutput:
    return LayerOutput(name, "Dense", found, before=before)


def matched(layers: list[LayerOutput], tensors: Mapping[str, Array]) -> dict[str, str]:
    names = list(tensors)
    found = zip(layers, align(layers, tensors), strict=True)
    return {one.label: names[match[0]] for one, match in found if match is not None}


A, B, C = (values(4, 8, seed=seed) for seed in range(3))


def test_equal_values_belong_together_whatever_their_names() -> None:
    layers = [layer("a", A), layer("b", B), layer("c", C)]
    assert matched(layers, {"x": A, "y": B * 1.01, "z": C}) == {"a": "x", "b": "y", "c": "z"}


def test_a_layer_that_was_fused_has_no_tensor() -> None:
    layers = [layer("conv", A), layer("norm", A * 0.7 + 0.3 * B), layer("relu", np.maximum(A, 0))]
    assert matched(layers, {"conv/Relu;norm/add": np.maximum(A, 0)}) == {"relu": "conv/Relu;norm/add"}


def test_names_stand_where_values_went_wrong() -> None:
    layers = [layer("a", A), layer("b", B), layer("c", C)]
    wrong = {"net_1/a_1/MatMul": A, "net_1/b_2/MatMul": values(4, 8, seed=9), "net_1/c_1/MatMul": values(4, 8, seed=8)}
    assert list(matched(layers, wrong)) == ["a", "b", "c"]
    rows = compare_layers(layers, wrong)
    assert [row.layer for row in rows if row.beyond(20)] == ["b", "c"]


def test_without_names_what_is_left_at_the_end_belongs_together_by_its_size() -> None:
    layers = [layer("a", A), layer("b", B), layer("out", values(4, 3))]
    tensors = {"1": A, "2": values(4, 8, seed=9), "3": values(4, 3, seed=9) + 3 * np.abs(values(4, 3))}
    rows = compare_layers(layers, tensors)
    first = next(row for row in rows if row.beyond(20))
    assert first.layer in ("b", "out")


def test_an_operator_of_the_runtimes_own_is_no_layer_where_a_later_one_is_right() -> None:
    layers = [layer("a", A), layer("fused", B), layer("c", C)]
    assert matched(layers, {"1": A, "own": values(4, 8, seed=9), "3": C}) == {"a": "1", "c": "3"}


def test_numbers_in_names_are_the_converters_own_and_order_tells_which_is_which() -> None:
    layers = [layer("norm", A), layer("norm_1", B), layer("norm_2", C)]
    wrong = {"norm_1:0": A, "norm_2:0": values(4, 8, seed=9), "norm_3:0": values(4, 8, seed=8)}
    assert matched(layers, wrong) == {"norm": "norm_1:0", "norm_1": "norm_2:0", "norm_2": "norm_3:0"}


def test_what_a_runtime_has_twice_is_not_taken_for_another_layer() -> None:
    layers = [layer("a", A, before="relu"), layer("a", np.maximum(A, 0))]
    assert matched(layers, {"a/Relu": np.maximum(A, 0), "a/Relu again": np.maximum(A, 0)}).keys() == {"a"}


def test_a_sum_before_its_scale_is_no_layer_whatever_its_name() -> None:
    layers = [LayerOutput("conv", "Conv2D", A), LayerOutput("norm", "BatchNormalization", B)]
    assert matched(layers, {"conv/integers": A * 1e4, "norm": B}) == {"norm": "norm"}
    # Behind a softmax it may look right again.
    layers = [layer("dense", A, before="softmax"), layer("dense", B)]
    assert len(matched(layers, {"dense/MatMul": A * 1e4, "dense/Softmax": B})) == 2


def test_branches_may_run_in_another_order() -> None:
    layers = [layer("left", A), layer("right", B), layer("sum", A + B)]
    assert matched(layers, {"r": B, "l": A, "s": A + B}) == {"left": "l", "right": "r", "sum": "s"}


@pytest.mark.parametrize("shape", [(4, 5, 6, 3), (4, 3, 3, 3)])
def test_channels_may_stand_first(shape: tuple[int, ...]) -> None:
    like = values(*shape)
    layers = [layer("conv", like)]
    ((_, found),) = [match for match in align(layers, {"Conv": np.moveaxis(like, -1, 1)}) if match]
    np.testing.assert_array_equal(found, like)


def test_flattened_values_have_the_shape_of_the_layer_they_stand_for() -> None:
    like = values(4, 2, 3)
    ((_, found),) = [match for match in align([layer("a", like)], {"flat": like.reshape(4, 6)}) if match]
    np.testing.assert_array_equal(found, like)


def test_tensors_of_another_size_stand_for_nothing() -> None:
    assert matched([layer("a", A)], {"a": values(4, 9), "scalar": np.float32(1.0).reshape(())}) == {}


def test_one_tensor_stands_for_one_layer() -> None:
    assert len(matched([layer("a", A), layer("dropout", A)], {"x": A})) == 1


def test_what_a_layer_has_before_its_activation_has_a_row_only_where_the_artifact_has_it() -> None:
    layers = [layer("dense", A, before="softmax"), layer("dense", np.exp(A))]
    assert [row.layer for row in compare_layers(layers, {"x": np.exp(A)})] == ["dense"]
    both = compare_layers(layers, {"dense/MatMul": A, "y": np.exp(A)})
    assert [(row.layer, row.tensor) for row in both] == [("dense before softmax", "dense/MatMul"), ("dense", "y")]


def test_what_is_no_number_is_beyond_every_threshold_and_what_is_equal_beyond_none() -> None:
    rows = compare_layers([layer("a", A), layer("b", B)], {"a": A, "b": B * np.nan})
    assert [(row.exact, row.snr, row.beyond(-1e9)) for row in rows] == [(True, None, False), (False, None, True)]


@given(st.permutations(range(5)), st.integers(0, 4))
def test_every_plain_tensor_is_found_in_any_order(order: list[int], missing: int) -> None:
    all_values = [values(2, 6, seed=seed) for seed in range(5)]
    layers = [layer(str(number), one) for number, one in enumerate(all_values)]
    tensors = {f"t{number}": all_values[number] for number in order if number != missing}
    assert matched(layers, tensors) == {str(number): f"t{number}" for number in range(5) if number != missing}


def test_likeness_of_zero_is_only_with_zero() -> None:
    nothing = np.zeros((2, 2))
    assert (cosine(nothing, nothing), cosine(nothing, nothing + 1)) == (1.0, 0.0)


def test_outputs_come_back_from_the_folder_as_they_went(tmp_path: Any) -> None:
    outputs = [layer("a/b", A), LayerOutput("c", "Dense", B, 2, "softmax")]
    found = read_outputs(write_outputs(outputs, tmp_path), tmp_path)
    assert [one.label for one in found] == ["a/b", "c #2 before softmax"]
    np.testing.assert_array_equal(found[1].values, B)
