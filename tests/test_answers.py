"""What an artifact answered, sample by sample."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tradeoff import quality
from tradeoff.answers import MOST, Answers, answers_of
from tradeoff.errors import BadInput
from tradeoff.vocabulary import Split, Splits, Task


def nothing() -> Splits:
    raise AssertionError("no test here loads data")


def task(**more: Any) -> Task:
    return Task("t", nothing, **more)


def split(count: int) -> Split:
    return Split(np.zeros((count, 2)), np.arange(count) % 3)


@given(arrays(np.float64, (7, 3), elements=st.floats(0.01, 1.0)))
def test_what_was_right_adds_up_to_the_accuracy(outputs: np.ndarray) -> None:
    found = answers_of(outputs, split(7), task())
    assert found is not None
    assert np.mean(found.right) == pytest.approx(quality.judge(outputs, split(7).y, task())["accuracy"])
    assert all(1 / 3 - 1e-4 <= one <= 1.0 for one in found.confidence)


@given(arrays(np.float64, (5, 3), elements=st.floats(-30, 30)))
def test_logits_are_as_sure_as_their_softmax(outputs: np.ndarray) -> None:
    powers = np.exp(outputs)
    shares = powers / powers.sum(axis=-1, keepdims=True)
    logits, plain = answers_of(outputs, split(5), task(outputs="logits")), answers_of(shares, split(5), task())
    assert logits is not None
    assert plain is not None
    assert logits.confidence == pytest.approx(plain.confidence, abs=2e-4)


def test_an_output_that_is_no_number_is_sure_of_nothing_and_wrong() -> None:
    found = answers_of(np.array([[np.nan, 0.9, 0.1], [0.1, 0.8, 0.1]]), split(2), task())
    assert found is not None
    assert found == Answers((0.0, 0.8), (False, True), 2)


def test_a_lone_output_is_as_sure_of_no_as_of_yes() -> None:
    found = answers_of(np.array([[0.1], [0.7]]), Split(np.zeros((2, 1)), np.array([0, 0])), task())
    assert found == Answers((0.9, 0.7), (True, False), 2)


def test_of_a_large_split_the_first_samples_are_told_and_how_many_there_are() -> None:
    found = answers_of(np.full((MOST + 5, 3), 1 / 3), split(MOST + 5), task())
    assert found is not None
    assert (len(found), found.of) == (MOST, MOST + 5)


def test_several_decisions_for_a_sample_and_values_have_no_such_answers() -> None:
    assert answers_of(np.zeros((4, 5, 3)) + 0.3, Split(np.zeros((4, 2)), np.zeros((4, 5))), task()) is None
    assert answers_of(np.zeros((4, 1)), split(4), task(kind="regression", metric="mae", loss="mae")) is None


def test_answers_come_back_from_a_record_as_they_went_in() -> None:
    made = Answers((0.5, 0.25), (True, False), 9)
    assert Answers.from_json(json.loads(json.dumps(made.to_json())), "record x") == made


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"confidence": 3, "right": "1", "of": 1},
        {"confidence": [0.5], "right": "11", "of": 2},
        {"confidence": [0.5], "right": "x", "of": 1},
        {"confidence": [1.5], "right": "1", "of": 1},
        {"confidence": ["a"], "right": "1", "of": 1},
        None,
    ],
)
def test_broken_answers_are_refused_by_the_name_of_their_record(broken: object) -> None:
    with pytest.raises(BadInput, match=r"record x|do not answer"):
        Answers.from_json(broken, "record x")
