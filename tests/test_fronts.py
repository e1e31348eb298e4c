"""Fronts held against their definitions, written out point by point."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeoff.decide import covering
from tradeoff.decide.fronts import Front, dominates, front_of, hypervolumes, knee_of

OFTEN = settings(deadline=None, max_examples=150)
Point = tuple[float, ...]


@st.composite
def points(draw: st.DrawFn) -> tuple[list[Point], list[Point], list[Point]]:
    """Values and the two ends of their intervals, from so few numbers that many are equal."""
    width = draw(st.integers(1, 4))
    value, reach = st.integers(0, 5).map(float), st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.5])
    rows = draw(st.lists(st.tuples(*[st.tuples(value, reach, reach)] * width), min_size=1, max_size=14))
    return (
        [tuple(v for v, _, _ in row) for row in rows],
        [tuple(v - down for v, down, _ in row) for row in rows],
        [tuple(v + up for v, _, up in row) for row in rows],
    )


@OFTEN
@given(points())
def test_a_point_is_dominated_when_another_is_no_worse_and_somewhere_shown_to_be_better(
    found: tuple[list[Point], list[Point], list[Point]],
) -> None:
    values, least, most = found
    front = front_of(*found)
    for ours, standing in enumerate(front.standings):
        beaten = [
            other
            for other in range(len(values))
            if all(a <= b for a, b in zip(values[other], values[ours], strict=True))
            and any(a < b for a, b in zip(most[other], least[ours], strict=True))
        ]
        assert (standing == "dominated") == bool(beaten)
        if beaten:
            assert front.by[ours] in beaten


@OFTEN
@given(points())
def test_a_point_is_on_the_front_when_nothing_could_be_better_throughout(
    found: tuple[list[Point], list[Point], list[Point]],
) -> None:
    values, least, most = found
    front = front_of(*found)
    for ours in range(len(values)):
        estimated = not any(dominates(other, values[ours]) for other in values)
        rivals = [
            other
            for other in range(len(values))
            if all(a <= b for a, b in zip(least[other], most[ours], strict=True))
            and any(a < b for a, b in zip(most[other], least[ours], strict=True))
        ]
        assert front.estimated[ours] == estimated
        assert (front.standings[ours] == "front") == (estimated and not rivals)


@OFTEN
@given(points())
def test_without_intervals_nothing_is_tied(found: tuple[list[Point], list[Point], list[Point]]) -> None:
    values, _, _ = found
    front = front_of(values)
    assert [s == "front" for s in front.standings] == list(front.estimated)
    assert "tied" not in front.standings


def test_equal_points_are_on_the_front_together_and_no_points_have_an_empty_one() -> None:
    assert front_of([(1.0, 2.0), (1.0, 2.0), (2.0, 3.0)]).standings == ("front", "front", "dominated")
    assert front_of([]) == Front((), (), ())


def test_what_is_missing_is_the_worst() -> None:
    assert front_of([(1.0, math.inf), (2.0, math.inf), (2.0, 3.0)]).standings == ("front", "dominated", "front")


def test_an_overlap_in_the_only_difference_is_a_tie() -> None:
    values, least, most = [(1.0, 5.0), (1.1, 5.0)], [(0.9, 5.0), (1.0, 5.0)], [(1.1, 5.0), (1.2, 5.0)]
    assert front_of(values, least, most).standings == ("front", "tied")


def test_a_lead_within_the_interval_does_not_hold_a_place_on_the_front() -> None:
    """More accurate by half a point of two, and ten times slower."""
    values = [(-0.98, 10.0), (-0.975, 1.0)]
    least, most = [(-0.99, 10.0), (-0.985, 1.0)], [(-0.97, 10.0), (-0.965, 1.0)]
    front = front_of(values, least, most)
    assert front.standings == ("tied", "front")
    assert front.estimated == (True, True)
    assert front.by == (1, -1)


@OFTEN
@given(st.lists(st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)), min_size=1, max_size=20))
def test_a_knee_is_on_the_front_and_below_the_line_between_its_ends(found: list[Point]) -> None:
    knee = knee_of(found)
    if knee is not None:
        assert not any(dominates(other, found[knee]) for other in found)
        front = sorted({p for p in found if not any(dominates(other, p) for other in found)})
        (x0, y0), (x1, y1) = ((math.log(a), math.log(b)) for a, b in (front[0], front[-1]))
        x, y = map(math.log, found[knee])
        assert (x - x0) / (x1 - x0) < 1 - (y - y1) / (y0 - y1)


def test_the_knee_of_a_bend_is_its_corner_and_a_straight_line_has_none() -> None:
    assert knee_of([(-0.99, 100.0), (-0.98, 5.0), (-0.60, 4.0)]) == 1
    assert knee_of([(-3.0, -1.0), (-2.0, -2.0), (-1.0, -3.0)]) is None
    assert knee_of([(1.0, 2.0), (2.0, 1.0)]) is None


def test_the_hypervolume_of_a_better_set_is_larger() -> None:
    worse, better = [(-0.9, 4.0), (-0.8, 2.0)], [(-0.9, 3.0), (-0.85, 2.0)]
    small, large = hypervolumes([worse, better])
    assert 0 < small < large < 1
    assert hypervolumes([worse, worse])[0] == pytest.approx(hypervolumes([worse, worse])[1])


@pytest.mark.parametrize("column", [0, 1, 2])
@OFTEN
@given(st.data())
def test_the_sweep_finds_what_the_pairs_find(column: int, data: st.DataObject) -> None:
    import numpy as np

    size = st.integers(1, 40)
    seed = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    scale = data.draw(st.sampled_from([3, 10, 1000]))
    points = seed.integers(0, scale, (data.draw(size), 3)).astype(float)
    queries = seed.integers(0, scale, (data.draw(size), 3)).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(covering, "_QUERIES", data.draw(st.integers(1, 50)))
        swept, paired = covering._swept(points, queries, column), covering._paired(points, queries, column)
    assert [place >= 0 for place in swept] == [place >= 0 for place in paired]
    for place, query in zip(swept, queries, strict=True):
        if place >= 0:
            assert all(points[place] <= query)
            assert points[place][column] < query[column]


def test_points_that_are_all_on_the_front_with_intervals_take_no_longer_than_a_moment() -> None:
    """So many that the sweep is used, held against what the pairs say of a few of them."""
    import numpy as np

    seed = np.random.default_rng(1)
    directions = abs(seed.normal(size=(9_000, 3)))
    values = 1 - directions / np.linalg.norm(directions, axis=1, keepdims=True)
    least, most = values - 0.001, values + 0.001
    front = front_of(values, least, most)
    for place in range(0, 9_000, 300):
        rival = ((least <= most[place]).all(axis=1) & (most < least[place]).any(axis=1)).any()
        assert (front.standings[place] == "front") == (not rival)
