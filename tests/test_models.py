"""Models: the built-in data, and nets that learn it well enough to be worth compressing."""

from __future__ import annotations

from statistics import mean
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from trained import NOISE, data, silent, task

from tradeoff.models import cnn, dense, digits, ds_cnn, mobilenet
from tradeoff.models.shifts import shift

pytestmark = [pytest.mark.filterwarnings(line) for line in NOISE]
MODELS = {
    "dense": (dense, 50_610),
    "cnn": (cnn, 224_330),
    "ds_cnn": (ds_cnn, 13_962),
    "mobilenet": (mobilenet, 422_730),
}


def rows(x: Any) -> set[bytes]:
    return {row.tobytes() for row in x}


def test_the_digits_are_split_into_four_parts_of_fixed_size() -> None:
    splits = data()
    assert (len(splits.train), len(splits.calibration)) == (1257, 128)
    assert (len(splits.validation), len(splits.test)) == (180, 360)


def test_the_test_split_shares_no_sample_with_any_other() -> None:
    splits = data()
    test = rows(splits.test.x)
    for other in (splits.train, splits.calibration, splits.validation):
        assert not test & rows(other.x)
    assert not rows(splits.train.x) & rows(splits.validation.x)


def test_calibration_is_a_part_of_train() -> None:
    assert rows(data().calibration.x) < rows(data().train.x)


@pytest.mark.parametrize("name", ["train", "calibration", "validation", "test"])
def test_every_split_is_pictures_from_0_to_1_of_all_ten_digits_alike(name: str) -> None:
    split = getattr(data(), name)
    assert split.x.shape[1:] == (8, 8, 1)
    assert (split.x.dtype, split.y.dtype) == (np.float32, np.int64)
    assert (split.x.min(), split.x.max()) == (0.0, 1.0)
    counts = np.bincount(split.y, minlength=10)
    assert counts.min() >= 0.8 * counts.mean()


def test_loading_twice_gives_the_same_data() -> None:
    again = digits.load()
    for name in ("train", "calibration", "validation", "test"):
        assert np.array_equal(getattr(again, name).x, getattr(data(), name).x)
        assert np.array_equal(getattr(again, name).y, getattr(data(), name).y)


def test_a_shift_moves_pictures_by_at_most_one_pixel() -> None:
    dot = np.zeros((400, 8, 8, 1), np.float32)
    dot[:, 4, 4] = 1.0
    _, y, x, _ = np.nonzero(shift(dot, np.random.default_rng(0)))
    places = set(zip(y.tolist(), x.tolist(), strict=True))
    assert places == {(4, 4), (3, 4), (5, 4), (4, 3), (4, 5)}


def test_a_shift_brings_in_background_not_the_other_side() -> None:
    edge = np.zeros((400, 8, 8, 1), np.float32)
    edge[:, :, 0] = 1.0
    moved = shift(edge, np.random.default_rng(0))
    assert moved[:, :, 7].max() == 0.0
    assert moved.shape == edge.shape
    assert moved.dtype == edge.dtype


def test_shifting_is_seeded_and_leaves_the_original_alone() -> None:
    x = data().train.x[:50]
    before = x.copy()
    one, same = (shift(x, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, shift(x, np.random.default_rng(8)))
    assert np.array_equal(x, before)


@pytest.mark.frameworks
@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_the_size_that_it_says(name: str) -> None:
    module, parameters = MODELS[name]
    model = module.build()
    assert model.count_params() == parameters
    assert model.input_shape == (None, 8, 8, 1)
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_comes_with_a_recipe_for_the_task(name: str) -> None:
    (model,) = MODELS[name][0].tradeoff_models()
    assert (model.name, model.task) == (name, task().name)
    assert model.build is not None
    assert model.recipe is not None
    assert model.summary


@pytest.mark.frameworks
@pytest.mark.deep
@pytest.mark.parametrize("name", MODELS)
def test_every_model_learns_the_digits_from_any_seed(name: str) -> None:
    found = [accuracy_after_training(MODELS[name][0], seed) for seed in range(3)]
    assert min(found) >= 0.95
    assert mean(found) >= (0.96 if name == "mobilenet" else 0.97)


def accuracy_after_training(module: ModuleType, seed: int) -> float:
    """Accuracy on the test split after training from ``seed``."""
    from tradeoff import quality, training
    from tradeoff.formats import keras_files

    training.set_seed(seed)
    model = module.build()
    training.train(model, module.RECIPE, data().train, data().validation, task(), seed, silent)
    return quality.judge(keras_files.outputs_of(model, data().test.x), data().test.y, task())["accuracy"]
