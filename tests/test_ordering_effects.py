"""What order does: paired differences, and intervals that noise alone seldom leaves."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tradeoff.ordering.effects import effect, of_chains, of_company, of_orders, of_pairs

NAMES = ("a", "b")
#: Each seed has a level of its own, which pairing takes out.
SCORES = {
    (): [90.0, 80.0, 70.0],
    ("a",): [89.0, 79.1, 68.9],
    ("b",): [88.0, 78.0, 68.1],
    ("a", "b"): [87.0, 77.0, 67.0],
    ("b", "a"): [85.0, 75.1, 64.9],
}


def test_levels_of_seeds_do_not_widen_what_is_taken_within_each() -> None:
    (found,) = of_pairs(SCORES, NAMES)
    assert found.told == "a, then b, over the reverse"
    assert found.mean == pytest.approx(2.0)
    assert found.shown
    assert found.low is not None
    assert found.low > 1.5


def test_company_is_what_neither_does_alone() -> None:
    (found,) = of_company(SCORES, NAMES)
    # 86 for both in the mean of two orders, where 90 - 1 - 2 were to be expected of the first seed.
    assert found.mean == pytest.approx(np.mean([86 - 89 - 88 + 90, 76.05 - 79.1 - 78 + 80, 65.95 - 68.9 - 68.1 + 70]))


def test_orders_of_three_are_told_against_their_mean_and_the_best_comes_first() -> None:
    names = ("a", "b", "c")
    scores = {order: [float(place), place + 1.0] for place, order in enumerate(permutations(names))}
    found = of_orders(scores, names)
    assert [one.mean for one in found] == [2.5, 1.5, 0.5, -0.5, -1.5, -2.5]
    assert found[0].told == "c, then b, then a"
    assert of_orders(SCORES, NAMES) == []


def test_one_seed_has_no_interval_and_shows_nothing() -> None:
    one = effect("x", [5.0], 3)
    assert (one.mean, one.low, one.high, one.shown) == (5.0, None, None, False)


def test_more_statements_at_once_make_each_of_them_wider() -> None:
    few, many = (effect("x", [1.0, 1.2, 0.9], count) for count in (1, 10))
    assert few.low is not None
    assert many.low is not None
    assert many.low < few.low < 0.9


def test_where_nothing_differs_something_is_shown_in_at_most_one_table_of_twenty() -> None:
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        scores = {members: random.normal(90, 1, 5).tolist() for members in [(), *((str(one),) for one in range(6))]}
        wrong += any(one.shown for one in of_chains(scores).values())
    assert wrong <= 0.05 * 400 + 10
