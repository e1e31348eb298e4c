"""Which ranks are chosen: the best under a budget, and reasons where none is."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tradeoff
from tradeoff.plugins.lowrank.factors import Table
from tradeoff.plugins.lowrank.ranks import Rule, in_layers, rule_of, under_budget
from tradeoff.plugins.lowrank.sites import Surveyed


def place(name: str, weights: int, rows: list[tuple[int, float]], macs: int = 1) -> tuple[Any, Table]:
    """A layer, and weights and error of ranks 1, 2, 3 …; each weight is used ``macs`` times."""
    costs = np.array([cost for cost, _ in rows], np.int64)
    ranks = np.arange(1, len(rows) + 1)[:, None]
    table = Table(ranks, costs, macs * costs, np.array([error for _, error in rows], np.float64))
    return SimpleNamespace(name=name, weights=weights, macs=macs * weights), table


def surveyed(tables: list[tuple[Any, Table]], rest: int = 0, macs: int | None = None) -> Surveyed:
    sites = [site for site, _ in tables]
    counted = sum(site.macs for site in sites) + rest if macs is None else macs
    return Surveyed(tuple(sites), {}, counted, sum(site.weights for site in sites) + rest, ())


FALLING = [(20, 0.5), (40, 0.3), (60, 0.1), (80, 0.05), (120, 0.0)]


@pytest.mark.parametrize(
    ("rule", "rank"),
    [(Rule("cut", 0.5), 2), (Rule("cut", 0.21), 3), (Rule("energy", 0.9), 3), (Rule("energy", 0.91), 4)],
)
def test_a_layer_alone_gets_the_least_error_that_fits_or_the_least_work_that_keeps_enough(
    rule: Rule, rank: int
) -> None:
    chosen = in_layers(rule, [place("a", 100, FALLING)], lambda _: (0,), 1)
    assert chosen.rows == {"a": rank - 1}


@pytest.mark.parametrize(
    ("rule", "found", "told"),
    [
        (Rule("cut", 0.9), 0, "of its 100 weights 9 may be left, and the smallest rank takes 20"),
        (Rule("energy", 0.99), 0, "at rank 5 its factors would have 120 weights, and it has 100"),
        (Rule("vbmf"), 0, "variational Bayes finds nothing in it that stands out of noise"),
        (Rule("vbmf"), 5, "at rank 5 its factors would have 120 weights, and it has 100"),
    ],
)
def test_a_layer_that_would_grow_or_cannot_shrink_enough_stays_with_the_reason(
    rule: Rule, found: int, told: str
) -> None:
    chosen = in_layers(rule, [place("a", 100, FALLING)], lambda _: (found,), 1)
    assert chosen.rows == {}
    assert chosen.left_out == {"a": told}


def test_a_layer_whose_factors_would_take_more_arithmetic_stays() -> None:
    site, table = place("a", 100, [(20, 0.5)])
    slow = Table(table.ranks, table.weights, np.array([500]), table.error)
    chosen = in_layers(Rule("cut", 0.5), [(site, slow)], lambda _: (0,), 1)
    assert chosen.left_out == {"a": "at rank 1 its factors would take 500 MACs, and it takes 100"}


def test_what_bayes_finds_is_rounded_up_to_the_multiple() -> None:
    assert in_layers(Rule("vbmf"), [place("a", 100, FALLING)], lambda _: (2,), 3).rows == {"a": 2}


def test_a_budget_goes_where_it_mends_most() -> None:
    tables = [place("easy", 100, [(10, 0.01), (50, 0.001)]), place("hard", 100, [(10, 0.9), (50, 0.5), (90, 0.1)])]
    chosen = under_budget(Rule("size", 0.6), tables, surveyed(tables), "svd: net")
    assert chosen.rows == {"easy": 0}
    assert chosen.left_out == {"hard": "size=0.6 is reached with this layer whole"}


POINTS = st.lists(st.tuples(st.integers(1, 99), st.floats(0.01, 1.0)), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(POINTS, min_size=1, max_size=3), st.floats(0.02, 0.98), st.sampled_from(["macs", "size"]))
def test_a_budget_is_kept_and_no_single_layer_could_do_better_with_what_is_left(
    curves: list[list[tuple[int, float]]], share: float, what: str
) -> None:
    tables = [place(str(number), 100, points, macs=3) for number, points in enumerate(curves)]
    found, rest = surveyed(tables, rest=7), 7
    times = 3 if what == "macs" else 1
    budget = int(share * (100 * times * len(tables) + rest))
    everything = [[(100 * times, 0.0), *((times * cost, error) for cost, error in points)] for points in curves]
    within = [way for way in product(*everything) if sum(cost for cost, _ in way) + rest <= budget]
    if not within:
        with pytest.raises(tradeoff.BadInput, match=f"net: {what}=.* asks for at most"):
            under_budget(Rule(what, share), tables, found, "svd: net")
        return
    chosen = under_budget(Rule(what, share), tables, found, "svd: net")
    rows = [(0 if str(n) not in chosen.rows else chosen.rows[str(n)] + 1) for n in range(len(curves))]
    way = [points[row] for points, row in zip(everything, rows, strict=True)]
    cost, error = sum(cost for cost, _ in way) + rest, sum(error for _, error in way)
    assert cost <= budget
    assert error >= min(sum(error for _, error in way) for way in within)
    for points, (paid, lost) in zip(everything, way, strict=True):
        better = [other for other, loss in points if loss < lost and cost - paid + other <= budget]
        assert not better


def test_what_cannot_be_reached_says_what_can() -> None:
    tables = [place("a", 100, FALLING)]
    with pytest.raises(tradeoff.BadInput, match=r"at most 20 of 200 parameters, .* 120 are left \(60.0%\)"):
        under_budget(Rule("size", 0.1), tables, surveyed(tables, rest=100), "svd: net")


def test_macs_that_nobody_can_count_are_no_budget() -> None:
    tables = [place("a", 100, FALLING)]
    unknown = Surveyed((tables[0][0],), {}, None, 100, ())
    with pytest.raises(tradeoff.Refused, match=r"cannot be counted; give them sizes, or write size=0.5"):
        under_budget(Rule("macs", 0.5), tables, unknown, "svd: net")


NOTHING: dict[str, Any] = {"cut": 0.5, "energy": 0.0, "macs": 0.0, "size": 0.0, "rank": "rule"}


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({}, "cut=0.5"),
        ({"cut": 0.3}, "cut=0.3"),
        ({"energy": 0.9}, "energy=0.9"),
        ({"macs": 0.6}, "macs=0.6"),
        ({"rank": "vbmf"}, "rank=vbmf"),
    ],
)
def test_one_rule_is_in_force(asked: dict[str, Any], rule: str) -> None:
    assert rule_of({**NOTHING, **asked}, "svd").spelling == rule


def test_two_rules_are_an_error_that_names_both() -> None:
    with pytest.raises(tradeoff.BadInput, match=r"svd: energy=0\.9 and rank=vbmf choose the ranks in different ways"):
        rule_of({**NOTHING, "energy": 0.9, "rank": "vbmf"}, "svd")
