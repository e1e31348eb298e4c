"""Two runs by their fronts: one reference for both, and no difference where the intervals do not show one."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

import pytest
from compared_runs import MACHINE
from decided_runs import cell, number, run
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeoff.compare.comparing import compare
from tradeoff.compare.gate import Outcome
from tradeoff.decide.volumes import FrontChange, front_changes
from tradeoff.record import Record, Run
from tradeoff.reports.renderers.comma import CommaSeparated
from tradeoff.reports.renderers.markdown import Markdown
from tradeoff.reports.renderers.terminal import Terminal

Points = Sequence[tuple[float, float]]
points = st.lists(
    st.tuples(st.sampled_from([0.5, 0.8, 0.9, 0.95]), st.sampled_from([1.0, 2.0, 3.0, 5.0, 8.0])),
    min_size=3,
    max_size=6,
)


def of(found: Points, cost: str = "artifact_bytes", name: str = "a run", **more: float) -> Run:
    return run(*(_cell(place, a, c, cost, **more) for place, (a, c) in enumerate(found)), name=name)


def _cell(place: int, accuracy: float, cost: float, name: str, spread: float = 0.0, samples: int = 0) -> Record:
    values = {"accuracy": number("accuracy", accuracy), name: number(name, cost, spread)}
    return cell(f"m/c{place}", dict(values), **({"test_samples": samples} if samples else {}))


def change(old: Run, new: Run) -> FrontChange:
    (found,) = front_changes(old, new)
    return found


def by_hand(found: Points, everything: Points) -> float:
    """A staircase, from the best accuracy down, on the scale that is told."""
    worst, best = (f(a for a, _ in everything) for f in (min, max))
    cheap, dear = (math.log(f(c for _, c in everything)) for f in (min, max))
    placed = sorted(((best - a) / (best - worst or 1), (math.log(c) - cheap) / (dear - cheap or 1)) for a, c in found)
    area, floor = 0.0, 1.1
    for x, y in placed:
        if y < floor:
            area, floor = area + (1.1 - x) * (floor - y), y
    return area / 1.1**2


@settings(deadline=None, max_examples=60)
@given(points, points)
def test_the_volume_is_the_room_under_a_staircase(old: Points, new: Points) -> None:
    found = change(of(old), of(new))
    assert found.old.value == pytest.approx(by_hand(old, [*old, *new]))
    assert found.new.value == pytest.approx(by_hand(new, [*old, *new]))


@settings(deadline=None, max_examples=60)
@given(points, points)
def test_the_reference_is_beyond_the_worst_of_both_runs(old: Points, new: Points) -> None:
    accuracy, size = change(of(old), of(new)).reference
    assert accuracy < min(a for a, _ in [*old, *new])
    assert size > max(c for _, c in [*old, *new])
    assert change(of(new), of(old)).reference == (accuracy, size)


@settings(deadline=None, max_examples=60)
@given(points, points)
def test_more_cells_never_cover_less(old: Points, more: Points) -> None:
    found = change(of(old), of([*old, *more]))
    assert found.new.value >= found.old.value - 1e-12
    assert found.verdict != "worse"


@settings(deadline=None, max_examples=60)
@given(points, points, st.sampled_from([0.01, 0.3]))
def test_what_is_shown_one_way_round_is_shown_the_other(old: Points, new: Points, spread: float) -> None:
    one, two = of(old, "latency", spread=spread, samples=50), of(new, "latency", spread=spread, samples=50)
    there, back = change(one, two), change(two, one)
    turned = {"better": "worse", "worse": "better"}
    assert back.verdict == turned.get(there.verdict, there.verdict)
    for volume in (there.old, there.new):
        assert volume.low <= volume.value <= volume.high


BEFORE, AFTER = [(0.8, 1e-3), (0.9, 2e-3), (0.95, 4e-3)], [(0.8, 0.5e-3), (0.9, 1e-3), (0.95, 2e-3)]


def test_a_difference_is_only_shown_where_the_intervals_show_it() -> None:
    def verdict(spread: float, samples: int) -> str:
        more = {"spread": spread, "samples": samples}
        return change(of(BEFORE, "latency", **more), of(AFTER, "latency", **more)).verdict  # type: ignore[arg-type]

    assert verdict(0.001, 100_000) == "better"
    assert verdict(0.6, 100_000) == "no difference shown"
    assert verdict(0.001, 20) == "no difference shown"
    assert change(of(AFTER, "latency"), of(BEFORE, "latency")).verdict == "worse"


def test_fewer_than_three_cells_are_no_front() -> None:
    assert front_changes(of(BEFORE[:2]), of(AFTER)) == []


def test_doubtful_cells_are_left_out_and_counted() -> None:
    noisy = cell("m/x", {"accuracy": 1.0, "latency": 1e-6, "artifact_bytes": 1.0}, "noisy")
    old = of(BEFORE, "latency")
    found = change(old, Run(old.name, old.started, old.machine, records=(*old.records, noisy)))
    assert (found.old.cells, found.new.cells, found.doubtful) == (3, 3, 1)
    assert found.verdict == "no difference shown"


def test_of_different_machines_only_what_does_not_depend_on_them_is_compared() -> None:
    both = run(
        *(cell(f"m/c{n}", {"accuracy": 0.8 + n / 20, "latency": 1.0 + n, "artifact_bytes": 1e3 + n}) for n in range(3))
    )
    there = Run("there", both.started, {**MACHINE, "cores": 2}, records=both.records)
    assert [one.cost for one in front_changes(both, both)] == ["latency", "size"]
    assert [one.cost for one in front_changes(both, there, machines_differ=True)] == ["size"]
    told = Terminal().render_comparison(Outcome(compare(both, there)), 120, False)
    assert "size · digits · host-cpu · b1" in told
    assert "latency · digits" not in told


def test_all_formats_tell_the_fronts_with_their_reference() -> None:
    outcome = Outcome(compare(of(BEFORE, "latency"), of(AFTER, "latency", name="new")))
    text = " ".join(Terminal().render_comparison(outcome, 160, False).split())
    assert "latency · digits · host-cpu · b1" in text
    assert "accuracy 78.50 %, latency 4.92 ms" in text
    assert "more is better" in text
    assert "### Fronts" in Markdown().render_comparison(outcome, 80, False)
    lines = list(csv.DictReader(io.StringIO(CommaSeparated().render_comparison(outcome, 80, False))))
    (line,) = (line for line in lines if line["measurement"] == "hypervolume")
    assert line["verdict"] == "better"
    assert float(line["new"]) > float(line["old"])
    assert "reference accuracy 78.50 %, latency 4.92 ms" in line["reason"]


def test_at_eighty_columns_nothing_is_wider() -> None:
    outcome = Outcome(compare(of(BEFORE, "latency", spread=0.01), of(AFTER, "latency", spread=0.01)))
    assert max(map(len, Terminal().render_comparison(outcome, 80, False).splitlines())) <= 80
