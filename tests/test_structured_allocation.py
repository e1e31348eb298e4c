"""How many channels each group gives up: alike, or by what it costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.plugins.structured.allocation import Costs, allocate, even_channels, least, smaller_size
from tradeoff.plugins.structured.graph import Group

#: Three layers in a row with 9 positions each: 4 inputs, then the groups, then 10 outputs, and 7 of something else.
CHAIN = Costs(
    7.0,
    np.array([9.0, 9.0, 9.0, 9.0]),
    np.array([[0, 0, 0, 4.0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]),
    np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 10]]),
)


def by_hand(a: int, b: int, c: int) -> float:
    return 7 + 9 * (4 * a + a * b + b * c + 10 * c)


@given(st.tuples(*[st.integers(1, 500)] * 3))
def test_costs_are_counted_as_by_hand(kept: tuple[int, int, int]) -> None:
    assert CHAIN.macs(kept) == by_hand(*kept)


@pytest.mark.parametrize(
    ("size", "multiple", "next_one"), [(128, 8, 120), (300, 8, 296), (9, 8, 8), (8, 8, None), (2, 1, 1)]
)
def test_the_next_smaller_size_suits_the_kernels(size: int, multiple: int, next_one: int | None) -> None:
    assert smaller_size(size, multiple) == next_one


def test_one_multiple_stays_and_what_is_narrower_stays_whole() -> None:
    groups = [Group("", (), np.arange(size)) for size in (128, 8, 5)]
    assert least(groups, 8) == [8, 8, 5]


@given(st.tuples(*[st.integers(1, 300)] * 3), st.sampled_from([1, 4, 8, 16]), st.floats(0.01, 0.9), st.booleans())
def test_at_least_what_was_asked_goes_in_multiples(
    sizes: tuple[int, int, int], multiple: int, share: float, priced: bool
) -> None:
    most = CHAIN.macs(sizes) * (1 - share)
    rise = (lambda place, kept: (1 - kept / sizes[place]) * (place + 1)) if priced else None
    kept = allocate(sizes, sizes, CHAIN, most, multiple, rise)
    fewest = least([Group("", (), np.arange(size)) for size in sizes], multiple)
    if kept is None:
        assert CHAIN.macs(fewest) > most
        return
    assert CHAIN.macs(kept) <= most
    for size, left, few in zip(sizes, kept, fewest, strict=True):
        assert few <= left <= size
        assert left == size or left % multiple == 0


@given(st.floats(0.05, 0.8))
def test_all_shrink_alike(share: float) -> None:
    sizes = (160, 320, 240)
    kept = allocate(sizes, sizes, CHAIN, CHAIN.macs(sizes) * (1 - share), 8, None)
    assert kept is not None
    shares = [left / size for left, size in zip(kept, sizes, strict=True)]
    assert max(shares) - min(shares) <= 0.2 * max(shares) + 0.05


def test_not_a_step_more_than_needed() -> None:
    sizes = (64, 128, 128)
    most = CHAIN.macs(sizes) / 2
    kept = allocate(sizes, sizes, CHAIN, most, 8, None)
    assert kept is not None
    one_more = [CHAIN.macs([k + 8 * (place == other) for other, k in enumerate(kept)]) for place in range(3)]
    assert max(one_more) > most


def test_what_can_be_spared_goes_first() -> None:
    sizes = (64, 64, 64)
    most = CHAIN.macs(sizes) * 0.7
    kept = allocate(sizes, sizes, CHAIN, most, 8, lambda place, left: (1 - left / 64) * (0.0 if place == 2 else 5.0))
    assert kept is not None
    assert kept[:2] == [64, 64]
    assert kept[2] < 64


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, [152, 48, 16, 8, 5]), (0.01, [296, 96, 32, 8, 5]), (0.99, [8, 8, 8, 8, 5])]
)
def test_the_same_share_of_every_layer_to_the_nearest_multiple(share: float, expected: list[int]) -> None:
    assert even_channels([300, 100, 32, 8, 5], share, 8) == expected
