"""Quality: how good outputs are, told in a way that nothing broken can look good."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tradeoff
from tradeoff.quality import METRICS, agreement, judge, parity, snr

TASK = tradeoff.Task("t", load=lambda: pytest.fail("no data is needed"))
LOGITS = replace(TASK, outputs="logits")


def regression(metric: str = "mae", loss: str = "mse") -> tradeoff.Task:
    return replace(TASK, kind="regression", metric=metric, loss=loss, outputs="values")


def softmax(logits: Any) -> Any:
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


@pytest.fixture
def logits() -> Any:
    return np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32) * 3


@pytest.fixture
def labels() -> Any:
    return np.random.default_rng(1).integers(0, 5, size=200)


def test_accuracy_is_the_share_of_right_answers() -> None:
    outputs = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    assert judge(outputs, np.array([0, 1, 1, 0]), TASK)["accuracy"] == 0.75


def test_the_loss_is_the_mean_of_minus_log_probability() -> None:
    outputs = np.array([[0.5, 0.5], [0.25, 0.75]])
    expected = -(math.log(0.5) + math.log(0.75)) / 2
    assert judge(outputs, np.array([0, 1]), TASK)["loss"] == pytest.approx(expected)


def test_logits_and_their_probabilities_are_judged_alike(logits: Any, labels: Any) -> None:
    from_logits = judge(logits, labels, LOGITS)
    assert from_logits == pytest.approx(judge(softmax(logits), labels, TASK))


def test_large_logits_do_not_overflow() -> None:
    found = judge(np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32), np.array([0, 0]), LOGITS)
    assert found["accuracy"] == 0.5
    assert math.isfinite(found["loss"])


def test_a_confident_mistake_is_a_finite_loss() -> None:
    assert judge(np.array([[0.0, 1.0]]), np.array([0]), TASK)["loss"] == pytest.approx(-math.log(1e-7))


def test_probabilities_that_an_int8_softmax_rounded_are_normalised() -> None:
    rounded = np.array([[0.6, 0.6], [0.3, 0.9]])
    assert judge(rounded, np.array([0, 1]), TASK) == pytest.approx(judge(rounded / 1.2, np.array([0, 1]), TASK))


@pytest.mark.parametrize("shape", [(4, 1), (4,)], ids=["column", "flat"])
def test_one_sigmoid_output_decides_between_two_classes(shape: tuple[int, ...]) -> None:
    outputs = np.array([0.9, 0.2, 0.6, 0.4]).reshape(shape)
    found = judge(outputs, np.array([1, 0, 0, 1]).reshape(shape), TASK)
    assert found["accuracy"] == 0.5
    assert found["loss"] == pytest.approx(-np.log([0.9, 0.8, 0.4, 0.4]).mean())


def test_one_logit_is_judged_like_its_sigmoid() -> None:
    z, y = np.array([[2.0], [-1.0], [0.5]]), np.array([1, 0, 0])
    assert judge(z, y, LOGITS) == pytest.approx(judge(1 / (1 + np.exp(-z)), y, TASK))


def test_decisions_at_every_position_count_one_by_one() -> None:
    outputs = np.eye(3)[np.array([[0, 1], [2, 2]])]
    assert judge(outputs, np.array([[0, 1], [2, 0]]), TASK)["accuracy"] == 0.75


def test_nan_is_never_right() -> None:
    outputs = np.full((10, 4), np.nan)
    found = judge(outputs, np.zeros(10, int), TASK)
    assert found == {"accuracy": 0.0, "loss": math.inf}


def test_one_nan_costs_its_own_sample_only() -> None:
    outputs = np.eye(4)
    outputs[2, 0] = np.nan
    assert judge(outputs, np.arange(4), TASK)["accuracy"] == 0.75


@pytest.mark.parametrize(("metric", "worst"), [("mae", math.inf), ("mse", math.inf), ("r2", -math.inf)])
def test_a_nan_prediction_gives_the_worst_score(metric: str, worst: float) -> None:
    outputs = np.array([[1.0], [np.nan]])
    assert judge(outputs, np.array([1.0, 2.0]), regression(metric))[metric] == worst


def test_regression_metrics_agree_with_scikit_learn() -> None:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    generator = np.random.default_rng(2)
    truth = generator.normal(size=(50, 1))
    guess = truth + generator.normal(size=(50, 1))
    assert judge(guess, truth[:, 0], regression("mae"))["mae"] == pytest.approx(mean_absolute_error(truth, guess))
    assert judge(guess, truth[:, 0], regression("mse"))["mse"] == pytest.approx(mean_squared_error(truth, guess))
    assert judge(guess, truth[:, 0], regression("r2"))["r2"] == pytest.approx(r2_score(truth, guess))
    assert judge(guess, truth, regression("r2", "mae"))["loss"] == pytest.approx(mean_absolute_error(truth, guess))


def test_r2_of_constant_targets_is_one_only_for_exact_answers() -> None:
    truth = np.ones((3, 1))
    assert judge(truth, truth, regression("r2"))["r2"] == 1.0
    assert judge(truth * 2, truth, regression("r2"))["r2"] == -math.inf


def test_equal_outputs_agree_wholly(logits: Any) -> None:
    assert agreement(logits, logits, LOGITS) == {"top1_agreement": 1.0, "cosine": 1.0}


def test_agreement_is_the_share_of_equal_decisions() -> None:
    ours, theirs = np.eye(4), np.eye(4)[[0, 1, 3, 2]]
    assert agreement(ours, theirs, TASK) == {"top1_agreement": 0.5, "cosine": 0.5}


def test_two_broken_models_do_not_agree() -> None:
    broken = np.full((3, 4), np.nan)
    assert agreement(broken, broken, TASK) == {"top1_agreement": 0.0, "cosine": 0.0}


def test_agreement_of_sigmoid_outputs_is_that_of_the_decisions() -> None:
    found = agreement(np.array([[0.9], [0.4]]), np.array([[0.8], [0.6]]), TASK)
    assert found["top1_agreement"] == 0.5


def test_a_regression_has_no_top1_agreement() -> None:
    ours, theirs = np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])
    assert agreement(ours, theirs, regression()) == {"cosine": pytest.approx(1.0)}


def test_the_cosine_of_single_values_is_taken_over_all_samples() -> None:
    found = agreement(np.array([[1.0], [0.0]]), np.array([[1.0], [1.0]]), regression())
    assert found["cosine"] == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize(
    ("outputs", "y", "task", "said"),
    [
        (np.eye(3), np.zeros(2, int), TASK, "do not answer 2 labels"),
        (np.eye(3), np.array([0, 1, 3]), TASK, "labels reach from 0 to 3"),
        (np.eye(3), np.array([0, 1, -1]), TASK, "labels reach from -1"),
        (np.eye(3)[:0], np.zeros(0, int), TASK, "0 labels"),
        (np.ones((3, 2)), np.ones(3), regression(), "do not answer targets"),
        (np.eye(3), np.arange(3), replace(TASK, metric="acuracy"), "did you mean 'accuracy'"),
        (np.eye(3), np.arange(3), replace(TASK, loss="mse"), "Known: crossentropy"),
        (np.ones((3, 1)), np.ones(3), regression("accuracy"), "Known: mae, mse, r2"),
    ],
)
def test_what_does_not_fit_together_is_refused(outputs: Any, y: Any, task: tradeoff.Task, said: str) -> None:
    with pytest.raises(tradeoff.TradeoffError, match=said):
        judge(outputs, y, task)


def test_outputs_of_another_shape_cannot_be_compared() -> None:
    with pytest.raises(tradeoff.BadInput, match="cannot be compared"):
        agreement(np.eye(3), np.eye(4), TASK)


def test_every_number_has_a_direction(logits: Any, labels: Any) -> None:
    given = {
        *judge(logits, labels, LOGITS),
        *agreement(logits, logits, LOGITS),
        *parity(logits, logits, LOGITS),
        "mae",
        "mse",
        "r2",
    }
    assert given == set(METRICS)


def test_judging_imports_no_framework() -> None:
    code = "import sys, tradeoff.quality; sys.exit(bool({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- parity -----------------------------------------------------------------------------------------

NUMBERS = st.lists(st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6), min_size=1, max_size=20)


@pytest.mark.parametrize(("share", "expected"), [(0.1, 20.0), (0.01, 40.0), (1.0, 0.0), (10.0, -20.0)])
def test_a_tenth_of_the_amplitude_is_twenty_decibels(share: float, expected: float) -> None:
    theirs = np.array([[3.0, -4.0], [1.0, 2.0]])
    assert snr(theirs * (1 + share), theirs) == pytest.approx(expected)


@given(NUMBERS)
def test_what_differs_in_nothing_has_an_infinite_snr_and_no_error(numbers: list[float]) -> None:
    values = np.array(numbers)[:, None]
    found = parity(values, values, regression())
    assert (found["snr"], found["max_error"]) == (math.inf, 0.0)


@given(NUMBERS, st.floats(1e-300, 1e290), st.integers(0, 2**32 - 1))
def test_the_snr_does_not_know_in_what_unit_both_are_told(numbers: list[float], scale: float, seed: int) -> None:
    theirs = np.array([1.0, *numbers])
    ours = theirs + np.random.default_rng(seed).normal(size=theirs.shape)
    assert snr(ours * scale, theirs * scale) == pytest.approx(snr(ours, theirs), abs=1e-6)


@given(NUMBERS, st.floats(1.1, 1e3), st.integers(0, 2**32 - 1))
def test_more_noise_is_a_lower_snr(numbers: list[float], times: float, seed: int) -> None:
    theirs = np.array([1.0, *numbers])
    noise = np.random.default_rng(seed).normal(size=theirs.shape) * np.abs(theirs).max()
    lost = snr(theirs + noise, theirs) - snr(theirs + times * noise, theirs)
    assert lost == pytest.approx(20 * math.log10(times), abs=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([math.nan, 1.0], [1.0, 1.0]),
        ([math.inf, 1.0], [math.inf, 1.0]),
        ([1.0, 1.0], [math.nan, 1.0]),
        ([1.0, 0.0], [0.0, 0.0]),
    ],
)
def test_nothing_broken_has_a_good_snr(ours: list[float], theirs: list[float]) -> None:
    assert snr(np.array(ours), np.array(theirs)) == -math.inf


def test_parity_tells_decisions_direction_noise_and_the_worst_output() -> None:
    original = np.array([[0.9, 0.1], [0.2, 0.8]])
    found = parity(np.array([[0.9, 0.1], [0.6, 0.4]]), original, TASK)
    assert found["parity_top1"] == 0.5
    assert found["max_error"] == pytest.approx(0.4)
    assert found["snr"] == pytest.approx(10 * math.log10(1.5 / 0.32))
    assert found["parity_cosine"] == agreement(np.array([[0.9, 0.1], [0.6, 0.4]]), original, TASK)["cosine"]


def test_a_regression_has_no_decisions_to_be_equal_in() -> None:
    assert set(parity(np.ones((3, 1)), np.ones((3, 1)), regression())) == {"parity_cosine", "snr", "max_error"}
