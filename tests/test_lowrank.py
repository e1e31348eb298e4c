"""Techniques ``svd``, ``tucker`` and ``cp``: what they make of models, what they tell, and what they refuse."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressing import accuracy, applied, layers
from lowrank_jobs import TECHNIQUES, convolutional, factorised, fresh, lowly
from trained import NOISE, data, task

import tradeoff
from tradeoff.accounting import account
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.models import cnn, ds_cnn
from tradeoff.plugins.lowrank import technique as lowrank
from tradeoff.plugins.lowrank.factors import TENSORLY
from tradeoff.plugins.prune import technique as prune
from tradeoff.training import set_seed, train

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("svd:0.5", "svd"),
        ("tucker:macs=0.60", "tucker:macs=0.6"),
        ("cp:energy=0.95:taps=together", "cp:energy=0.95"),
        ("svd:rank=vbmf:epochs=10", "svd:rank=vbmf"),
    ],
)
def test_it_has_one_spelling_for_one_thing(text: str, spelling: str) -> None:
    assert parse_chain(text, TECHNIQUES).spelling == spelling


def test_importing_the_plugin_does_not_import_tensorly() -> None:
    assert lowrank.__name__ in sys.modules
    assert {name: t.requires for name, t in TECHNIQUES.items()} == {
        "svd": (),
        "tucker": (TENSORLY,),
        "cp": (TENSORLY,),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("svd:smallest=512", {"point": ["first", "last"]}),
        ("tucker", {"wide": ["first", "core", "last"], "steps": ["first", "core", "last"]}),
        ("cp", {"wide": ["first", "depthwise", "last"], "steps": ["first", "depthwise", "last"]}),
    ],
)
def test_layers_become_thin_ones_and_the_others_are_named(text: str, expected: dict[str, list[str]]) -> None:
    model = convolutional()
    made = factorised(model, f"{text}:epochs=0")
    assert {name: made.facts["layers"][name]["kernel"][-2:] for name in expected} == {
        name: list(model.get_layer(name).kernel.shape[-2:]) for name in expected
    }
    names = [layer.name for layer in made.model.layers]
    for name, parts in expected.items():
        there = [each.removeprefix(f"{name}_") for each in names if each.startswith(f"{name}_")]
        assert [part for part in there if part in ("first", "core", "depthwise", "last")] == there
        assert set(there) <= {*parts}
        assert name not in names
    assert set(made.left_out) | set(expected) == {"stem", "wide", "steps", "point", "last"}
    assert made.model.output_shape == model.output_shape


def test_it_tells_ranks_error_and_what_is_saved_as_plain_facts() -> None:
    made = factorised(convolutional(), "tucker:macs=0.6:epochs=0")
    facts = json.loads(json.dumps(made.facts))
    before, after = account(convolutional()), account(made.model)
    assert facts["rule"] == "macs=0.6"
    assert facts["macs"] == [before.macs, after.macs]
    assert facts["parameters"] == [before.parameters, after.parameters]
    assert after.macs is not None
    assert before.macs is not None
    assert 0.5 * before.macs < after.macs <= 0.6 * before.macs
    for told in facts["layers"].values():
        assert told["energy"] == pytest.approx(1 - told["error"] ** 2, abs=1e-5)
        assert 0 < told["macs"][1] < told["macs"][0]


@pytest.mark.parametrize("text", ["tucker:macs=0.7", "cp:macs=0.7", "cp:macs=0.7:taps=apart"])
def test_a_budget_of_macs_is_kept_and_what_was_foretold_is_what_comes(text: str) -> None:
    made = factorised(convolutional(), f"{text}:epochs=0")
    whole, left = made.facts["macs"]
    saved = sum(told["macs"][0] - told["macs"][1] for told in made.facts["layers"].values())
    assert left <= 0.7 * whole
    # Of two depthwise convolutions without padding the first is counted as if it gave every position it reads.
    assert left == whole - saved or (text.endswith("apart") and left < whole - saved)


def test_a_budget_of_size_counts_all_parameters() -> None:
    made = factorised(fresh(), "svd:size=0.7:smallest=1:epochs=0")
    whole, left = made.facts["parameters"]
    assert 0.65 * whole < left <= 0.7 * whole


def test_ranks_are_multiples_where_that_is_asked_for() -> None:
    made = factorised(convolutional(), "tucker:multiple=4:epochs=0")
    ranks = [rank for told in made.facts["layers"].values() for rank in told["ranks"]]
    assert all(rank % 4 == 0 for rank in ranks)


def test_bayes_finds_the_ranks_of_a_kernel_under_noise() -> None:
    model = fresh()
    kernel = model.get_layer("conv2d_2").get_weights()[0]
    model.get_layer("conv2d_2").set_weights([lowly(kernel.shape[2:], 5, 0.2)[None, None]])
    facts = factorised(model, "svd:rank=vbmf:epochs=0").facts
    assert facts["layers"]["conv2d_2"]["ranks"] == [5]


def test_fine_tuning_mends_what_the_cut_has_broken_and_never_looks_at_test() -> None:
    raw, tuned = (
        factorised(fresh(), f"svd:0.8:epochs={epochs}", recipe=replace(ds_cnn.RECIPE, batch_size=32))
        for epochs in (0, 4)
    )
    assert accuracy(tuned.model) > accuracy(raw.model) + 0.02
    assert tuned.epochs == 4
    assert {**tuned.facts, "chosen_epoch": 0} == {**raw.facts, "chosen_epoch": 0}


def test_the_model_given_is_left_alone_and_the_same_order_gives_the_same_model() -> None:
    model = fresh()
    before = keras_files.content(model)
    first, second = (factorised(model, "svd:epochs=1") for _ in range(2))
    assert keras_files.content(model) == before
    assert keras_files.content(first.model) == keras_files.content(second.model)


def test_what_comes_out_can_be_written_read_and_factorised_again(tmp_path: Path) -> None:
    made = factorised(convolutional(), "tucker:epochs=0").model
    keras_files.save_model(made, tmp_path / "small.keras")
    again = keras_files.load_model(tmp_path / "small.keras")
    x = data().validation.x[:16]
    assert np.array_equal(keras_files.outputs_of(again, x), keras_files.outputs_of(made, x))
    twice = factorised(again, "svd:0.2:smallest=100:epochs=0")
    assert any(name.endswith(("_first", "_last")) for name in twice.facts["layers"])


def test_a_layer_that_is_called_twice_is_factorised_once_and_counted_twice() -> None:
    import keras

    shared = keras.layers.Dense(40, name="shared")
    entry = keras.Input((8, 8, 1))
    x = keras.layers.Dense(40)(keras.layers.Flatten()(entry))
    x = keras.layers.Dense(10, activation="softmax", name="last")(shared(shared(x)))
    model = keras.Model(entry, x, name="twice")
    made = factorised(model, "svd:smallest=1600:epochs=0")
    told = made.facts["layers"]["shared"]
    assert told["macs"][0] == 2 * told["weights"][0] == 2 * 1600
    assert made.facts["macs"][1] == account(made.model).macs
    assert [layer.name for layer in made.model.layers if layer.name.startswith("shared")] == [
        "shared_first",
        "shared_last",
    ]


def test_models_within_models_come_out_flat_and_are_factorised() -> None:
    import keras

    block = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, name="inside")], name="block")
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), block, keras.layers.Dense(10, name="last")], name="outer"
    )
    made = factorised(model, "svd:epochs=0")
    assert list(made.facts["layers"]) == ["inside"]
    assert [each.name for each in made.model.layers if each.weights] == ["inside_first", "inside_last", "last"]


def test_a_name_that_is_taken_is_not_taken_twice() -> None:
    import keras

    layer = keras.layers
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layer.Flatten(), layer.Dense(64, name="a"), layer.Dense(10, name="a_first")]
    )
    made = factorised(model, "svd:epochs=0").model
    assert [each.name for each in made.layers if each.name.startswith("a")] == ["a_a_first", "a_last", "a_first"]


def test_what_was_frozen_stays_frozen() -> None:
    model = fresh()
    model.get_layer("conv2d_2").trainable = False
    made = factorised(model, "svd:epochs=0").model
    assert not made.get_layer("conv2d_2_first").trainable
    assert not made.get_layer("conv2d_2_last").trainable
    assert made.get_layer("conv2d_1_first").trainable


def test_a_model_for_any_size_is_counted_at_the_size_of_the_data() -> None:
    import keras

    each = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            each.Conv2D(32, 3),
            each.Conv2D(32, 3),
            each.GlobalMaxPooling2D(),
            each.Dense(10),
        ]
    )
    made = factorised(model, "tucker:macs=0.5:epochs=0")
    assert made.facts["macs"][0] == 36 * 9 * 32 + 16 * 9 * 32 * 32 + 320
    assert made.facts["macs"][1] <= made.facts["macs"][0] / 2
    assert made.model.inputs[0].shape == (None, None, None, 1)


# --- in a chain -------------------------------------------------------------------------------------


def test_zeros_of_a_stage_before_are_gone_and_the_record_says_so_and_pruning_afterwards_works(tmp_path: Path) -> None:
    both = (*TECHNIQUES.values(), *prune.tradeoff_techniques())
    pruned, factors, again = applied(
        "prune:0.8:epochs=0+svd:epochs=1+prune:0.5:epochs=1:smallest=200", both, folder=tmp_path
    )
    assert not pruned.notes
    (told,) = factors.notes
    assert told.startswith(
        "zeros and clusters that conv2d_1, conv2d_2 came with are gone: the factors of svd are dense"
    )
    rows = layers(again.model)
    assert rows["conv2d_2_first"]["sparsity"] == pytest.approx(0.5, abs=0.01)
    assert rows["conv2d_2_last"]["sparsity"] == pytest.approx(0.5, abs=0.01)


# --- what is refused --------------------------------------------------------------------------------

REASONS = {
    "groups": (lambda layers: layers.Conv2D(32, 3, groups=2), "tucker", "its convolution is in 2 groups"),
    "wrong technique": (lambda layers: layers.Conv2D(32, 3), "svd", "its kernel is 3x3: tucker and cp"),
    "no taps": (lambda layers: layers.Conv2D(32, 1), "tucker", "no kernel over positions: svd"),
    "depthwise": (lambda layers: layers.DepthwiseConv2D(3), "cp", "is a factor already"),
    "transposed": (lambda layers: layers.Conv2DTranspose(32, 3), "tucker", "Conv2DTranspose is neither"),
    "oblong steps": (lambda layers: layers.Conv2D(32, 3, strides=(1, 2)), "cp", "its steps are 1x2"),
    "steps apart": (lambda layers: layers.Conv2D(32, 3, strides=2), "cp:taps=apart", "its steps are 2x2, and"),
    "constraint": (lambda layers: layers.Conv2D(32, 3, kernel_constraint="max_norm"), "tucker", "has a constraint"),
    "tiny": (lambda layers: layers.Conv2D(2, 3), "tucker", "tiny: 288 weights, fewer than 2048"),
    "zero": (lambda layers: layers.Conv2D(32, 3, kernel_initializer="zeros"), "tucker", "all its weights are zero"),
}


@pytest.mark.parametrize("case", REASONS)
def test_a_layer_that_cannot_be_factorised_is_named_with_the_reason(case: str) -> None:
    import keras

    make, technique, told = REASONS[case]
    layer = make(keras.layers)
    layer.name = "odd"
    model = keras.Sequential([keras.Input((8, 8, 16)), layer], name="net")
    with pytest.raises(tradeoff.Refused, match=f"net has no layer to factorise. odd: .*{told}"):
        factorised(model, f"{technique}:epochs=0")


def test_a_layer_of_the_users_own_is_not_trusted() -> None:
    import keras

    @keras.saving.register_keras_serializable("lowrank")
    class Mine(keras.layers.Dense):  # type: ignore[misc]
        pass

    model = keras.Sequential([keras.Input((64,)), Mine(64, name="odd")], name="net")
    with pytest.raises(tradeoff.Refused, match=r"odd: a layer of a class of its own \(Mine\)"):
        factorised(model, "svd")


def test_an_energy_at_which_nothing_becomes_smaller_says_which_one_does() -> None:
    model = fresh()
    with pytest.raises(tradeoff.BadInput, match=r"with energy=0.9999 no layer of ds_cnn becomes smaller") as error:
        factorised(model, "svd:energy=0.9999")
    enough = str(error.value).partition("At energy=")[2].partition(" ")[0]
    assert factorised(model, f"svd:energy={enough}:epochs=0").facts["layers"]


def test_a_subclassed_model_is_refused() -> None:
    import keras

    class Mine(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="mine")
            self.dense = keras.layers.Dense(10)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    model = Mine()
    model(data().train.x[:1])
    with pytest.raises(tradeoff.Refused, match="mine is a subclassed model"):
        factorised(model, "svd")


# --- what it costs ----------------------------------------------------------------------------------


@pytest.mark.deep
@pytest.mark.parametrize("text", ["tucker:macs=0.6", "cp:macs=0.6"])
def test_two_fifths_of_the_macs_of_the_convolutional_net_cost_at_most_two_points(text: str) -> None:
    found = []
    for seed in range(3):
        set_seed(seed)
        model = cnn.build()
        train(model, cnn.RECIPE, data().train, data().validation, task(), seed, lambda *_: None)
        made = factorised(model, text, train=data().train, recipe=cnn.RECIPE, seed=seed)
        assert made.facts["macs"][1] <= 0.6 * made.facts["macs"][0]
        found.append(accuracy(model) - accuracy(made.model))
    assert np.mean(found) <= 0.02, found
