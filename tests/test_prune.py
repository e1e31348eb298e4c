"""Pruning: the sparsity that was asked for, kernel by kernel, and a reason for what is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compressing import accuracy, applied, job, layers
from trained import NOISE, data, trained_file

import tradeoff
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.plugins import legacy_keras
from tradeoff.plugins.prune.technique import check, prune, tradeoff_techniques

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


def pruned(spelling: str, model: Any = None) -> tradeoff.Rewritten:
    return applied(spelling, tradeoff_techniques(), model)[0]


@pytest.mark.parametrize("chain", ["prune:epochs=1", "prune:0.8:epochs=2", "prune:0.5:epochs=3:schedule=polynomial"])
def test_each_kernel_has_the_sparsity_that_was_asked_for_after_fine_tuning(chain: str) -> None:
    wanted = 0.8 if ":0.8" in chain else 0.5
    made = pruned(chain)
    for name, row in layers(made.model).items():
        expected = 0.0 if name in made.left_out else wanted
        assert row["sparsity"] == pytest.approx(expected, abs=0.5 / row["parameters"]), name
    assert made.epochs == int(chain.partition("epochs=")[2][0])
    # With one or two epochs on a quarter of the data it has not recovered; chance is 0.1.
    assert accuracy(made.model) > 0.7


def test_depthwise_and_tiny_kernels_are_left_out_with_a_reason() -> None:
    left_out = pruned("prune:epochs=0").left_out
    assert left_out["conv2d"] == "tiny: 288 weights, fewer than 512"
    assert sorted(name for name, why in left_out.items() if "depthwise" in why) == [
        "depthwise_conv2d",
        "depthwise_conv2d_1",
    ]
    assert "conv2d" not in pruned("prune:epochs=0:smallest=1").left_out


def test_one_threshold_for_all_kernels_prunes_them_differently_and_to_the_same_sum() -> None:
    made = pruned("prune:scope=global:epochs=1")
    rows = {name: row for name, row in layers(made.model).items() if name not in made.left_out}
    shares = [row["sparsity"] for row in rows.values()]
    kernels = [np.prod(row["shapes"]["kernel"]) for row in rows.values()]
    assert max(shares) - min(shares) > 0.05
    assert np.average(shares, weights=kernels) == pytest.approx(0.5, abs=1e-3)


def test_two_of_four_is_verified_layer_by_layer_and_holds_after_fine_tuning() -> None:
    made = pruned("prune:pattern=2of4:epochs=2")
    assert made.facts["two_of_four"]
    assert all(made.facts["two_of_four"].values())
    for name, row in layers(made.model).items():
        if name not in made.left_out:
            assert row["sparsity"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("spelling", "told"),
    [
        ("prune:0.7:pattern=2of4", "leave the sparsity out"),
        ("prune:pattern=2of4:scope=global", "scope=local and schedule=oneshot"),
        ("prune:schedule=polynomial:epochs=1", "needs 2 epochs or more"),
    ],
)
def test_what_cannot_be_is_refused_before_any_training(spelling: str, told: str) -> None:
    model = keras_files.load_model(trained_file())
    before = keras_files.content(model)
    with pytest.raises(tradeoff.BadInput, match=told):
        pruned(spelling, model)
    assert keras_files.content(model) == before


@pytest.mark.parametrize(
    ("spelling", "told"),
    [
        ("prune:schedule=polynomial:epochs=1", "needs 2 epochs or more"),
        ("prune:implementation=tfmot:scope=global", "use scope=local"),
        ("prune:implementation=tfmot:epochs=0", "epochs must be 1 or more"),
    ],
)
def test_values_that_contradict_each_other_are_known_without_a_model(spelling: str, told: str) -> None:
    with pytest.raises(tradeoff.BadInput, match=told):
        check(values(spelling), {})


def test_without_tfmot_its_implementation_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tradeoff.Requirement("no_such_module", "tensorflow-model-optimization")
    monkeypatch.setattr(legacy_keras, "_NEEDS", (missing,))
    found = check(values("prune:implementation=tfmot"), {})
    assert str(found) == "not installed: tensorflow-model-optimization: pip install 'tradeoff[tfmot]'"
    assert check(values("prune"), {}) is None


def values(spelling: str) -> dict[str, Any]:
    (step,) = parse_chain(spelling, {one.name: one for one in tradeoff_techniques()}).model_steps
    return dict(step.values)


def test_pruning_twice_goes_further_and_keeps_the_first_zeros() -> None:
    first, second = applied("prune:0.3:epochs=1+prune:0.6:epochs=1", tradeoff_techniques())
    del first
    shares = [row["sparsity"] for name, row in layers(second.model).items() if name not in second.left_out]
    assert shares == pytest.approx([0.6] * len(shares), abs=1e-3)


def test_a_model_without_a_kernel_worth_it_is_refused_with_the_reasons() -> None:
    import keras

    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3, name="last")])
    with pytest.raises(tradeoff.Refused, match="last: tiny: 192 weights"):
        pruned("prune", model)


def functional() -> Any:
    import keras
    from keras import layers as kl

    taken = keras.Input((8, 8, 1))
    one = kl.Conv2D(16, 3, padding="same", activation="relu", name="stem")(taken)
    two = kl.Conv2D(16, 3, padding="same", name="inner")(one)
    both = kl.Concatenate()([kl.Add()([one, two]), one])
    nested = keras.Sequential([keras.Input((32,)), kl.Dense(32, name="deep")], name="nested")
    return keras.Model(taken, kl.Dense(10, activation="softmax")(nested(kl.GlobalAveragePooling2D()(both))))


def recurrent() -> Any:
    import keras
    from keras import layers as kl

    return keras.Sequential(
        [keras.Input((8, 8, 1)), kl.Reshape((8, 8)), kl.LSTM(16, name="memory"), kl.Dense(10, activation="softmax")]
    )


@pytest.mark.parametrize("build", [functional, recurrent])
def test_any_graph_of_the_users_own_is_pruned(build: Callable[[], Any]) -> None:
    model = build()
    made = pruned("prune:0.5:epochs=1:smallest=400", model)
    before = keras_files.outputs_of(made.model, data().test.x[:4])
    assert np.isfinite(before).all()
    sparse = [name for name, row in layers(made.model).items() if row["sparsity"] >= 0.49]
    assert sparse == (["inner", "nested/deep"] if build is functional else ["memory"])


def test_a_layer_of_a_class_of_its_own_is_left_out() -> None:
    import keras

    class Own(keras.layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], 32), name="weights")

        def call(self, inputs: Any) -> Any:
            return inputs @ self.kernel

    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            Own(name="own"),
            keras.layers.Dense(32, name="usual"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    made = prune(job(model, {**_defaults(), "epochs": 0}))
    assert "class of its own" in made.left_out["own/weights"]
    assert layers(made.model)["usual"]["sparsity"] == 0.5


def _defaults() -> dict[str, Any]:
    (technique,) = tradeoff_techniques()
    return {parameter.name: parameter.default for parameter in technique.parameters}
