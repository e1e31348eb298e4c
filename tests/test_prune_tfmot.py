"""Pruning through tensorflow-model-optimization: a model goes to tf_keras and back, and what came of it is counted."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from compressing import applied, job, layers
from trained import NOISE, data, trained_file

import tradeoff
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.models import cnn, ds_cnn
from tradeoff.plugins import cluster
from tradeoff.plugins.legacy_keras import check, legacy, to_legacy
from tradeoff.plugins.prune import technique as prune

pytest.importorskip("tensorflow_model_optimization")
pytestmark = [
    pytest.mark.frameworks,
    *(pytest.mark.filterwarnings(line) for line in NOISE),
    # tf_keras says so of itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tf_keras"),
]
TECHNIQUES = [*prune.tradeoff_techniques(), *cluster.tradeoff_techniques()]


def graph() -> Any:
    import keras
    from keras import layers as kl

    taken = keras.Input((8, 8, 1))
    one = kl.Conv2D(16, 3, padding="same", use_bias=False)(taken)
    one = kl.ReLU(max_value=6.0)(kl.BatchNormalization(momentum=0.8)(one))
    two = kl.DepthwiseConv2D(3, padding="same", activation="relu")(one)
    both = kl.Concatenate()([kl.Add()([one, two]), kl.ZeroPadding2D(0)(one)])
    out = kl.Dense(10, activation="softmax")(kl.Dropout(0.5)(kl.GlobalAveragePooling2D()(both)))
    return keras.Model(taken, out)


@pytest.mark.parametrize("build", [cnn.build, ds_cnn.build, graph])
def test_a_model_answers_the_same_in_tf_keras(build: Any) -> None:
    import keras

    keras.utils.set_random_seed(0)
    model = build()
    some = np.random.default_rng(0)
    for layer in model.layers:
        # Moving statistics that are not those of the start.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([some.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    with legacy() as (tf_keras, _):
        twin = to_legacy(model, tf_keras)
        there = np.array(twin(data().test.x[:16], training=False))
    np.testing.assert_allclose(there, keras_files.outputs_of(model, data().test.x[:16]), atol=1e-5)


def test_the_variable_that_chooses_a_keras_is_as_it_was() -> None:
    before = os.environ.get("TF_USE_LEGACY_KERAS")
    with legacy():
        assert os.environ["TF_USE_LEGACY_KERAS"] == "1"
    assert os.environ.get("TF_USE_LEGACY_KERAS") == before


@pytest.mark.parametrize("schedule", ["oneshot", "polynomial"])
def test_it_reaches_the_sparsity_and_leaves_depthwise_kernels_alone(schedule: str) -> None:
    (made,) = applied(f"prune:0.6:epochs=3:implementation=tfmot:schedule={schedule}", TECHNIQUES)
    for name, row in layers(made.model).items():
        assert row["sparsity"] == pytest.approx(0.0 if name in made.left_out else 0.6, abs=0.01), name
    assert made.notes == ()


def test_it_tells_how_the_training_in_tf_keras_went() -> None:
    told: list[tradeoff.History] = []
    known = {technique.name: technique for technique in TECHNIQUES}
    (step,) = parse_chain("prune:0.5:implementation=tfmot:epochs=2", known).model_steps
    order = job(keras_files.load_model(trained_file()), dict(step.values), "prune")
    prune.prune(replace(order, trained=told.append))
    (history,) = told
    assert len(history.losses) == len(history.validation) == len(history.validation_losses) == history.epochs == 2
    assert history.rates[0] > history.rates[1] > 0
    assert history.best in (1, 2)


def test_two_of_four_is_not_believed_but_counted() -> None:
    (made,) = applied("prune:epochs=1:implementation=tfmot:pattern=2of4:smallest=1", TECHNIQUES)
    assert made.facts["two_of_four"]["conv2d"] is False
    assert made.facts["two_of_four"]["conv2d_1"] is True
    assert made.notes == ("tfmot left conv2d denser than asked for, and said nothing",)


def test_that_it_undoes_clusters_is_a_note() -> None:
    _, made = applied("cluster:8:epochs=0+prune:epochs=1:implementation=tfmot", TECHNIQUES)
    assert made.notes == ("tfmot trained all weights freely: the clusters of before are gone",)


@pytest.mark.parametrize(
    ("spelling", "told"), [("scope=global", "use scope=local"), ("epochs=0", "epochs must be 1 or more")]
)
def test_what_it_cannot_is_refused(spelling: str, told: str) -> None:
    with pytest.raises(tradeoff.BadInput, match=told):
        applied(f"prune:implementation=tfmot:{spelling}", TECHNIQUES)


def test_a_subclassed_model_and_a_layer_of_ones_own_are_refused_with_a_reason() -> None:
    import keras

    class Own(keras.layers.Dense):  # type: ignore[misc]
        pass

    class Mine(keras.Model):  # type: ignore[misc]
        pass

    with pytest.raises(tradeoff.Refused, match=r"is a subclassed model \(Mine\)"):
        check(Mine(name="mine"))
    with pytest.raises(tradeoff.Refused, match="layer own is a Own, which tf_keras has not"):
        check(keras.Sequential([keras.Input((3,)), Own(4, name="own")]))
