"""Layers are counted from the model itself: kernels, zeros, values, rank, bytes and results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from trained import NOISE

from tradeoff.accounting import account
from tradeoff.inspecting import changes, inspect_layers, totals, verified
from tradeoff.models import cnn, dense, ds_cnn

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


def by_name(model: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in inspect_layers(model)}


@pytest.mark.parametrize("build", [cnn.build, dense.build, ds_cnn.build])
def test_the_layers_add_up_to_the_model(build: Any) -> None:
    model = build()
    rows, whole = inspect_layers(model), account(model)
    found = totals(rows)
    assert (found["parameters"], found["macs"]) == (whole.parameters, whole.macs)
    assert found["weights_bytes"] == 4 * whole.parameters
    assert found["sparsity"] == 0.0
    assert all(row["bits"] in (32, None) for row in rows)


def test_a_layer_is_told_as_it_is() -> None:
    import keras

    model = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.Conv2D(8, 3, name="conv"), keras.layers.ReLU()])
    kernel = np.round(np.random.default_rng(0).normal(size=(3, 3, 3, 8)), 1).astype(np.float32)
    kernel[..., 4:] = kernel[..., :4]
    kernel[0] = 0
    model.layers[0].kernel.assign(kernel)
    row = by_name(model)["conv"]
    assert row["shapes"] == {"kernel": [3, 3, 3, 8], "bias": [8]}
    assert (row["parameters"], row["bytes"], row["macs"]) == (224, 896, 16 * 27 * 8)
    assert (row["output"], row["output_bytes"]) == ([4, 4, 8], 4 * 128)
    assert row["sparsity"] == pytest.approx(np.mean(kernel == 0))
    assert row["unique"] == len(np.unique(kernel))
    assert row["rank"] == 4
    assert (row["dtype"], row["bits"], row["kind"]) == ("float32", 32, "Conv2D")


@pytest.mark.parametrize(("shape", "rank"), [((40, 30), 30), ((40, 30), 7), ((20, 64), 3)])
def test_the_rank_is_that_of_a_singular_value_decomposition(shape: tuple[int, int], rank: int) -> None:
    import keras

    generator = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((shape[0],)), keras.layers.Dense(shape[1], name="dense")])
    matrix = (generator.normal(size=(shape[0], rank)) @ generator.normal(size=(rank, shape[1]))).astype(np.float32)
    model.layers[0].kernel.assign(matrix)
    assert by_name(model)["dense"]["rank"] == np.linalg.matrix_rank(matrix) == rank


def test_nested_models_and_shared_layers_count_once_and_by_path() -> None:
    import keras

    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="d")], name="inner")
    taken = keras.Input((4,))
    model = keras.Model(taken, keras.layers.Add()([inner(inner(taken)), taken]))
    rows = by_name(model)
    assert rows["inner/d"]["macs"] == 2 * 16
    assert rows["inner/d"]["parameters"] == 20
    assert totals(list(rows.values()))["macs"] == account(model).macs


def test_what_no_rule_knows_has_no_macs() -> None:
    import keras

    model = keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(4, name="lstm"), keras.layers.Dense(2)])
    rows = by_name(model)
    assert rows["lstm"]["macs"] is None
    assert rows["lstm"]["parameters"] == 4 * 4 * (3 + 4 + 1)
    assert totals(list(rows.values()))["macs"] is None


def test_half_precision_has_half_the_bytes() -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, dtype="bfloat16", name="d")])
    assert (by_name(model)["d"]["bits"], by_name(model)["d"]["bytes"]) == (16, 40)


def test_a_change_names_what_became_different_and_nothing_else() -> None:
    model = dense.build()
    before = inspect_layers(model)
    kernel = model.layers[1].kernel
    kernel.assign(np.where(np.arange(64)[:, np.newaxis] < 32, 0, np.array(kernel)))
    found = changes(before, inspect_layers(model))
    (layer,) = found["layers"]
    assert set(layer) == {"name", "kind", "sparsity", "unique", "rank"}
    assert layer["sparsity"] == [0.0, 0.5]
    assert layer["rank"] == [64, 32]
    assert (found["added"], found["removed"], found["untold"]) == ([], [], 0)


def test_removed_channels_are_a_change_of_shape() -> None:
    import keras

    def net(width: int) -> Any:
        layers = [keras.layers.Dense(width, name="a"), keras.layers.Dense(3, name="b")]
        return keras.Sequential([keras.Input((5,)), *layers])

    told = changes(inspect_layers(net(8)), inspect_layers(net(4)))["layers"]
    assert told[0]["shapes"] == [{"kernel": [5, 8], "bias": [8]}, {"kernel": [5, 4], "bias": [4]}]
    assert told[0]["macs"] == [40, 20]
    assert told[1]["parameters"] == [27, 15]


def test_a_long_list_is_cut_and_the_rest_is_counted() -> None:
    row = {"parameters": 1, "bytes": 4, "macs": 0, "shapes": {}, "bits": 32, "sparsity": None, "unique": None}
    old = [{**row, "name": str(number), "kind": "Dense", "rank": 1} for number in range(100)]
    found = changes(old, [{**one, "rank": 2} for one in old])
    assert (len(found["layers"]), found["untold"]) == (64, 36)


def test_what_an_older_release_left_in_the_store_is_told_without_layers() -> None:
    found = verified("prune:0.5", {}, {"epochs": 3, "left_out": {"a": "tiny"}})
    assert found["left_out"] == {"a": "tiny"}
    assert "before" not in found
