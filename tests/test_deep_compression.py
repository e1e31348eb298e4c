"""Deep Compression: what goes, what is shared, and that nothing but weights changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from compressing import applied, job, layers
from trained import NOISE, data, task, trained_file

import tradeoff
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.plugins import huffman
from tradeoff.plugins.deep_compression import technique as deep_compression
from tradeoff.plugins.deep_compression.folding import folded
from tradeoff.plugins.deep_compression.saliency import drop_unread, masks, saliency
from tradeoff.plugins.kernels import choose

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
TECHNIQUES = [*deep_compression.tradeoff_techniques(), *huffman.tradeoff_techniques()]


def net(*middle: Any) -> Any:
    """A small net with these layers between its two dense ones."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="relu"),
            *middle,
            keras.layers.Dense(4, activation="softmax"),
        ]
    )


def test_the_chain_is_pruned_clustered_and_coded() -> None:
    chain = parse_chain("deep_compression", {one.name: one for one in TECHNIQUES})
    assert chain.in_full.spelling == "deep_compression+huffman"


def test_most_weights_go_and_the_others_share_values() -> None:
    (made,) = applied("deep_compression:0.8:clusters=8:epochs=2:settling=1:smallest=100", TECHNIQUES)
    rows = layers(made.model)
    whole = [row for name, row in rows.items() if name not in made.left_out]
    assert whole
    kernels = [weight.numpy() for weight in made.model.trainable_weights if len(weight.shape) > 1]
    chosen, _ = choose(made.model, 100)
    kept = sum(np.count_nonzero(one.variable) for one in chosen)
    assert kept <= 0.21 * sum(int(np.prod(one.variable.shape)) for one in chosen)
    assert all(len(np.unique(one.variable)) <= 9 for one in chosen)
    assert len(kernels) > len(chosen)
    # Half of each float of a code book is zeros.
    assert not any((one.variable.numpy().view(np.uint32) & 0xFFFF).any() for one in chosen)
    assert made.epochs == 3
    assert set(made.facts) == {"pruned", "clustered", "rounded"}
    assert "BatchNormalization" not in {type(layer).__name__ for layer in made.model.layers}
    assert made.left_out


def test_without_normalizations_a_model_computes_the_same() -> None:
    model = keras_files.load_model(trained_file())
    made = folded(model)
    assert "BatchNormalization" not in {type(layer).__name__ for layer in made.layers}
    x = data().test.x[:64]
    before, after = keras_files.outputs_of(model, x), keras_files.outputs_of(made, x)
    assert np.abs(before - after).max() < 1e-4
    assert folded(made) is made


def test_a_weight_on_an_input_that_is_always_zero_does_nothing() -> None:
    model = net()
    x = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    x[:, 2] = 0.0
    chosen, _ = choose(model, 1)
    first, _ = saliency(model, chosen, x)
    assert first[2].max() < 1e-4 * np.delete(first, 2, axis=0).max()
    assert np.unravel_index(first.argmax(), first.shape)[0] != 2


def test_what_nothing_reads_goes_and_the_model_computes_the_same() -> None:
    import keras

    model = net(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5))
    first, last = model.layers[0], model.layers[-1]
    kernel = last.kernel.numpy()
    kernel[[1, 5]] = 0.0
    last.kernel.assign(kernel)
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    before = keras_files.outputs_of(model, x)
    drop_unread(model)
    assert not first.kernel.numpy()[:, [1, 5]].any()
    assert first.kernel.numpy()[:, [0, 2, 3, 4, 6, 7]].all()
    assert np.array_equal(before, keras_files.outputs_of(model, x))


def test_a_softmax_reads_every_channel() -> None:
    import keras

    model = net(keras.layers.Activation("softmax"))
    kernel = model.layers[-1].kernel.numpy()
    kernel[3] = 0.0
    model.layers[-1].kernel.assign(kernel)
    drop_unread(model)
    assert model.layers[0].kernel.numpy()[:, 3].any()


def test_kernels_share_a_threshold_and_none_is_cut_off() -> None:
    generator = np.random.default_rng(0)
    found = [generator.random((100, 100)), generator.random((10, 10)) * 1e-12]
    kept = masks(found, 0.9)
    assert sum(int(mask.sum()) for mask in kept) == 1010
    assert kept[1].sum() >= 1
    # What a kernel keeps are the largest of its own.
    assert found[0][kept[0]].min() >= found[0][~kept[0]].max()


def test_a_regression_is_compressed_without_a_teacher() -> None:
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(16), keras.layers.Dense(1)]
    )
    known = {one.name: one for one in TECHNIQUES}
    (step,) = parse_chain("deep_compression:epochs=2:settling=1:vectors=0", known).model_steps
    order = job(model, dict(step.values), "deep_compression")
    train = tradeoff.Split(order.train.x, order.train.y.astype(np.float32)[:, None])
    validation = tradeoff.Split(order.validation.x, order.validation.y.astype(np.float32)[:, None])
    regression = replace(task(), kind="regression", metric="mae", loss="mse", outputs="values", floor=None)
    made = deep_compression.deep_compression(replace(order, task=regression, train=train, validation=validation))
    assert np.isfinite(made.facts["clustered"])
    assert len(np.unique(made.model.layers[1].bias)) == 16
