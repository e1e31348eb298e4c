"""The losses of distillation against a computation in NumPy, and what a teacher tells of each sample."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest
from trained import NOISE, data, task

import tradeoff
from tradeoff.plugins.distill.control import compare, exact_p, note
from tradeoff.plugins.distill.losses import Mixture
from tradeoff.plugins.distill.teacher import Teacher, labelled, only
from tradeoff.plugins.from_scratch import UNKNOWN

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
SAMPLES = 6


def found(mixture: Mixture, wanted: Any, given_: Any) -> float:
    import keras

    told = mixture.loss(keras.ops.convert_to_tensor(wanted), keras.ops.convert_to_tensor(given_.astype(np.float32)))
    return float(keras.ops.convert_to_numpy(told))


def by_hand(teacher: Any, student: Any, labels: Any, known: Any, mixture: Mixture) -> float:
    """From scores as the textbook has it: T squared times the divergence, and cross-entropy where labels are known."""
    t, rows = mixture.temperature, np.arange(len(labels))
    soft = softmax(teacher / t, axis=1)
    apart = (soft * (log_softmax(teacher / t, axis=1) - log_softmax(student / t, axis=1))).sum(axis=1)
    hard = -log_softmax(student, axis=1)[rows, labels] * known
    return float((mixture.alpha * t**2 * apart + (1 - mixture.alpha) * hard).mean())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    temperature=st.sampled_from([0.5, 1.0, 4.0, 20.0]),
    alpha=st.floats(0, 1),
    outputs=st.sampled_from(["logits", "probabilities"]),
    width=st.sampled_from([1, 2, 5]),
)
def test_of_classes_it_is_the_softened_divergence_and_the_cross_entropy_of_known_labels(
    seed: int, temperature: float, alpha: float, outputs: Any, width: int
) -> None:
    generator = np.random.default_rng(seed)
    teacher, student = 3 * generator.normal(size=(2, SAMPLES, max(2, width)))
    labels, known = generator.integers(0, max(2, width), SAMPLES), generator.integers(0, 2, SAMPLES)
    mixture = Mixture(replace(task(), outputs=outputs), width, temperature, alpha)

    def as_outputs(scores: Any) -> Any:
        given_ = scores if outputs == "logits" else softmax(scores, axis=1)
        if width > 1:
            return given_
        return scores[:, 1:] - scores[:, :1] if outputs == "logits" else given_[:, 1:]

    wanted = mixture.wanted(as_outputs(teacher), labels, known, None)
    assert found(mixture, wanted, as_outputs(student)) == pytest.approx(
        by_hand(teacher, student, labels, known, mixture), rel=1e-3, abs=1e-4
    )


def test_a_student_that_answers_like_its_teacher_has_nothing_left_to_learn() -> None:
    mixture = Mixture(task(), 5, temperature=4.0, alpha=1.0)
    # As sure as a trained net is: what is certain must not make the loss infinite.
    answers = softmax(60 * np.random.default_rng(0).normal(size=(SAMPLES, 5)), axis=1).astype(np.float32)
    wanted = mixture.wanted(answers, np.zeros(SAMPLES), np.zeros(SAMPLES), None)
    assert found(mixture, wanted, answers) == pytest.approx(0.0, abs=1e-5)
    assert 0.01 < found(mixture, wanted, np.roll(answers, 1, axis=1)) < np.inf


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_of_values_it_is_the_tasks_own_loss_to_the_teacher_and_to_known_targets(loss: str) -> None:
    generator = np.random.default_rng(0)
    teacher, student, truth = generator.normal(size=(3, SAMPLES, 2))
    known = np.array([1, 0, 1, 0, 0, 1])
    values = replace(task(), kind="regression", loss=loss, outputs="values")
    mixture = Mixture(values, 2, temperature=4.0, alpha=0.3)
    power = 2 if loss == "mse" else 1
    soft = (np.abs(student - teacher) ** power).mean(axis=1)
    hard = (np.abs(student - truth) ** power).mean(axis=1) * known
    wanted = mixture.wanted(teacher, truth, known, None)
    assert found(mixture, wanted, student) == pytest.approx((0.3 * soft + 0.7 * hard).mean(), rel=1e-5)


def test_features_add_their_squared_distance_by_weight() -> None:
    generator = np.random.default_rng(0)
    answers = softmax(generator.normal(size=(SAMPLES, 5)), axis=1)
    ours, theirs = generator.normal(size=(2, SAMPLES, 7))
    labels, known = np.zeros(SAMPLES, int), np.ones(SAMPLES)
    plain, mixture = (Mixture(task(), 5, 2.0, 0.5, feature=weight) for weight in (0.0, 3.0))
    without = found(plain, plain.wanted(answers, labels, known, None), answers)
    together = found(mixture, mixture.wanted(answers, labels, known, theirs), np.concatenate([answers, ours], axis=1))
    assert together - without == pytest.approx(3.0 * np.mean((ours - theirs) ** 2), rel=1e-5)


@pytest.mark.parametrize("augmented", [False, True])
def test_the_teacher_is_asked_about_the_very_inputs_that_a_step_trains_on(augmented: bool) -> None:
    import keras

    net = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    train = tradeoff.Split(data().train.x[:300], data().train.y[:300])
    mixture, known = Mixture(task(), 10, 2.0, 0.5), labelled(train, 30, True, 0)
    teacher = Teacher(net, mixture, train, known)
    recipe = replace(UNKNOWN, augment=(lambda x, generator: x[:, ::-1]) if augmented else None)
    splits = train, data().calibration, data().validation
    job = teacher.lesson(tradeoff.Rewriting(net, {}, task(), *splits, None, 0, lambda text, done: None), recipe)
    seen = train.x
    if job.recipe and job.recipe.augment:
        seen = job.recipe.augment(train.x, np.random.default_rng(0))
    rows = np.array([7, 299, 0])
    expected = mixture.wanted(np.asarray(net(seen[rows])), train.y[rows], known[rows], None)
    np.testing.assert_allclose(teacher.told(seen[rows], job.train.y[rows]), expected, atol=1e-5)


@given(count=st.integers(0, 200), seed=st.integers(0, 5))
def test_labels_are_as_many_as_were_asked_for_and_of_every_class_alike(count: int, seed: int) -> None:
    train = tradeoff.Split(data().train.x[:150], data().train.y[:150])
    known = labelled(train, count, True, seed)
    assert known.sum() == (count if 0 < count < 150 else 150)
    shares = np.bincount(train.y[known], minlength=10)
    there = np.bincount(train.y, minlength=10)
    assert all(share >= min(have, shares.max() - 1) for share, have in zip(shares, there, strict=True))
    alone = only(train, known)
    assert len(alone) == len(train)
    assert {x.tobytes() for x in alone.x} == {x.tobytes() for x in train.x[known]}


@given(one=st.integers(0, 60), other=st.integers(0, 60))
def test_the_test_of_a_gain_is_the_exact_binomial(one: int, other: int) -> None:
    expected = binomtest(one, one + other).pvalue if one + other else 1.0
    assert exact_p(one, other) == pytest.approx(expected, rel=1e-9)


def test_a_gain_counts_only_where_it_is_beyond_chance() -> None:
    split = tradeoff.Split(np.zeros((40, 1)), np.zeros(40, int))
    right, wrong = np.tile([1.0, 0.0], (40, 1)), np.tile([0.0, 1.0], (40, 1))
    mixed = np.where(np.arange(40)[:, np.newaxis] < 5, wrong, right)
    assert compare(right, wrong, split, task()).gain
    assert not compare(wrong, right, split, task()).gain
    few = compare(right, mixed, split, task())
    assert (few.better, few.worse, few.gain) == (5, 0, False)
    assert "better on 5 and worse on 0 of 40 validation samples (p = 0.062)" in note(few, "in as many steps")
