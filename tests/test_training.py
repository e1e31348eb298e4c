"""Training: one recipe, the same weights for the same seed, and an early word when it fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from trained import NOISE, data, silent, task

import tradeoff
from tradeoff import training
from tradeoff.formats import keras_files
from tradeoff.models.shifts import shift

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
RECIPE = tradeoff.Recipe(epochs=2, batch_size=32, learning_rate=1e-2, augment=shift)
REGRESSION = tradeoff.Task("r", load=lambda: pytest.fail("no data"), kind="regression", metric="r2", loss="mse")


def net(width: int = 10, activation: str | None = "softmax", shape: tuple[int, ...] = (8, 8, 1)) -> Any:
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(16, activation="relu")]
    return keras.Sequential([keras.Input(shape), *layers, keras.layers.Dense(width, activation=activation)])


def part(size: int = 256) -> tradeoff.Split:
    return tradeoff.Split(data().train.x[:size], data().train.y[:size])


def trained(seed: int = 0, recipe: tradeoff.Recipe = RECIPE, train: tradeoff.Split | None = None) -> tuple[Any, Any]:
    training.set_seed(seed)
    model = net()
    history = training.train(model, recipe, train or part(), data().validation, task(), seed, silent)
    return history, model


def test_a_history_tells_what_the_training_did() -> None:
    history, model = trained(recipe=replace(RECIPE, epochs=4))
    assert history.epochs == len(history.validation) == 4
    assert history.seconds > 0.0
    assert history.validation[-1] > history.validation[0]
    outputs = keras_files.outputs_of(model, data().validation.x)
    assert history.validation[-1] == pytest.approx(np.mean(outputs.argmax(axis=1) == data().validation.y))


def test_the_same_seed_gives_the_same_weights() -> None:
    (_, one), (_, same), (_, other) = trained(3), trained(3), trained(4)
    assert keras_files.content(one) == keras_files.content(same)
    assert keras_files.content(one) != keras_files.content(other)


def test_layers_are_numbered_afresh_for_every_model() -> None:
    training.set_seed(0)
    first = [layer.name for layer in net().layers]
    net()
    training.set_seed(0)
    assert [layer.name for layer in net().layers] == first


def test_progress_counts_epochs() -> None:
    heard: list[tuple[str, float]] = []
    model = net()
    training.train(model, RECIPE, part(), data().validation, task(), 0, lambda text, done: heard.append((text, done)))
    assert [done for _, done in heard] == [0.5, 1.0]
    assert heard[0][0].startswith("epoch 1 of 2, accuracy 0.")


def test_every_epoch_is_augmented_anew() -> None:
    seen: list[Any] = []

    def augment(x: Any, generator: np.random.Generator) -> Any:
        seen.append(shift(x, generator))
        return seen[-1]

    trained(recipe=replace(RECIPE, augment=augment))
    assert len(seen) == 2
    assert not np.array_equal(*seen)


def test_a_training_split_smaller_than_a_batch_is_one_batch() -> None:
    history, _ = trained(train=part(20))
    assert np.isfinite(history.loss)


def test_a_loss_that_is_no_number_stops_the_training_and_names_epoch_and_learning_rate() -> None:
    with pytest.raises(tradeoff.BadInput, match=r"epoch 1 of 2 at learning rate 1e\+30"):
        trained(recipe=replace(RECIPE, learning_rate=1e30))


def test_nan_in_the_data_stops_the_training() -> None:
    broken = part().x.copy()
    broken[5] = np.nan
    with pytest.raises(tradeoff.BadInput, match="look for NaN in the data"):
        trained(train=tradeoff.Split(broken, part().y))


def test_a_model_that_gives_logits_learns_too() -> None:
    model = net(activation=None)
    history = training.train(
        model, replace(RECIPE, epochs=15), part(), data().validation, replace(task(), outputs="logits"), 0, silent
    )
    assert history.validation[-1] > 0.7


@pytest.mark.parametrize(("activation", "outputs"), [("sigmoid", "probabilities"), (None, "logits")])
def test_one_output_learns_two_classes(activation: str | None, outputs: Any) -> None:
    even = tradeoff.Split(data().train.x, data().train.y % 2)
    binary = replace(task(), outputs=outputs)
    history = training.train(net(1, activation), replace(RECIPE, epochs=4), even, even, binary, 0, silent)
    assert history.validation[-1] > 0.8


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_a_regression_is_learnt(loss: str) -> None:
    x = np.random.default_rng(0).normal(size=(512, 3)).astype(np.float32)
    y = x @ np.array([1.0, -2.0, 0.5], np.float32)
    split = tradeoff.Split(x, y)
    recipe = tradeoff.Recipe(epochs=10, batch_size=32, learning_rate=1e-2)
    made = net(1, None, (3,))
    history = training.train(made, recipe, split, split, replace(REGRESSION, loss=loss), 0, silent)
    assert history.validation[-1] > 0.95
