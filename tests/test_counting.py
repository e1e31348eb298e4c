"""What a small model that passes on comes to, held against counting sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
from cascaded_runs import CONFIDENCES, answers
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeoff.answers import Answers
from tradeoff.decide.counting import ABOVE, curve_of, thresholds_of
from tradeoff.errors import BadInput

OFTEN = settings(deadline=None, max_examples=60)
pairs = st.integers(1, 12).flatmap(lambda samples: st.tuples(answers(samples), answers(samples)))


@OFTEN
@given(pairs, st.lists(st.one_of(st.sampled_from(CONFIDENCES), st.floats(0, 1.1)), min_size=1, max_size=5))
def test_a_curve_is_what_counting_sample_by_sample_gives(pair: tuple[Answers, Answers], asked: list[float]) -> None:
    small, large = pair
    found = curve_of(small, large, asked)
    for place, threshold in enumerate(asked):
        passed = right = 0
        for sure, ours, theirs in zip(small.confidence, small.right, large.right, strict=True):
            passed += sure < threshold
            right += theirs if sure < threshold else ours
        assert (found.passed[place], found.right[place]) == (passed, right)


@OFTEN
@given(pairs)
def test_more_is_passed_on_the_higher_the_threshold(pair: tuple[Answers, Answers]) -> None:
    found = curve_of(*pair)
    assert (np.diff(found.passed) > 0).sum() == len(set(pair[0].confidence))
    assert (np.diff(found.passed) >= 0).all()
    assert (np.diff(found.thresholds) > 0).all()


@OFTEN
@given(pairs)
def test_nothing_is_passed_on_at_zero_and_everything_above_one(pair: tuple[Answers, Answers]) -> None:
    small, large = pair
    found = curve_of(small, large)
    assert (found.thresholds[0], found.thresholds[-1]) == (0.0, ABOVE)
    assert (found.passed[0], found.passed[-1]) == (0, len(small))
    assert (found.right[0], found.right[-1]) == (sum(small.right), sum(large.right))


@OFTEN
@given(pairs, st.floats(0.0, 1.1))
def test_no_threshold_gives_what_the_told_ones_do_not(pair: tuple[Answers, Answers], threshold: float) -> None:
    told, found = curve_of(*pair), curve_of(*pair, [threshold])
    assert (found.passed[0], found.right[0]) in set(zip(told.passed.tolist(), told.right.tolist(), strict=True))
    assert len(thresholds_of(pair[0])) == len(told.thresholds)


def test_answers_to_different_samples_are_no_cascade() -> None:
    with pytest.raises(BadInput, match="2 answers and 1 answers are no cascade"):
        curve_of(Answers((0.5, 0.5), (True, True), 2), Answers((0.5,), (True,), 1))
