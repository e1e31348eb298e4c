"""Fine-tuning: zeros and clusters stay, validation chooses, and NaN is told by technique, epoch and rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import NOISE, data, silent, task

import tradeoff
from tradeoff import training
from tradeoff.formats import keras_files
from tradeoff.models import ds_cnn
from tradeoff.training.structure import found_in

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


def job(model: Any, **changes: Any) -> tradeoff.Rewriting:
    part = tradeoff.Split(data().train.x[:256], data().train.y[:256])
    made = tradeoff.Rewriting(
        model=model,
        values={},
        task=task(),
        train=part,
        calibration=data().calibration,
        validation=data().validation,
        recipe=replace(ds_cnn.RECIPE, batch_size=32),
        seed=0,
        progress=silent,
        technique="halve",
    )
    return replace(made, **changes)


def net() -> Any:
    import keras
    from keras import layers

    training.set_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, use_bias=False),
            layers.BatchNormalization(momentum=0.5),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def values(model: Any) -> dict[str, Any]:
    return {weight.path: np.array(weight.numpy()) for weight in model.weights}


def halved(model: Any) -> Any:
    for kernel in training.structure.kernels(model):
        found = np.array(kernel.numpy())
        found[np.abs(found) < np.median(np.abs(found))] = 0
        kernel.assign(found)
    return model


def rounded(model: Any, step: float = 0.25) -> Any:
    for kernel in training.structure.kernels(model):
        kernel.assign(np.round(np.array(kernel.numpy()) / step) * step)
    return model


def test_a_fine_tuning_learns_and_tells_what_it_did() -> None:
    model = net()
    history = training.fine_tune(job(model), model, epochs=3, learning_rate=1e-2)
    assert history.epochs == len(history.validation) == 3
    assert history.best is not None
    assert max(history.validation) > 0.3
    assert history.seconds > 0


def test_its_course_is_told_to_who_asked_for_it() -> None:
    told: list[training.History] = []
    model = net()
    asked = job(model, trained=told.append)
    history = training.fine_tune(asked, model, epochs=3, learning_rate=1e-2, name="student", after=4)
    assert told == [history]
    assert (history.name, history.after) == ("student", 4)
    assert len(history.losses) == len(history.validation_losses) == len(history.rates) == 3
    assert history.losses[-1] == history.loss
    assert history.rates[0] == pytest.approx(1e-2)
    assert list(history.rates) == sorted(history.rates, reverse=True)
    assert history.before is not None
    assert history.before[0] < max(history.validation)
    assert history.before[1] > min(history.validation_losses)


def test_what_may_not_be_chosen_is_not_judged_before() -> None:
    model = net()
    assert training.fine_tune(job(model), model, epochs=1, learning_rate=1e-2, choose_from=1).before is None


def test_a_model_s_own_training_tells_its_course_too() -> None:
    model = net()
    part = tradeoff.Split(data().train.x[:256], data().train.y[:256])
    recipe = replace(ds_cnn.RECIPE, epochs=2, batch_size=32, learning_rate=5e-3)
    history = training.train(model, recipe, part, data().validation, task(), 0, silent)
    assert len(history.losses) == len(history.validation_losses) == len(history.validation) == 2
    assert history.rates[0] == pytest.approx(5e-3)
    assert history.rates[1] < history.rates[0]
    assert (history.best, history.before) == (None, None)


def test_zeros_stay_zero_and_everything_else_moves() -> None:
    model = halved(net())
    before = values(model)
    history = training.fine_tune(job(model), model, epochs=2, learning_rate=1e-2)
    assert history.best
    for path, after in values(model).items():
        if after.ndim >= 2:
            np.testing.assert_array_equal(after == 0, before[path] == 0)
        assert not np.array_equal(after, before[path])


def test_clusters_stay_together_while_their_values_are_trained() -> None:
    model = rounded(net())
    before = values(model)
    training.fine_tune(job(model), model, epochs=2, learning_rate=1e-2, choose_from=2)
    for path, after in values(model).items():
        if after.ndim >= 2:
            for value in np.unique(before[path]):
                assert len(np.unique(after[before[path] == value])) == 1
            assert np.all(after[before[path] == 0] == 0)
            assert not np.array_equal(after, before[path])


def test_a_file_that_was_pruned_elsewhere_stays_pruned(tmp_path: Path) -> None:
    keras_files.save_model(halved(net()), tmp_path / "pruned.keras")
    model = keras_files.load_model(tmp_path / "pruned.keras")
    zeros = {path: found == 0 for path, found in values(model).items() if found.ndim >= 2}
    training.fine_tune(job(model), model, epochs=1, learning_rate=1e-2, choose_from=1)
    assert all(np.array_equal(values(model)[path] == 0, there) for path, there in zeros.items())


def test_moving_statistics_go_on_moving() -> None:
    model = halved(net())
    training.fine_tune(job(model), model, epochs=3, learning_rate=1e-3, choose_from=3)
    mean = model.layers[1].moving_mean.numpy()
    variance = model.layers[1].moving_variance.numpy()
    seen = np.array(model.layers[0](data().train.x[:256]))
    np.testing.assert_allclose(mean, seen.mean(axis=(0, 1, 2)), atol=0.05)
    np.testing.assert_allclose(variance, seen.var(axis=(0, 1, 2)), rtol=0.3, atol=0.02)


def test_afterwards_a_variable_has_its_own_constraint_again_and_none_of_ours() -> None:
    import keras

    model = halved(net())
    own = keras.constraints.MaxNorm(0.5, axis=0)
    model.layers[-1].kernel.constraint = own
    training.fine_tune(job(model), model, epochs=1, learning_rate=1e-2, choose_from=1)
    assert model.layers[-1].kernel.constraint is own
    assert model.layers[0].kernel.constraint is None
    assert np.linalg.norm(model.layers[-1].kernel.numpy(), axis=0).max() < 0.51


def test_the_weights_that_did_best_on_validation_are_left() -> None:
    model = net()
    training.fine_tune(job(model), model, epochs=5, learning_rate=1e-2)
    before = values(model)
    history = training.fine_tune(job(model), model, epochs=2, learning_rate=3.0)
    assert history.best == 0
    assert all(np.array_equal(after, before[path]) for path, after in values(model).items())


def test_weights_of_epochs_before_the_first_eligible_one_are_not_chosen() -> None:
    model = net()
    history = training.fine_tune(job(model), model, epochs=2, learning_rate=3.0, choose_from=2)
    assert history.best == 2


def test_the_same_seed_gives_the_same_weights() -> None:
    one, same = (halved(net()) for _ in range(2))
    for model in (one, same):
        training.fine_tune(job(model), model, epochs=1, learning_rate=1e-2)
    assert keras_files.content(one) == keras_files.content(same)


def test_nan_names_technique_epoch_and_learning_rate() -> None:
    model = net()
    with pytest.raises(tradeoff.BadInput, match=r"technique halve: .*NaN.* in epoch 1 of 2 at learning rate 1e\+30"):
        training.fine_tune(job(model), model, epochs=2, learning_rate=1e30)
    assert model.layers[0].kernel.constraint is None


def test_a_schedule_may_change_the_structure_before_any_epoch() -> None:
    model = net()
    kernel = model.layers[-1].kernel
    shares = {1: 0.2, 3: 0.6}

    def before(epoch: int) -> Sequence[training.Kept] | None:
        if epoch not in shares:
            return None
        size = np.abs(np.array(kernel.numpy()))
        return [training.Kept(kernel, size > np.quantile(size, shares[epoch]))]

    heard: list[float] = []

    def progress(text: str, done: float) -> None:
        heard.append(float(np.mean(np.array(kernel.numpy()) == 0)))

    tuned = job(model, progress=progress)
    training.fine_tune(tuned, model, epochs=4, learning_rate=1e-2, before_epoch=before, choose_from=3)
    assert heard == pytest.approx([0.2, 0.2, 0.6, 0.6], abs=0.01)
    assert np.mean(np.array(kernel.numpy()) == 0) == pytest.approx(0.6, abs=0.01)


def test_a_loss_may_compare_with_targets_made_from_each_batch() -> None:
    import keras

    teacher, student = net(), net()
    training.fine_tune(job(teacher), teacher, epochs=4, learning_rate=1e-2)
    seen: list[tuple[Any, Any]] = []

    def soft(x: Any, y: Any) -> Any:
        seen.append((x.shape, y.shape))
        return np.array(teacher(x, training=False))

    tuned = job(student, train=tradeoff.Split(data().train.x[:256], np.zeros(256, np.int64)))
    loss = keras.losses.KLDivergence()
    history = training.fine_tune(tuned, student, epochs=4, learning_rate=1e-2, loss=loss, targets=soft)
    assert seen[0] == ((32, 8, 8, 1), (32,))
    # The labels were all zero: what it knows, it has from the teacher.
    assert max(history.validation) > 0.3


def test_another_model_with_the_same_weights_may_be_trained_through() -> None:
    import keras

    model = net()
    both = keras.Model(model.inputs, [model.outputs[0], model.layers[2].output])
    losses = [keras.losses.SparseCategoricalCrossentropy(), keras.losses.MeanSquaredError()]
    history = training.fine_tune(
        job(model),
        model,
        epochs=3,
        learning_rate=1e-2,
        through=both,
        loss=losses,
        targets=lambda x, y: [y, np.zeros((len(x), 6, 6, 8), np.float32)],
    )
    assert max(history.validation) > 0.3


def test_no_epochs_train_nothing() -> None:
    model = halved(net())
    before = values(model)
    history = training.fine_tune(job(model), model, epochs=0, learning_rate=1e-2)
    assert (history.epochs, history.best) == (0, 0)
    assert all(np.array_equal(after, before[path]) for path, after in values(model).items())


def test_a_kernel_of_one_value_has_no_structure_and_neither_has_one_of_many() -> None:
    import keras

    free = keras.Variable(np.random.default_rng(0).normal(size=(20, 20)).astype(np.float32))
    assert found_in(keras.Variable(np.zeros((4, 4), np.float32))) is None
    assert found_in(keras.Variable(np.ones((4, 4), np.float32))) is None
    assert found_in(free) is None


@pytest.mark.parametrize("share", [0.05, 0.9])
def test_pruned_and_clustered_kernels_are_told_apart(share: float) -> None:
    import keras

    generator = np.random.default_rng(0)
    dense = generator.normal(size=(40, 30)).astype(np.float32)
    dense[generator.random(dense.shape) < share] = 0
    pruned = found_in(keras.Variable(dense))
    assert pruned is not None
    assert pruned.groups is None
    clustered = found_in(keras.Variable(np.round(dense * 2) / 2))
    assert clustered is not None
    assert clustered.groups is not None
    np.testing.assert_array_equal(clustered.alive, np.round(dense * 2) != 0)


def test_both_ways_to_project_agree() -> None:
    import keras

    generator = np.random.default_rng(0)
    for step in (0.0, 0.25):
        kernel = generator.normal(size=(3, 3, 4, 8)).astype(np.float32)
        kernel[generator.random(kernel.shape) < 0.5] = 0
        variable = keras.Variable(np.round(kernel / step) * step if step else kernel)
        kept = found_in(variable)
        assert kept is not None
        moved = kernel + generator.normal(size=kernel.shape).astype(np.float32)
        inside = training.structure._projection(kept, None)(keras.ops.convert_to_tensor(moved))
        np.testing.assert_allclose(np.array(inside), kept.project(moved), atol=1e-6)


@pytest.mark.parametrize("clusters", [2, 16, 200])
@pytest.mark.parametrize("zeros", [0.0, 0.9])
def test_a_large_kernel_keeps_its_clusters_as_a_small_one_does(clusters: int, zeros: float) -> None:
    """There are too many weights to add them one by one."""
    import keras

    generator = np.random.default_rng(0)
    groups = generator.integers(0, clusters, (64, 1024))
    values = generator.normal(size=clusters)[groups] * (generator.random(groups.shape) >= zeros)
    kept = found_in(keras.Variable(values.astype(np.float32)))
    assert kept is not None
    assert kept.alive.size > training.structure._MANY
    moved = generator.normal(size=groups.shape).astype(np.float32)
    inside = training.structure._projection(kept, None)(keras.ops.convert_to_tensor(moved))
    np.testing.assert_allclose(np.array(inside), kept.project(moved), atol=1e-5)
    assert np.array_equal(np.array(inside) == 0, ~kept.alive)


@pytest.mark.parametrize("shape", [(33, 33), (33, 34)])
def test_neighbours_are_looked_up_in_pairs_or_one_by_one_with_the_same_result(shape: tuple[int, int]) -> None:
    """A kernel with an odd number of weights has one without a neighbour."""
    import keras

    generator = np.random.default_rng(0)
    values = generator.normal(size=5).astype(np.float32)[generator.integers(0, 5, shape)]
    kept = found_in(keras.Variable(values))
    assert kept is not None
    moved = generator.normal(size=shape).astype(np.float32)
    inside = training.structure._projection(kept, None)(keras.ops.convert_to_tensor(moved))
    np.testing.assert_allclose(np.array(inside), kept.project(moved), atol=1e-6)
