"""Intervals of changes, and the correction for many tests."""

from __future__ import annotations

import random
import statistics

import pytest
from compared_runs import sampled
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.compare.changes import difference, holm, middle, ratio
from tradeoff.compare.quantities import Worth
from tradeoff.record import Measurement

CHANCES = st.lists(st.none() | st.floats(0, 1), max_size=30)


@given(CHANCES)
def test_a_correction_makes_nothing_surer_and_keeps_the_order(chances: list[float | None]) -> None:
    adjusted = holm(chances)
    pairs = sorted(
        (p, after) for p, after in zip(chances, adjusted, strict=True) if p is not None and after is not None
    )
    assert all(p <= after <= 1 for p, after in pairs)
    assert [after for _, after in pairs] == sorted(after for _, after in pairs)
    assert [after is None for after in adjusted] == [p is None for p in chances]


def test_holm_is_as_in_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_the_interval_of_a_ratio_holds_the_truth_nineteen_times_in_twenty() -> None:
    generator = random.Random(1)
    hits = 0
    for _ in range(1000):
        old, new = (generator.gauss(1.0, 0.01) for _ in range(2))
        found = ratio(sampled(old, 0.0196), sampled(new, 0.0196), Worth(0.0))
        hits += (found.low or 0) <= 0 <= (found.high or 0)
    assert 930 <= hits <= 970


def test_what_runs_differ_by_of_themselves_widens_the_interval() -> None:
    narrow, wide = (ratio(sampled(1.0), sampled(1.1), Worth(0.0, apart)) for apart in (0.0, 0.05))
    assert (narrow.p or 0) < (wide.p or 0)
    assert (wide.low or 0) < (narrow.low or 0) < 0.1 < (narrow.high or 0) < (wide.high or 0)


def test_the_interval_of_an_accuracy_holds_the_truth_nineteen_times_in_twenty() -> None:
    generator = random.Random(2)
    hits = 0
    for _ in range(500):
        shares = [sum(generator.random() < 0.95 for _ in range(360)) / 360 for _ in range(2)]
        old, new = (Measurement(share, "1", "higher") for share in shares)
        found = difference(old, new, (360, 360))
        hits += (found.low or 0) <= 0 <= (found.high or 0)
    assert hits >= 465


def test_what_many_have_in_common_is_their_median() -> None:
    found = middle([0.03, 0.031, 0.029, 0.5, 0.03], Worth(0.02, 0.001))
    assert found.value == pytest.approx(0.03)
    assert statistics.median([found.low or 0, found.value, found.high or 0]) == found.value
