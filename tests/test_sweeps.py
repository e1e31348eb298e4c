"""A parameter as a range: which chains it stands for, and what is no range."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_matrix import REGISTRY, cells, spelled

from tradeoff.chain import parse_chain
from tradeoff.errors import TradeoffError
from tradeoff.spelling import Parameter
from tradeoff.sweeps import curve_of, divided, swept
from tradeoff.vocabulary import Technique

TECHNIQUES = {
    t.name: t
    for t in (
        Technique(
            "prune",
            "model",
            parameters=(
                Parameter("share", float, 0.5, minimum=0, maximum=0.99, positional=True),
                Parameter("epochs", int, 6, minimum=0, maximum=1000),
                Parameter("scope", str, "local", choices=("local", "global")),
                Parameter("student", str, ""),
            ),
        ),
        Technique("cut", "model", parameters=(Parameter("share", float, 0.5),)),
        Technique("int8", "precision"),
    )
}


@pytest.mark.parametrize(
    ("text", "spellings"),
    [
        ("prune:0.3..0.9/5", ["prune:0.3", "prune:0.45", "prune:0.6", "prune:0.75", "prune:0.9"]),
        ("prune:share=0.1..0.3/3+int8", ["prune:0.1+int8", "prune:0.2+int8", "prune:0.3+int8"]),
        ("prune:epochs=2..8/4", ["prune:epochs=2", "prune:epochs=4", "prune", "prune:epochs=8"]),
        ("prune:.5..0.6/2", ["prune", "prune:0.6"]),
        ("prune:1e-3..2e-3/2", ["prune:0.001", "prune:0.002"]),
        ("prune:0.7:scope=global", ["prune:0.7:scope=global"]),
        ("prune:student=a..b", ["prune:student=a..b"]),
    ],
)
def test_a_range_stands_for_evenly_spaced_values_with_both_ends(text: str, spellings: list[str]) -> None:
    assert [parse_chain(way, TECHNIQUES).spelling for way in swept(text, TECHNIQUES)] == spellings


def test_several_ranges_stand_for_every_combination() -> None:
    found = [
        parse_chain(way, TECHNIQUES).spelling for way in swept("prune:0.2..0.4/2+cut:share=0.6..0.8/2", TECHNIQUES)
    ]
    assert found == [f"prune:{one}+cut:share={other}" for one in (0.2, 0.4) for other in (0.6, 0.8)]


@settings(deadline=None, derandomize=True)
@given(st.floats(0, 0.4), st.floats(0.5, 0.99), st.integers(2, 50))
def test_a_range_has_as_many_values_as_it_says_and_all_are_valid(low: float, high: float, count: int) -> None:
    text = f"prune:share={low!r}..{high!r}/{count}"
    values = [dict(parse_chain(way, TECHNIQUES).steps[0].values)["share"] for way in swept(text, TECHNIQUES)]
    assert len(set(values)) == count
    assert values == sorted(values)  # type: ignore[type-var]
    assert values[0] == pytest.approx(low)
    assert values[-1] == pytest.approx(high)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prune:0.3..0.9", "prune: share=0.3..0.9 is no range; write LOW..HIGH/COUNT, as in 0.3..0.9/5"),
        ("prune:0.3..0.9/x", "share=0.3..0.9/x is no range"),
        ("prune:0.9..0.3/5", "share=0.9..0.3/5 does not go up"),
        ("prune:0.3..0.9/1", "share=0.3..0.9/1 has 1 values; from 2 to 200"),
        ("prune:0.3..1.5/3", "prune: share=1.5 is not a number from 0 to 0.99"),
        ("prune:a..0.9/3", "prune: share='a' is not a number from 0 to 0.99"),
        ("prune:epochs=1..3/5", "epochs=1..3/5 has 3 whole numbers, and 5 are asked for"),
        ("prune:scope=local..global/2", "prune: scope is one of local, global; a range is of numbers"),
        ("prune:0.1..0.9/20+cut:share=0.1..0.9/20", "stands for 400 chains, and 200 are allowed"),
    ],
)
def test_what_is_no_range_is_told_with_the_culprit(text: str, told: str) -> None:
    with pytest.raises(TradeoffError) as error:
        swept(text, TECHNIQUES)
    assert told in str(error.value)


@pytest.mark.parametrize(
    "text", ["nonsense:0.1..0.2/2", "int8:0.1..0.2/2", "prune:0.5:0.1..0.2/2", "..", "prune:x=1..2/2"]
)
def test_what_is_wrong_otherwise_is_told_as_ever(text: str) -> None:
    with pytest.raises(TradeoffError):
        [parse_chain(way, TECHNIQUES) for way in swept(text, TECHNIQUES)]


def test_a_range_is_part_of_the_matrix_and_each_value_a_cell() -> None:
    matrix = cells(models=("cnn",), techniques=("baseline", "prune:0.25..0.75/3", "prune:0.5"))
    assert REGISTRY.techniques["prune"].parameters
    assert spelled(matrix) == [
        f"cnn/{chain}/fast/host-cpu/b1" for chain in ("baseline", "prune:0.25", "prune:0.5", "prune:0.75")
    ]


def test_globs_see_the_values_of_a_range() -> None:
    matrix = cells(models=("cnn",), techniques=("prune:0.25..0.75/3",), cells=("*/prune:0.7*/*",))
    assert spelled(matrix) == ["cnn/prune:0.75/fast/host-cpu/b1"]


def test_a_cell_may_have_a_range_for_all_that_it_has_a_slash() -> None:
    matrix = cells(cells=("cnn/prune:0.25..0.75/2/fast/*/b1", "dense/prune:0.25..0.5/2+int8/fast"))
    assert spelled(matrix) == [
        "cnn/prune:0.25/fast/host-cpu/b1",
        "cnn/prune:0.75/fast/host-cpu/b1",
        "dense/prune:0.25+int8/fast/host-cpu/b1",
        "dense/prune:0.5+int8/fast/host-cpu/b1",
    ]


def test_only_a_number_after_a_range_is_part_of_it() -> None:
    assert divided("cnn/prune:0.1..0.3/5:epochs=2+int8/litert") == ["cnn", "prune:0.1..0.3/5:epochs=2+int8", "litert"]
    assert divided(" cnn/prune:0.1/5 ") == ["cnn", "prune:0.1", "5"]


def test_one_range_is_a_curve_whose_points_are_chains_as_they_are_spelled() -> None:
    found = curve_of("prune:epochs=2..10/3:share=0.7+int8", TECHNIQUES)
    assert found is not None
    assert found.parameter == "prune epochs"
    assert found.points == (
        (2, "prune:0.7:epochs=2+int8"),
        (6, "prune:0.7+int8"),
        (10, "prune:0.7:epochs=10+int8"),
    )
    assert curve_of("prune:0.7", TECHNIQUES) is None
    assert curve_of("prune:0.2..0.4/2+cut:share=0.6..0.8/2", TECHNIQUES) is None


def test_the_matrix_tells_the_curves_that_were_asked_for_wherever_they_stand() -> None:
    listed = cells(models=("cnn",), techniques=("baseline", "prune:0.25..0.75/3"))
    assert [curve.points[1] for curve in listed.curves] == [(0.5, "prune:0.5")]
    assert cells(cells=("cnn/prune:0.25..0.75/3/fast",)).curves == listed.curves
    assert cells(models=("cnn",)).curves == ()
